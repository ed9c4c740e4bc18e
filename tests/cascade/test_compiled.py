"""Steps that look into a discriminator, where it is compiled or under spectral norm."""

import pytest
import torch
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.cascade import KFAC, GaussNewton
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.score_gradients import layer_features
from ignite_unlearn.handlers import Rows

STREAM = torch.Generator().manual_seed(0)
RETAINED, UNSEEN, FORGOTTEN = (torch.randn(n, 1, 4, 4, generator=STREAM) for n in (24, 24, 2))


def whole(net, backend):
    net.compile(backend=backend)
    return net


def forward(net, backend):
    net.forward = torch.compile(net.forward, backend=backend)
    return net


COMPILED = {
    "net.compile()": whole,
    "the wrapper": lambda net, backend: torch.compile(net, backend=backend),
    "its forward": forward,
    "a part": lambda net, backend: nn.Sequential(torch.compile(net[:3], backend=backend), *net[3:]),
}
NORMS = {"none": lambda layer: layer, "new": nn.utils.parametrizations.spectral_norm, "old": nn.utils.spectral_norm}


def make(norm="none"):
    torch.manual_seed(0)
    hidden = NORMS[norm](nn.Linear(16, 64))
    netD = nn.Sequential(nn.Flatten(), hidden, nn.Tanh(), NORMS[norm](nn.Linear(64, 1)))
    for _ in range(20):
        netD(RETAINED)  # the norms' vectors settle
    return netD


def moved(netD, step, wanted=0.5):
    """How forgotten and retained scores changed."""
    gan = GAN(nn.Linear(2, 16), netD, latents=(2,))
    teacher = gan.teacher()
    before = [gan.score(images).detach() for images in (FORGOTTEN, RETAINED)]
    with borrow(gan.generator, gan.discriminator, seed=0):
        step(
            gan,
            teacher,
            Rows(FORGOTTEN, None, torch.tensor([True, True])),
            lambda scores, gan, teacher: scores + wanted,
        )
    with torch.no_grad():
        return [gan.score(images) - old for images, old in zip((FORGOTTEN, RETAINED), before, strict=True)]


@pytest.mark.parametrize("kind", [GaussNewton, KFAC])
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("how", COMPILED)
def test_a_compiled_discriminator_is_moved_as_one_that_is_not(how, backend, kind):
    torch.compiler.reset()
    plain = moved(make(), kind(RETAINED, unseen=UNSEEN, rows=16))
    net = COMPILED[how](make(), backend)
    net.eval()(RETAINED)  # compiled before anybody looks into it
    found = moved(net.train(), kind(RETAINED, unseen=UNSEEN, rows=16))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(plain, found, strict=True))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_features_and_logits_of_a_compiled_discriminator_are_those_of_the_same_net(backend):
    torch.compiler.reset()
    net = nn.Sequential(*make(), nn.Sigmoid())
    gan = GAN(nn.Linear(2, 16), net, latents=(2,), scores="probabilities")
    features, scores = layer_features(gan, RETAINED), gan.score(100 * RETAINED)
    net.compile(backend=backend)
    net(RETAINED)
    assert torch.equal(layer_features(gan, RETAINED)["3"], features["3"])
    assert torch.equal(gan.score(100 * RETAINED), scores)


@pytest.mark.parametrize("kind", [GaussNewton, KFAC])
@pytest.mark.parametrize("norm", ["new", "old"])
def test_a_hidden_layer_under_spectral_norm_is_moved(norm, kind):
    net = make(norm)
    weights = {name: p.detach().clone() for name, p in net.named_parameters()}
    forgotten, retained = moved(net, kind(RETAINED), wanted=0.05)
    assert torch.allclose(forgotten, torch.full((2,), 0.05), atol=0.01)
    assert (retained - retained.mean()).abs().mean() < 0.01
    changed = [name for name, p in net.named_parameters() if not torch.equal(p, weights[name])]
    assert changed == [next(name for name in weights if name.startswith("1.") and "weight" in name)]
    before = net(FORGOTTEN).detach()
    for _ in range(20):
        net(RETAINED)  # power iterations of the loop's own step
    assert torch.allclose(net(FORGOTTEN), before, atol=0.01)
