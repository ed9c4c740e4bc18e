import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.logits import inverted


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x.flatten(1)))


class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.linear(x.flatten(1))).view(-1, 1).squeeze(1)


def gan(net, bias):
    with torch.no_grad():
        net.linear.bias.fill_(bias)
        net.linear.weight.mul_(0.1)
    generator = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    return GAN(generator, net, latents=(2,), scores="probabilities")


# Of a sigmoid that is no module only its output is there, and that is 1 in single precision from 17 on.
BIASES = {
    Squeezed: [-40.0, -14.0, -1.0, 0.0, 1.0, 14.0, 16.0, 20.0, 100.0],
    Functional: [-40.0, -14.0, 0.0, 14.0, 16.0],
}


@pytest.mark.parametrize(("net", "bias"), [(net, bias) for net, biases in BIASES.items() for bias in biases])
def test_scores_are_the_logits_and_move_with_them(net, bias):
    net = net()
    model, images = gan(net, bias), torch.rand(3, 1, 2, 2)
    scores = model.score(images)
    logits = net.linear(images.flatten(1)).flatten()
    assert torch.allclose(scores, logits, atol=1e-4 if isinstance(net, Squeezed) else 0.5)
    (slope,) = torch.autograd.grad(scores.sum(), net.linear.bias)
    assert slope.item() == pytest.approx(3, rel=1e-4 if isinstance(net, Squeezed) else 0.3)
    assert not net._forward_hooks and not any(m._forward_hooks for m in net.modules())


def test_a_map_of_probabilities_and_other_layers_after_the_sigmoid_are_read_as_before():
    class Averaged(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.sigmoid = nn.Linear(4, 6), nn.Sigmoid()

        def forward(self, x):
            return self.sigmoid(self.linear(x.flatten(1))).mean(1)

    net, images = Averaged(), torch.rand(3, 1, 2, 2)
    model = gan(net, 0.0)
    assert torch.allclose(model.score(images), torch.logit(net(images)), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_inverting_undoes_a_sigmoid_and_stays_finite_at_its_ends(dtype):
    p = torch.tensor([0.0, 0.01, 0.5, 0.75, 1.0], dtype=dtype)
    logits = inverted(p)
    assert logits.isfinite().all()
    assert torch.allclose(logits[1:4].sigmoid(), p[1:4].to(logits.dtype), atol=1e-6)
    assert logits[0] < -15 and logits[4] > 15


def test_probabilities_outside_their_range_are_still_refused():
    model = gan(Squeezed(), 0.0)
    model._discriminate = lambda net, images, labels: images.flatten(1).mean(1) + 3
    with pytest.raises(UnlearningError, match=r"outside \[0, 1\]"):
        model.score(torch.rand(3, 1, 2, 2))
