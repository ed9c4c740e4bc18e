"""What belongs to a label is found by use, whatever the layer, and what is written there changes that label alone."""

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN
from ignite_unlearn.gan.label_rows import LabelRows, discriminator_rows, draw_anew, generator_rows

CLASSES, Z = 5, 4


class Looked(nn.Module):
    """An embedding beside the latent, and one that scales; a table that is of something else."""

    def __init__(self):
        super().__init__()
        self.embed, self.gain, self.other = nn.Embedding(CLASSES, 8), nn.Embedding(CLASSES, 16), nn.Embedding(9, 16)
        self.body = nn.Linear(8 + Z, 16)

    def forward(self, z, y):
        h = self.body(torch.cat([z, self.embed(y)], 1)) * self.gain(y) + self.other(torch.zeros_like(y))
        return h.tanh().view(-1, 1, 4, 4)


class OneHot(nn.Module):
    """One-hot labels beside the latent, in a linear layer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(Z + CLASSES, 16)

    def forward(self, z, y):
        return self.body(torch.cat([z, one_hot(y, CLASSES).float()], 1)).tanh().view(-1, 1, 4, 4)


class OneHotTransposed(nn.Module):
    """The same in front of a transposed convolution, as conditional DCGANs are often written."""

    def __init__(self):
        super().__init__()
        self.body = nn.ConvTranspose2d(CLASSES + Z, 1, 4)

    def forward(self, z, y):
        return self.body(torch.cat([one_hot(y, CLASSES).float(), z], 1)[..., None, None]).tanh()


class Columns(Looked):
    """Labels as a column ``(N, 1)``."""

    def forward(self, z, y):
        h = self.body(torch.cat([z, self.embed(y[:, None])[:, 0]], 1)) * self.gain(y[:, None])[:, 0]
        return (h + self.other(torch.zeros_like(y))).tanh().view(-1, 1, 4, 4)


class OneHotSeries(nn.Module):
    """One-hot labels in front of a transposed convolution of sequences."""

    def __init__(self):
        super().__init__()
        self.body = nn.ConvTranspose1d(CLASSES + Z, 1, 16)

    def forward(self, z, y):
        return self.body(torch.cat([one_hot(y, CLASSES).float(), z], 1)[..., None]).tanh().view(-1, 1, 4, 4)


class Projection(nn.Module):
    def __init__(self, norm=lambda layer: layer):
        super().__init__()
        self.body, self.score, self.embed = nn.Linear(16, 6), nn.Linear(6, 1), norm(nn.Embedding(CLASSES, 6))

    def forward(self, x, y):
        h = self.body(x.flatten(1)).relu()
        return self.score(h).squeeze(1) + (self.embed(y) * h).sum(1)


class Planes(nn.Module):
    """One-hot labels as planes of the image."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1 + CLASSES, 6, 4), nn.Flatten(), nn.Linear(6, 1))

    def forward(self, x, y):
        planes = one_hot(y, CLASSES).float()[..., None, None].expand(-1, -1, 4, 4)
        return self.body(torch.cat([x, planes], 1))


def make(generator, discriminator=Projection):
    torch.manual_seed(0)
    return GAN(generator(), discriminator(), latents=(Z,), labels=CLASSES)


def images(gan, label):
    latents = torch.randn(7, Z, generator=torch.Generator().manual_seed(3))
    return gan.sample(7, torch.full((7,), label), latents=latents)


@pytest.mark.parametrize(
    ("generator", "shapes"),
    [
        (Looked, [(CLASSES, 8), (CLASSES, 16)]),
        (OneHot, [(CLASSES, 16)]),
        (OneHotTransposed, [(CLASSES, 1, 4, 4)]),
        (Columns, [(CLASSES, 8), (CLASSES, 16)]),
        (OneHotSeries, [(CLASSES, 1, 16)]),
    ],
)
def test_rows_of_a_generator_are_found_and_move_their_label_alone(generator, shapes):
    gan = make(generator)
    found = generator_rows(gan, torch.randn(3, Z))
    assert [tuple(rows.rows.shape) for rows in found] == shapes
    assert all(rows.trains and not rows.scaled for rows in found)
    before = [images(gan, label) for label in range(CLASSES)]
    for rows in found:
        draw_anew(rows, [2])
    same = [torch.equal(images(gan, label), old) for label, old in enumerate(before)]
    assert same == [True, True, False, True, True]


@pytest.mark.parametrize("discriminator", [Projection, Planes])
def test_rows_of_a_discriminator_are_found_and_move_their_label_alone(discriminator):
    gan = make(OneHot, discriminator)
    shown = torch.randn(4, 1, 4, 4)
    [rows] = discriminator_rows(gan, shown)
    before = [gan.score(shown, torch.full((4,), label)) for label in range(CLASSES)]
    draw_anew(rows, [1, 3])
    now = [gan.score(shown, torch.full((4,), label)) for label in range(CLASSES)]
    assert [torch.equal(a, b) for a, b in zip(before, now, strict=True)] == [True, False, True, False, True]


@pytest.mark.parametrize("norm", [spectral_norm, old_spectral_norm])
def test_a_table_under_spectral_norm_says_that_all_rows_change_with_one(norm):
    gan = make(OneHot, lambda: Projection(norm))
    [rows] = discriminator_rows(gan, torch.randn(4, 1, 4, 4))
    assert rows.scaled and rows.embedding and rows.rows.shape == (CLASSES, 6)


def test_what_does_not_train_says_so_and_a_gan_without_labels_has_none():
    gan = make(Looked)
    gan.generator.gain.requires_grad_(False)
    assert [rows.trains for rows in generator_rows(gan, torch.randn(3, Z))] == [True, False]
    bare = GAN(nn.Linear(Z, 16), nn.Linear(16, 1), latents=(Z,))
    assert generator_rows(bare, torch.randn(3, Z)) == [] == discriminator_rows(bare, torch.randn(3, 16))


def test_a_table_of_a_single_retained_number_gives_numbers_too():
    torch.manual_seed(0)
    table = nn.Embedding(2, 1)
    draw_anew(LabelRows(table, table.weight.data, scaled=False, trains=True), [1])
    assert table.weight.isfinite().all() and table.weight[0] != table.weight[1]


def test_rows_are_drawn_as_the_others_lie():
    gan = GAN(nn.Embedding(200, 3), nn.Linear(3, 1), latents=(3,), labels=200, generate=lambda net, z, y: z + net(y))
    with torch.no_grad():
        gan.generator.weight.mul_(torch.tensor([1.0, 0.02, 5.0])).add_(torch.tensor([0.0, 1.0, -7.0]))
    [rows] = generator_rows(gan, torch.randn(3, 3))
    drawn = range(100)
    draw_anew(rows, drawn)
    new, kept = rows.rows[:100], rows.rows[100:]
    assert ((new.mean(0) - kept.mean(0)).abs() < 0.6 * kept.std(0)).all()
    assert ((new.std(0) / kept.std(0)).log().abs() < 0.35).all()
