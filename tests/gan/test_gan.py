import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN, UnlearningError
from tests.loops.nets import CLASSES, Discriminator, Generator, Z


def gan(head=None, classes=None, **options):
    return GAN(Generator(classes), Discriminator(head, classes), latents=(Z,), labels=classes, **options)


def test_sample_gives_images_and_leaves_the_net_as_it_was():
    g = gan(classes=CLASSES)
    before = [b.clone() for b in g.generator.buffers()]
    images = g.sample(5, torch.tensor([0, 1, 2, 0, 1]), batch_size=2)
    assert images.shape == (5, 1, 6, 6) and not images.requires_grad
    assert g.generator.training
    assert all(torch.equal(a, b) for a, b in zip(before, g.generator.buffers(), strict=True))


def test_sampling_in_parts_equals_sampling_at_once():
    g, z = gan(), torch.randn(7, Z)
    assert torch.allclose(g.sample(7, latents=z, batch_size=3), g.sample(7, latents=z), atol=1e-6)


class Large(nn.Module):
    """Makes images of a size, of noise that it draws."""

    def __init__(self, side):
        super().__init__()
        self.side, self.scale = side, nn.Parameter(torch.ones(()))

    def forward(self, z):
        return (self.scale * (z + torch.rand(1)))[..., None, None].expand(-1, 3, self.side, self.side)


