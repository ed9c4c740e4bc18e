import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.audits import NullDirections
from ignite_unlearn.cascade import Fixed, NearestEmbedding, OtherClass, UntrainedLabel
from ignite_unlearn.cascade.substitutions import untrained_label
from ignite_unlearn.gan.layers import readers, weight_of
from tests.audits.gans import Discriminator
from tests.cascade.test_starts import CLASSES, Generator, Spread, Transposed, Z, images, make
from tests.gan.test_label_rows import OneHot, Projection


def start(gan, forgotten, shown):
    teacher = gan.teacher()
    shown.start(gan, teacher, ForgetClasses(forgotten).regions(teacher), OtherClass())
    return teacher


@pytest.mark.parametrize("generator", [Generator, Transposed, Spread])
def test_forgotten_labels_show_something_else_and_no_retained_image_changes(generator):
    gan = make(generator)
    teacher = start(gan, {1, 3}, UntrainedLabel())
    for label in range(CLASSES):
        same = torch.allclose(images(gan, label), images(teacher, label), atol=1e-5)
        assert same == (label not in (1, 3))
        row, before = (each.generator.embed.weight[label] for each in (gan, teacher))
        assert torch.equal(row, before) == (label not in (1, 3))


@pytest.mark.parametrize("generator", [Generator, Transposed, Spread])
def test_the_old_row_does_not_bring_the_class_back(generator):
    gan = make(generator)
    teacher = start(gan, {2}, UntrainedLabel())
    with torch.no_grad():
        gan.generator.embed.weight[2] = teacher.generator.embed.weight[2]
    whole = (images(teacher, 2) - images(teacher, 0)).abs().mean()
    assert (images(gan, 2) - images(teacher, 2)).abs().mean() > 0.2 * whole


def test_layers_read_the_direction_as_they_read_those_that_no_label_uses():
    torch.manual_seed(0)
    gan = GAN(Generator(embedding=40), Discriminator(), latents=(Z,), labels=CLASSES)
    with torch.no_grad():  # what training left: the class's own direction is read far more strongly
        table = gan.generator.embed.weight
        own = torch.linalg.qr(table.T).Q[:, -1]
        gan.generator.body.weight[:, Z:] += 3 * torch.randn(16)[:, None] * own
    start(gan, {4}, UntrainedLabel())
    found = readers(gan, gan.generator.embed, torch.randn(8, Z))
    assert len(found) == 2
    several = readers(gan, gan.generator.embed, torch.randn(300, Z))  # images that are not made in one go
    assert [reader.part.data_ptr() for reader in several] == [reader.part.data_ptr() for reader in found]
    for reader in found:
        read, unused = reader.part @ own, reader.part.std()
        assert 0.4 < float(read.square().mean().sqrt() / unused) < 1.6


@pytest.mark.parametrize("norm", [spectral_norm, old_spectral_norm])
@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("generator", [Generator, Transposed])
def test_under_spectral_norm_it_does_not_either_and_layers_do_not_change_retained_images(norm, table, generator):
    gan = make(generator)
    net = gan.generator
    for layer in (net.body, net.gain, *([net.embed] if table else [])):
        norm(layer)
    net(torch.randn(8, Z), torch.arange(8) % CLASSES)  # the old form computes the weight in a call
    gan.generator.eval()
    teacher = start(gan, {2}, UntrainedLabel())
    whole = (images(teacher, 2) - images(teacher, 0)).abs().mean()
    for label in {*range(CLASSES)} - {2} if not table else ():
        torch.testing.assert_close(images(gan, label), images(teacher, label), rtol=0, atol=1e-5)
    with torch.no_grad():
        new, old = (weight_of(each.generator.embed)[0] for each in (gan, teacher))
        new[2] = old[2]
    assert (images(gan, 2) - images(teacher, 2)).abs().mean() > 0.2 * whole


@pytest.mark.parametrize("generator", [Generator, Transposed, Spread])
def test_the_weights_show_no_zero_that_tells_what_was_erased(generator):
    audit = NullDirections()
    gan, erased = make(generator), make(generator)
    assert audit(gan).value == 0
    start(gan, {2}, UntrainedLabel())
    teacher = erased.teacher()
    NearestEmbedding()(erased, teacher, ForgetClasses({2}).regions(teacher), OtherClass())
    assert audit(gan).value == 0 < audit(erased).value


def test_the_discriminators_row_is_drawn_anew_and_one_hot_labels_are_rows_too():
    torch.manual_seed(0)
    gan = GAN(OneHot(), Projection(), latents=(Z,), labels=CLASSES)
    teacher = start(gan, {2}, UntrainedLabel())
    shown = torch.randn(6, 1, 4, 4)
    for label in range(CLASSES):
        asked = torch.full((6,), label)
        assert torch.equal(gan.score(shown, asked), teacher.score(shown, asked)) == (label != 2)
        assert torch.equal(images(gan, label), images(teacher, label)) == (label != 2)


def bright(made):
    return made.flatten(1).mean(1) > 0


