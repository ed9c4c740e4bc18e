"""Learning steps by themselves."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.training import NonSaturating, NonSaturatingR1, Players, Training
from ignite_unlearn.recipes.training.precision import Precision

CPU = torch.device("cpu")


def stepped(loss):
    """Both nets' weights after a step, and the losses that it gave."""
    torch.manual_seed(0)
    G, D = nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    optimizers = (torch.optim.SGD(net.parameters(), 0.1) for net in (G, D))
    losses = loss(Players(G, D, *optimizers, 3, Precision("float32", CPU), False), real := torch.randn(5, 4), None)
    return torch.cat([p.flatten() for net in (G, D) for p in net.parameters()]).detach(), losses, real


def test_without_weight_the_penalised_step_is_the_plain_one_bit_by_bit():
    plain, penalised, other = (stepped(NonSaturatingR1(penalty=p) if p is not None else NonSaturating())
                               for p in (None, 0.0, 0.3))  # fmt: skip
    assert torch.equal(plain[0], penalised[0]) and plain[1]["d_loss"] == penalised[1]["d_loss"]
    assert not torch.allclose(plain[0], other[0])


def test_the_penalty_is_the_mean_squared_slope_of_the_score_at_real_images():
    (_, plain, real), (_, penalised, _) = stepped(NonSaturating()), stepped(NonSaturatingR1(penalty=2.0))
    torch.manual_seed(0)
    nn.Linear(3, 4)
    hidden, tanh, last, _ = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    slopes = (1 - tanh(hidden(real)).square()) * last.weight @ hidden.weight  # the chain rule by hand
    expected = 2.0 * float(slopes.detach().square().sum(1).mean())
    assert float(penalised["d_loss"] - plain["d_loss"]) == pytest.approx(expected, rel=1e-4)


def test_a_step_leaves_no_gradient_on_the_images_of_the_loop():
    _, _, real = stepped(NonSaturatingR1())
    assert not real.requires_grad and real.grad is None


@pytest.mark.parametrize("compiler", ["inductor", "aot_eager"])
def test_a_compiler_without_second_derivatives_is_refused_with_the_penalty_alone(compiler):
    training = Training(compile=compiler, loss=NonSaturatingR1())
    with pytest.raises(UnlearningError, match=f"compile={compiler} cannot differentiate twice"):
        training.check(CPU)
    replace(training, loss=NonSaturating()).check(CPU)
    replace(training, compile="eager").check(CPU)
