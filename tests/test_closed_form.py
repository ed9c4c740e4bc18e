import copy

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import (
    GAN,
    CascadedUnlearning,
    Fixed,
    ForgetClasses,
    MeanImage,
    NearestEmbedding,
    OtherClass,
    UnlearningError,
    UnlearningEvents,
)

CLASSES, Z = 5, 4


class Generator(nn.Module):
    """Two tables of labels, and one that is of something else."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CLASSES, Z)
        self.scale = nn.Embedding(CLASSES, 16)
        self.other = nn.Embedding(CLASSES + 1, 16)
        self.body = nn.Linear(2 * Z, 16)

    def forward(self, z, y):
        h = self.body(torch.cat([z, self.embed(y)], 1)) * (1 + self.scale(y)) + self.other(torch.zeros_like(y))
        return h.tanh().view(-1, 1, 4, 4)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 1)

    def forward(self, x, y):
        return self.body(x.flatten(1))


@pytest.fixture
def gan():
    torch.manual_seed(0)
    return GAN(Generator(), Discriminator(), latents=(Z,), labels=CLASSES)


def start(gan, forgotten, substitution):
    teacher = gan.teacher()
    NearestEmbedding()(gan, teacher, ForgetClasses(forgotten).regions(teacher), substitution)
    return teacher


def images(gan, label, seed=3):
    latents = torch.randn(7, Z, generator=torch.Generator().manual_seed(seed))
    return gan.sample(7, torch.full((7,), label), latents=latents)


def test_forgotten_labels_give_the_substitute_and_all_others_what_they_gave(gan):
    teacher = start(gan, {1, 3}, OtherClass(target=4))
    for label in range(CLASSES):
        expected = images(teacher, 4 if label in (1, 3) else label)
        assert torch.equal(images(gan, label), expected)
    assert not torch.allclose(images(teacher, 1), images(teacher, 4))
    before, after = teacher.generator.state_dict(), gan.generator.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"embed.weight", "scale.weight"}


def test_any_substitution_has_a_nearest_class(gan):
    teacher = gan.teacher()
    latents = torch.randn(4000, Z, generator=torch.Generator().manual_seed(1))
    of = {k: teacher.sample(4000, torch.full((4000,), k), latents=latents) for k in range(CLASSES) if k != 2}
    mean = torch.stack(list(of.values())).mean(0)
    nearest = min(of, key=lambda k: (of[k] - mean).square().mean().item())
    NearestEmbedding(samples=2000)(gan, teacher, ForgetClasses({2}).regions(teacher), MeanImage())
    assert torch.equal(gan.generator.embed.weight[2], teacher.generator.embed.weight[nearest])


def test_it_is_done_once_before_the_first_step_and_leaves_the_loop_alone(gan):

    calls, seen = [], []
    closed = NearestEmbedding()

    def counted(*args):
        calls.append(torch.get_rng_state())
        torch.rand(3)
        closed(*args)

    def phase(copied):
        return CascadedUnlearning(
            copied, forget=ForgetClasses({2}), substitution=OtherClass(target=0), fake_label=Fixed(-1), start=counted,
            optimizer=lambda parameters: torch.optim.SGD(list(parameters), 0.0), batch_size=4,
        )  # fmt: skip

    batches = [(torch.rand(6, 1, 4, 4), torch.arange(6) % CLASSES) for _ in range(3)]
    trainer, unlearning, original = Engine(lambda e, b: torch.rand(1).item()), phase(gan), copy.deepcopy(gan.generator)
    with unlearning.attach(trainer):
        trainer.add_event_handler(
            UnlearningEvents.UNLEARNING_STARTED,
            lambda: seen.append(torch.equal(gan.generator.embed.weight[2], original.embed.weight[0])),
        )
        torch.manual_seed(5)
        output = trainer.run(batches).output
        torch.manual_seed(5)
        assert [torch.rand(1).item() for _ in batches][-1] == output  # the loop's stream never noticed
        trainer.run(batches, max_epochs=2)
        state = unlearning.state_dict()
    assert len(calls) == 1 and seen[0]
    resumed = phase(gan)
    with resumed.attach(trainer):
        resumed.load_state_dict(state)
        trainer.run(batches, max_epochs=3)
    assert len(calls) == 1


def test_what_does_not_fit_is_said(gan):
    with pytest.raises(UnlearningError, match="at least 1"):
        NearestEmbedding(samples=0)

    class Bare(Generator):
        def __init__(self):
            super().__init__()
            self.embed, self.scale = nn.Linear(CLASSES, Z), nn.Linear(CLASSES, 16)

        def forward(self, z, y):
            one = nn.functional.one_hot(y, CLASSES).float()
            return self.body(torch.cat([z, self.embed(one)], 1)).view(-1, 1, 4, 4)

    normed = Generator()
    spectral_norm(normed.scale)
    with pytest.raises(UnlearningError, match="spectral norm"):
        start(GAN(normed, Discriminator(), latents=(Z,), labels=CLASSES), {2}, OtherClass(target=0))
    bare = GAN(Bare(), Discriminator(), latents=(Z,), labels=CLASSES)
    with pytest.raises(UnlearningError, match=r"nn\.Embedding of its labels"):
        start(bare, {2}, OtherClass(target=0))