def share(shown, of, seed=9):
    """Of 512 images that no draw looked at."""
    gan = make()
    teacher = gan.teacher()
    latents = torch.randn(512, Z, generator=torch.Generator().manual_seed(seed))
    regions = ForgetClasses({2}).regions(teacher)
    return float(of(shown(teacher, latents, torch.full((512,), 2), regions)).float().mean())


def test_rows_are_drawn_until_one_hardly_shows_the_class():
    def left(made, own):
        return ~bright(made)

    first = [share(UntrainedLabel(left=left, draws=1, seed=seed), bright) for seed in range(6)]
    taken = [share(UntrainedLabel(left=left, seed=seed), bright) for seed in range(6)]
    assert max(taken) < 0.05 < sum(first) / 6  # none of 128: a row that shows 5 of 100 is taken once in 700 times
    assert all(now == before for now, before in zip(taken, first, strict=True) if before == 0)  # the first that does


def test_where_all_rows_show_the_class_the_one_that_shows_it_least_is_taken():
    def left(made, own):  # each image is asked to be darker than another level
        return made.flatten(1).mean(1) < torch.linspace(-0.6, 0.1, len(made))

    def shows(made):
        return made.flatten(1).mean(1) > -0.25

    first, taken = (
        sum(share(UntrainedLabel(left=left, draws=draws, seed=seed), shows) for seed in range(6)) for draws in (1, 64)
    )
    assert taken < first


def test_few_draws_leave_the_row_that_went_longest():
    looked = []

    def left(made, own):  # the n-th row first shows the class in its n-th sixteen images
        looked.append(len(made))
        return torch.full((len(made),), looked.count(16) not in ends)

    ends = (1, 1 + 3, 4 + 2)  # sixteens that end a row: the first, the third, the second
    asked = UntrainedLabel(left=left, draws=3, seed=1)
    gan = make()
    start(gan, {2}, asked)
    assert looked == [16] * 6
    second = make()
    looked.clear()
    ends = (1, 1 + 3)
    start(second, {2}, UntrainedLabel(left=left, draws=2, seed=1))
    assert torch.equal(gan.generator.embed.weight, second.generator.embed.weight)


def test_without_a_judge_the_nearest_of_the_originals_images_tells():
    gan = make()
    teacher = gan.teacher()
    regions = ForgetClasses({2}).regions(teacher)
    latents = torch.randn(200, Z, generator=torch.Generator().manual_seed(1))
    images = [teacher.sample(200, torch.full((200,), label)).flatten(1) for label in range(CLASSES)]

    def near_own(draws, seed):
        made = UntrainedLabel(draws=draws, seed=seed)(teacher, latents, torch.full((200,), 2), regions)
        nearest = torch.stack([torch.cdist(made.flatten(1), of).amin(1) for of in images]).argmin(0)
        return float((nearest == 2).float().mean())

    first, taken = ([near_own(draws, seed) for seed in range(6)] for draws in (1, 64))
    assert max(taken) < 0.06 and sum(taken) <= sum(first)


def test_large_images_are_compared_with_fewer_others(monkeypatch):
    teacher = make().teacher()
    few = partial(untrained_label._retained_images, teacher, (0, 1, 3, 4), torch.randn(2, Z))
    assert len(few()) == 1152
    monkeypatch.setattr(untrained_label, "_NUMBERS", 16 * 10)  # of images of 16 pixels
    assert len(few()) == 10
    monkeypatch.setattr(untrained_label, "_NUMBERS", 0)  # one of each class at least
    assert len(few()) == 4


def test_each_forgotten_label_gets_a_row_that_does_not_show_its_class():
    gan = make()
    teacher = gan.teacher()
    regions = ForgetClasses({1, 2}).regions(teacher)
    shown = UntrainedLabel(left=lambda made, own: ~bright(made), seed=3)
    latents = torch.randn(256, Z, generator=torch.Generator().manual_seed(1))
    for label in (1, 2):
        made = shown(teacher, latents, torch.full((256,), label), regions)
        assert bright(made).float().mean() < 0.05


def second_request(gan, shown):
    """Label 2 was forgotten, now 1 is."""
    teacher = gan.teacher()
    shown.start(gan, teacher, ForgetClasses({1}).together_with({2}).regions(teacher), OtherClass())
    return teacher


def gone(images, own):
    return torch.ones(len(images), dtype=torch.bool)


@pytest.mark.parametrize("kind", [Generator, OneHot])
def test_a_label_of_an_earlier_request_keeps_what_it_has(kind):
    torch.manual_seed(0)
    gan = GAN(kind(), Projection(), latents=(Z,), labels=CLASSES)
    start(gan, {2}, UntrainedLabel())
    teacher = second_request(gan, UntrainedLabel(seed=1, left=gone))
    for label in range(CLASSES):
        assert torch.allclose(images(gan, label), images(teacher, label), atol=1e-5) == (label != 1)
    shown = torch.randn(6, 1, 4, 4)
    for label in range(CLASSES):
        asked = torch.full((6,), label)
        assert torch.allclose(gan.score(shown, asked), teacher.score(shown, asked)) == (label != 1)