@pytest.mark.parametrize(("side", "at_once"), [(8, 256), (64, 64), (200, 16)])
def test_of_large_images_fewer_are_made_at_once_and_the_first_time_draws_as_later_ones(side, at_once, monkeypatch):
    calls, made, latents = [], GAN._made, torch.randn(300, 3)
    monkeypatch.setattr(GAN, "_made", lambda of, z, labels: calls.append(len(z)) or made(of, z, labels))
    large = GAN(Large(side), nn.Flatten(), latents=(3,))
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        found.append(large.sample(300, latents=latents))
    assert torch.equal(*found)
    assert max(calls) == at_once and len(calls) == 1 + 2 * -(-300 // at_once)


HEADS = {
    "N": lambda s, f: s.flatten(),
    "N1": lambda s, f: s.flatten(1),
    "N111": lambda s, f: s,
    "map": lambda s, f: f[:, :1],
    "tuple": lambda s, f: (s.flatten(), f),
    "dict": lambda s, f: {"features": f, "adv_output": s},
    "single dict": lambda s, f: {"anything": s},
    "nested": lambda s, f: ([s.flatten(1)], f.mean()),
}


@pytest.mark.parametrize("name", HEADS)
def test_score_has_one_number_an_image_whatever_d_returns(name):
    g = gan(HEADS[name])
    g.discriminator.eval()
    images = torch.randn(4, 1, 6, 6)
    scores = g.score(images)
    features = g.discriminator.conv(images)
    assert scores.shape == (4,)
    if name == "map":
        features = torch.nn.functional.leaky_relu(g.discriminator.norm(features), 0.2)
        assert torch.allclose(scores, features[:, 0].mean((1, 2)))
    else:
        reference = gan()
        reference.discriminator.load_state_dict(g.discriminator.state_dict())
        reference.discriminator.eval()
        assert torch.allclose(scores, reference.score(images))


def test_probabilities_become_logits():
    logits = gan(lambda s, f: s.flatten())
    probabilities = gan(lambda s, f: s.flatten().sigmoid(), scores="probabilities")
    probabilities.discriminator.load_state_dict(logits.discriminator.state_dict())
    images = torch.randn(6, 1, 6, 6)
    logits.discriminator.eval(), probabilities.discriminator.eval()
    assert torch.allclose(probabilities.score(images), logits.score(images), atol=1e-4)


def test_a_saturated_probability_is_a_finite_logit():
    g = gan(lambda s, f: torch.ones(len(s)), scores="probabilities")
    assert torch.isfinite(g.score(torch.zeros(2, 1, 6, 6))).all()


def test_a_conditional_d_is_given_labels_and_another_is_not():
    g = gan(classes=CLASSES)
    g.discriminator.eval()
    x = torch.randn(1, 1, 6, 6).expand(2, -1, -1, -1)
    a, b = g.score(x, torch.tensor([0, 1]))
    assert a != b
    auxiliary = GAN(
        Generator(CLASSES), Discriminator(), latents=(Z,), labels=CLASSES, discriminate=lambda d, x, y: d(x)
    )
    assert auxiliary.score(x, torch.tensor([0, 1])).shape == (2,)


def test_a_switch_is_not_taken_for_a_label():
    class Switched(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(36, 1)

        def forward(self, x, return_features=False):
            assert return_features is False
            return self.linear(x.flatten(1))

    g = GAN(Generator(CLASSES), Switched(), latents=(Z,), labels=CLASSES)
    assert g.score(torch.zeros(2, 1, 6, 6), torch.tensor([0, 1])).shape == (2,)


def test_data_parallel_is_unwrapped():
    net = Generator()
    assert GAN(nn.DataParallel(net), nn.DataParallel(Discriminator()), latents=(Z,)).generator is net


def test_the_teacher_is_a_frozen_copy_also_of_spectral_norm():
    g = gan()
    g.discriminator.train()(torch.randn(4, 1, 6, 6)).sum().backward()
    teacher = g.teacher()
    z = torch.randn(3, Z)
    images = teacher.sample(3, latents=z)
    with torch.no_grad():
        for p in g.generator.parameters():
            p.add_(1)
    assert torch.equal(teacher.sample(3, latents=z), images)
    assert not any(p.requires_grad for p in teacher.generator.parameters())
    assert not teacher.discriminator.training


def test_the_teacher_of_old_spectral_norm_can_be_copied():
    net = nn.Sequential(nn.Flatten(), nn.utils.spectral_norm(nn.Linear(36, 1)))
    net(torch.randn(2, 1, 6, 6)).sum().backward()
    g = GAN(Generator(), net, latents=(Z,))
    assert torch.allclose(g.teacher().score(torch.ones(2, 1, 6, 6)), (net.eval(), g.score(torch.ones(2, 1, 6, 6)))[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gan(scores="probability"), "is not known"),
        (lambda: gan(classes=1), "at least 2"),
        (lambda: GAN(Generator(), Discriminator(), latents=(5,)).sample(2), r"latents of shape \(2, 5\)"),
        (lambda: gan(lambda s, f: {"a": s, "b": s}).score(torch.zeros(2, 1, 6, 6)), "a dict with keys"),
        (lambda: gan(lambda s, f: s.mean()).score(torch.zeros(2, 1, 6, 6)), r"tensor of shape \(\)"),
        (
            lambda: gan(lambda s, f: s.flatten() - 2, scores="probabilities").score(torch.zeros(2, 1, 6, 6)),
            r"outside \[0, 1\]",
        ),
        (lambda: gan().score(torch.zeros(2, 3, 6, 6)), r"images of shape \(2, 3, 6, 6\)"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(make, message):
    with pytest.raises(UnlearningError, match=message):
        make()


def test_spectral_norm_vectors_do_not_move_when_scoring_a_borrowed_net():
    net = nn.Sequential(nn.Flatten(), spectral_norm(nn.Linear(36, 1)))
    g = GAN(Generator(), net, latents=(Z,))
    before = [b.clone() for b in net.buffers()]
    g.teacher().score(torch.randn(2, 1, 6, 6))
    assert all(torch.equal(a, b) for a, b in zip(before, net.buffers(), strict=True))


def test_labels_that_are_missing_are_asked_for():
    class Conditional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(3, 16)

        def forward(self, x, y):
            return (x.flatten(1) + self.embed(y)).sum(1)

    gan = GAN(torch.nn.Linear(2, 16), Conditional(), latents=(2,), labels=3)
    with pytest.raises(UnlearningError, match=r"but no labels: .* It takes labels: give them beside the images"):
        gan.score(torch.zeros(4, 1, 4, 4))


def test_labels_that_no_class_has_are_named_in_place_of_an_index_error():
    netG, netD = nn.Embedding(3, 4), nn.Embedding(3, 4)
    gan = GAN(
        netG, netD, latents=(4,), labels=3, generate=lambda net, z, y: z + net(y),
        discriminate=lambda net, x, y: (x * net(y)).sum(1),
    )  # fmt: skip
    with pytest.raises(UnlearningError, match=r"asked for classes that it does not have: labels go from -1 to 5, but"):
        gan.sample(2, torch.tensor([-1, 5]))
    with pytest.raises(UnlearningError, match=r"shown 2 images whose labels go from 1 to 3, but GAN.* expects 0 to 2"):
        gan.score(torch.zeros(2, 4), torch.tensor([1, 3]))


class Raises(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.weight, self.error = nn.Parameter(torch.zeros(1)), error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("bad"), AssertionError("3 channels"), KeyError("x"), AttributeError("a")])
def test_whatever_a_net_raises_becomes_a_sentence(error):
    word = str(error).strip("'")
    with pytest.raises(UnlearningError, match=f"generator cannot be called.*{word}"):
        GAN(Raises(error), nn.Flatten(), latents=(4,)).sample(2)
    with pytest.raises(UnlearningError, match=f"discriminator cannot be called.*{word}"):
        GAN(nn.Linear(4, 4), Raises(error), latents=(4,)).score(torch.zeros(2, 4))


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
def test_nets_that_cannot_be_borrowed_are_refused():
    net = nn.Linear(4, 4)
    for other, words in {
        torch.jit.trace(net, torch.zeros(1, 4)): "is a TorchScript module",
        nn.LazyLinear(4): "has lazy parameters",
        net.forward: "expected an nn.Module",
    }.items():
        with pytest.raises(UnlearningError, match=f"generator.*{words}|{words}"):
            GAN(other, net, latents=(4,))
        with pytest.raises(UnlearningError, match=words):
            GAN(net, other, latents=(4,))
    with pytest.raises(UnlearningError, match="has no parameters"):
        GAN(nn.Tanh(), net, latents=(4,)).sample(2)


class PassesOn(nn.Module):
    """A wrapper of somebody's own."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, *args, **kwargs):
        return self.inner(*args, **kwargs)


class GradSampleModule(PassesOn):
    """Called like opacus' wrapper, and built like it."""

    def __init__(self, inner):
        nn.Module.__init__(self)
        self._module = inner

    def forward(self, *args, **kwargs):
        return self._module(*args, **kwargs)


class WithLabels(nn.Module):
    def forward(self, x, y):
        return x.flatten(1).sum(1) * y


@pytest.mark.parametrize("wrap", [PassesOn, GradSampleModule, lambda net: torch.compile(net, backend="eager")])
def test_wrappers_that_pass_everything_on_are_looked_through(wrap):
    plain, labelled = nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), WithLabels()
    generator = nn.Linear(2, 4)
    images, labels = torch.rand(3, 4), torch.tensor([0, 1, 1])
    assert GAN(generator, wrap(plain), latents=(2,), labels=2).score(images, labels).shape == (3,)
    assert GAN(generator, wrap(labelled), latents=(2,), labels=2).score(images, labels)[0] == 0
    if wrap is not PassesOn:
        assert GAN(wrap(generator), wrap(plain), latents=(2,)).generator is generator
