import copy

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError, UnlearningEvents
from ignite_unlearn.cascade import Fixed, MeanImage, NearestEmbedding, OtherClass
from ignite_unlearn.cascade.starts.own_directions import own_parts
from tests.audits.gans import Discriminator

CLASSES, Z = 5, 4


class Generator(nn.Module):
    """A label embedding that linear layers read beside the latent."""

    def __init__(self, embedding=8):
        super().__init__()
        self.embed = nn.Embedding(CLASSES, embedding)
        self.body, self.gain = nn.Linear(embedding + Z, 16), nn.Linear(embedding, 16)

    def forward(self, z, y):
        e = self.embed(y)
        return (self.body(torch.cat([z, e], 1)) * (1 + self.gain(e))).tanh().view(-1, 1, 4, 4)


class Multiplied(Generator):
    """The same, with a second table that no linear layer reads, and one that is of something else than labels."""

    def __init__(self):
        super().__init__()
        self.scale, self.other = nn.Embedding(CLASSES, 16), nn.Embedding(CLASSES + 1, 16)

    def forward(self, z, y):
        h = super().forward(z, y).flatten(1) * self.scale(y) + self.other(torch.zeros_like(y))
        return h.view(-1, 1, 4, 4)


class Transposed(Generator):
    """A transposed convolution reads the embedding beside the latent, as conditional DCGANs are often written."""

    def __init__(self):
        super().__init__()
        self.body, self.gain = nn.ConvTranspose2d(8 + Z, 8, 4), nn.Conv2d(8, 8, 1)

    def forward(self, z, y):
        e = self.embed(y)[..., None, None]
        return (self.body(torch.cat([z[..., None, None], e], 1)) * (1 + self.gain(e))).tanh().mean(1, keepdim=True)


class Spread(Generator):
    """A convolution reads the embedding at each place of an image, beside what was made so far."""

    def __init__(self):
        super().__init__()
        self.body, self.gain = nn.Linear(Z, 32), nn.Conv2d(2 + 8, 1, 3, padding=1)

    def forward(self, z, y):
        spread = self.embed(y)[..., None, None].expand(-1, -1, 4, 4)
        return self.gain(torch.cat([self.body(z).view(-1, 2, 4, 4), spread], 1)).tanh()


def make(generator=Generator, **options):
    torch.manual_seed(0)
    return GAN(generator(**options), Discriminator(), latents=(Z,), labels=CLASSES)


@pytest.fixture
def gan():
    return make()


def start(gan, forgotten, substitution, **options):
    teacher = gan.teacher()
    NearestEmbedding(**options)(gan, teacher, ForgetClasses(forgotten).regions(teacher), substitution)
    return teacher


def images(gan, label, seed=3):
    latents = torch.randn(7, Z, generator=torch.Generator().manual_seed(seed))
    return gan.sample(7, torch.full((7,), label), latents=latents)


@pytest.mark.parametrize("generator", [Generator, Multiplied, Transposed, Spread])
def test_forgotten_labels_give_the_substitute_and_all_others_what_they_gave(generator):
    gan = make(generator)
    teacher = start(gan, {1, 3}, OtherClass(target=4))
    for label in range(CLASSES):
        expected = images(teacher, 4 if label in (1, 3) else label)
        torch.testing.assert_close(images(gan, label), expected, rtol=0, atol=1e-5)
    assert not torch.allclose(images(teacher, 1), images(teacher, 4))
    before, after = teacher.generator.state_dict(), gan.generator.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    read = {"gain.weight"} if generator is Spread else {"body.weight", "gain.weight"}
    assert changed == {"embed.weight"} | read | ({"scale.weight"} & before.keys())


@pytest.mark.parametrize("generator", [Generator, Transposed, Spread])
def test_the_old_embedding_does_not_bring_the_class_back(generator):
    gan, copied = make(generator), make(generator)
    teacher = start(gan, {2}, OtherClass(target=0))
    for other in (gan, copied):  # the thief puts the class's old embedding where it was
        with torch.no_grad():
            other.generator.embed.weight[2] = teacher.generator.embed.weight[2]
    assert torch.equal(images(copied, 2), images(teacher, 2))  # copying rows alone would give it all back
    whole = (images(teacher, 2) - images(teacher, 0)).abs().mean()
    assert (images(gan, 2) - images(teacher, 2)).abs().mean() > 0.3 * whole


def test_the_new_embedding_has_a_part_of_its_own_where_that_has_no_effect(gan):
    teacher = start(gan, {2}, OtherClass(target=0), own=2.0)
    old, new = teacher.generator.embed.weight, gan.generator.embed.weight
    assert (new[2] - new[0]).norm() > 1
    spanned = torch.linalg.qr(old[[0, 1, 3, 4]].T).Q
    torch.testing.assert_close((new[2] - old[0]) @ spanned, torch.zeros(4), rtol=0, atol=1e-5)
    multiplied = make(Multiplied)
    start(multiplied, {2}, OtherClass(target=0), own=2.0)
    for table in (multiplied.generator.embed.weight, multiplied.generator.scale.weight):
        assert torch.equal(table[2], table[0])


