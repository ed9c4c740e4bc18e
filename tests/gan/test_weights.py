import pytest
import torch
from torch import nn

from ignite_unlearn import UnlearningDivergedError, UnlearningError
from ignite_unlearn.gan.weights import KeptWeights, load_weights, same_weights


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["parameter", "buffer"])
def test_renewing_poisoned_weights_restores_the_last_good_ones_and_says_so(poison, where):
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    kept = KeptWeights(net)
    net[0].weight.data.fill_(2.0)
    kept.renew()
    (net[0].weight.data if where == "parameter" else net[1].running_mean).view(-1)[1] = poison
    with pytest.raises(UnlearningDivergedError, match="last good weights are back"):
        kept.renew()
    assert (net[0].weight == 2).all() and (net[1].running_mean == 0).all()


def test_weights_that_were_laid_elsewhere_are_restored_too():
    net = nn.BatchNorm1d(2)
    kept = KeptWeights(net)
    net.weight.data = torch.full((2,), 3.0)
    net.running_mean = torch.full((2,), 4.0)
    kept.renew()
    net.weight.data = torch.full((2,), float("nan"))
    net.running_mean = torch.zeros(2)
    with pytest.raises(UnlearningDivergedError):
        kept.renew()
    assert (net.weight == 3).all() and (net.running_mean == 4).all()


def test_a_buffer_may_grow():
    net = nn.BatchNorm1d(2)
    kept = KeptWeights(net)
    net.running_mean = torch.full((3,), 4.0)
    kept.renew()
    net.running_mean.zero_()
    kept.restore()
    assert (net.running_mean == 4).all()


def test_weights_of_another_net_are_refused_and_nothing_is_loaded():
    net = nn.Linear(2, 2)
    before = net.weight.clone()
    for other, problem in ((nn.Linear(3, 2), "another shape"), (nn.Linear(2, 2, bias=False), "lacks 'bias'")):
        with pytest.raises(UnlearningError, match=problem):
            load_weights(net, other.state_dict(), "generator")
    with pytest.raises(UnlearningError, match="unknown 'extra'"):
        load_weights(net, {**net.state_dict(), "extra": torch.zeros(1)}, "generator")
    assert torch.equal(net.weight, before)


def test_same_weights():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    assert not same_weights(a, b)
    load_weights(b, a.state_dict(), "net")
    assert same_weights(a, b)


def test_a_buffer_that_is_meant_to_be_infinite_is_no_divergence():
    net = nn.Linear(2, 2)
    net.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(3))
    kept = KeptWeights(net)
    kept.renew()
    net.weight.data[0, 0] = float("nan")
    with pytest.raises(UnlearningDivergedError):
        kept.renew()
    assert bool(net.weight.isfinite().all()) and bool(net.mask.isinf().any())