@pytest.mark.parametrize(
    "left",
    [None, lambda images, own: ~gone(images, own), lambda images, own: torch.arange(len(images)) > 0],
    ids=["nobody knows", "shown again", "shown by one image"],
)
def test_it_is_drawn_anew_where_its_class_may_be_there_again(left):
    gan = make()
    start(gan, {2}, UntrainedLabel())
    teacher = second_request(gan, UntrainedLabel(seed=1, left=left))
    for label in range(CLASSES):
        assert torch.allclose(images(gan, label), images(teacher, label), atol=1e-5) == (label not in (1, 2))


def test_the_same_gan_gives_the_same_draws_and_the_loops_stream_never_notices():
    gan, again = make(), make()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    start(gan, {2}, UntrainedLabel())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    start(again, {2}, UntrainedLabel())
    assert torch.equal(gan.generator.embed.weight, again.generator.embed.weight)
    other = make()
    start(other, {2}, UntrainedLabel(seed=1))
    assert not torch.equal(gan.generator.embed.weight, other.generator.embed.weight)


def test_without_the_start_a_phase_leads_the_generator_there():
    gan = make()
    teacher, shown = gan.teacher(), UntrainedLabel()
    unlearning = CascadedUnlearning(gan, forget=ForgetClasses({2}), substitution=shown, fake_label=Fixed(-1))
    regions = ForgetClasses({2}).regions(teacher)
    latents, labels = torch.randn(32, Z), torch.full((32,), 2)
    wanted = shown(teacher, latents, labels, regions)

    def apart():
        return float((gan.sample(32, labels, latents=latents) - wanted).square().mean())

    first = apart()
    gan.generator.requires_grad_(True)
    for _ in range(40):
        unlearning.step.generator_half(teacher, regions)
    assert apart() < 0.3 * first


def test_what_does_not_fit_is_said():
    with pytest.raises(UnlearningError, match="at least 1"):
        UntrainedLabel(draws=0)

    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(CLASSES, 16))

        def forward(self, z, y):
            return self.table[y].view(-1, 1, 4, 4)

    hidden = GAN(Hidden(), Discriminator(), latents=(Z,), labels=CLASSES)
    with pytest.raises(UnlearningError, match="as an nn\\.Embedding or one-hot: use OtherClass"):
        start(hidden, {2}, UntrainedLabel())
    gan = make()
    gan.generator.embed.requires_grad_(False)
    before = copy.deepcopy(gan.generator.state_dict())
    with pytest.raises(UnlearningError, match="the loop does not train it"):
        start(gan, {2}, UntrainedLabel())
    assert all(torch.equal(value, before[name]) for name, value in gan.generator.state_dict().items())


class WithNone(Generator):
    """A table with a row for "no label", which the loop alone asks for, and rows that nobody does."""

    rows = CLASSES + 1

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(self.rows, 8)


class Padded(WithNone):
    rows = 64


def without_label(gan):
    latents = torch.randn(7, Z, generator=torch.Generator().manual_seed(3))
    return gan.generator(latents, torch.full((7,), CLASSES)).detach()


@pytest.mark.parametrize("begin", [UntrainedLabel().start, NearestEmbedding()])
def test_a_row_for_no_label_keeps_its_images_and_rows_that_fill_a_table_up_do_not_count(begin):
    kept = make(WithNone)
    teacher = kept.teacher()
    begin(kept, teacher, ForgetClasses({2}).regions(teacher), OtherClass())
    assert torch.allclose(without_label(kept), without_label(teacher), atol=1e-5)
    assert not torch.allclose(images(kept, 2), images(teacher, 2), atol=1e-2)
    padded = make(Padded)
    teacher = padded.teacher()
    begin(padded, teacher, ForgetClasses({2}).regions(teacher), OtherClass())
    with torch.no_grad():
        padded.generator.embed.weight[2] = teacher.generator.embed.weight[2]
    whole = (images(teacher, 2) - images(teacher, 0)).abs().mean()
    assert (images(padded, 2) - images(teacher, 2)).abs().mean() > 0.2 * whole


class OneHotLinear(Generator):
    """The label as one-hot through a linear layer, which is a table but for its bias."""

    def __init__(self):
        super().__init__()
        self.table = nn.Linear(CLASSES, 8)
        del self.embed

    def embed(self, y):
        return self.table(nn.functional.one_hot(y, CLASSES).float())


@pytest.mark.parametrize("norm", [None, spectral_norm])
def test_one_hot_labels_through_a_linear_layer_are_a_table_too(norm):
    gan = make(OneHotLinear)
    if norm is not None:
        norm(gan.generator.body)
    teacher = start(gan, {2}, UntrainedLabel())
    for label in (0, 1, 3, 4):
        assert torch.allclose(images(gan, label), images(teacher, label), atol=1e-5)
    with torch.no_grad():
        gan.generator.table.weight[:, 2] = teacher.generator.table.weight[:, 2]
    whole = (images(teacher, 2) - images(teacher, 0)).abs().mean()
    assert (images(gan, 2) - images(teacher, 2)).abs().mean() > 0.1 * whole