@pytest.mark.parametrize("alike", [(0, 1), (0, 1, 3, 4)])
def test_where_retained_rows_are_alike_all_of_the_own_direction_goes(alike):
    gan = make(embedding=CLASSES)
    with torch.no_grad():
        gan.generator.embed.weight[list(alike)] = gan.generator.embed.weight[0].clone()
    teacher = start(gan, {2}, OtherClass(target=0))
    rows = teacher.generator.embed.weight.detach()
    kept = rows[[0, 1, 3, 4]].T
    own = rows[2] - kept @ torch.linalg.lstsq(kept, rows[2], driver="gelsd").solution
    torch.testing.assert_close(gan.generator.gain.weight @ own, torch.zeros(16), rtol=0, atol=1e-5)
    torch.testing.assert_close(own_parts(rows, [2], (0, 1, 3, 4)), own[None], rtol=0, atol=1e-5)


def test_a_class_without_a_direction_of_its_own_is_given_a_copy_alone():
    gan = make(embedding=3)  # fewer dimensions than classes are retained
    teacher = start(gan, {2}, OtherClass(target=0))
    before, after = teacher.generator.state_dict(), gan.generator.state_dict()
    assert torch.equal(after["body.weight"], before["body.weight"])
    assert torch.equal(after["embed.weight"][2], before["embed.weight"][0])


def test_any_substitution_has_a_nearest_class(gan):
    teacher = gan.teacher()
    latents = torch.randn(4000, Z, generator=torch.Generator().manual_seed(1))
    of = {k: teacher.sample(4000, torch.full((4000,), k), latents=latents) for k in range(CLASSES) if k != 2}
    mean = torch.stack(list(of.values())).mean(0)
    nearest = min(of, key=lambda k: (of[k] - mean).square().mean().item())
    NearestEmbedding(samples=2000, own=0)(gan, teacher, ForgetClasses({2}).regions(teacher), MeanImage())
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
            lambda: seen.append(torch.equal(gan.generator.embed.weight[2], original.embed.weight[2])),
        )
        torch.manual_seed(5)
        output = trainer.run(batches).output
        torch.manual_seed(5)
        assert [torch.rand(1).item() for _ in batches][-1] == output  # the loop's stream never noticed
        trainer.run(batches, max_epochs=2)
        state = unlearning.state_dict()
    assert len(calls) == 1 and seen[0] is False
    resumed = phase(gan)
    with resumed.attach(trainer):
        resumed.load_state_dict(state)
        trainer.run(batches, max_epochs=3)
    assert len(calls) == 1


def test_what_does_not_fit_is_said(gan):
    with pytest.raises(UnlearningError, match="at least 1"):
        NearestEmbedding(samples=0)

    class Bare(Generator):
        def forward(self, z, y):
            e = nn.functional.one_hot(y, 8).float()
            return self.body(torch.cat([z, e], 1)).view(-1, 1, 4, 4)

    net = Bare()
    del net.embed
    for norm in (spectral_norm, old_spectral_norm):
        normed = Generator()
        norm(normed.embed)
        with pytest.raises(UnlearningError, match="spectral norm"):
            start(GAN(normed, Discriminator(), latents=(Z,), labels=CLASSES), {2}, OtherClass(target=0))
    bare = GAN(net, Discriminator(), latents=(Z,), labels=CLASSES)
    with pytest.raises(UnlearningError, match=r"nn\.Embedding of its labels"):
        start(bare, {2}, OtherClass(target=0))


class Null(Generator):
    """A table with a row more, for images without a label."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CLASSES + 1, 8)


def test_a_table_with_more_rows_than_labels_is_one_too():
    gan = make(Null)
    teacher = start(gan, {2}, OtherClass(target=0))
    old, new = teacher.generator.embed.weight, gan.generator.embed.weight
    assert torch.equal(old[[0, 1, 3, 4, 5]], new[[0, 1, 3, 4, 5]])
    torch.testing.assert_close(images(gan, 2), images(teacher, 0), rtol=0, atol=1e-5)


def test_a_label_embedding_that_does_not_train_is_left_alone_and_said_so(gan):
    gan.generator.embed.requires_grad_(False)
    before = copy.deepcopy(gan.generator.state_dict())
    with pytest.raises(UnlearningError, match="changes the label embedding, but the loop does not train it"):
        start(gan, {2}, OtherClass(target=0))
    assert all(torch.equal(value, before[name]) for name, value in gan.generator.state_dict().items())


def test_layers_that_do_not_train_are_not_erased_from(gan):
    gan.generator.gain.requires_grad_(False)
    before = copy.deepcopy(gan.generator.state_dict())
    start(gan, {2}, OtherClass(target=0))
    changed = {name for name, value in gan.generator.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"embed.weight", "body.weight"}
    z = torch.randn(4, Z)
    made = [gan.sample(4, torch.full((4,), label), latents=z) for label in (2, 0)]
    assert torch.allclose(*made, atol=1e-3)  # the own part is not without effect then, and is left out
