"""What reads an embedding is found by use, and what cannot be changed without changing others is left out."""

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from ignite_unlearn import GAN
from ignite_unlearn.gan.layers import readers

CLASSES, Z, E = 5, 4, 6


class OwnNorm(nn.Linear):
    """A spectral norm of somebody's own, as in BigGAN's code: the weight is plain and is divided when it is used."""

    def forward(self, x):
        return linear(x, self.weight / torch.linalg.matrix_norm(self.weight, 2), self.bias)


class Generator(nn.Module):
    def __init__(self, how, layer=nn.Linear):
        super().__init__()
        self.how, self.embed, self.body, self.out = how, nn.Embedding(CLASSES, E), layer(E, 16), nn.Linear(Z, 16)

    def forward(self, z, y):
        return self.out(z) + self.how(self, z, self.embed(y))


def reshaped(net, z, e):
    with torch.no_grad():
        e += z[:, :1]
    return net.body(e)


FOUND = {
    "alone": lambda net, z, e: net.body(e),
    "by keyword": lambda net, z, e: net.body(input=e),
    "twice": lambda net, z, e: net.body(e) + net.body(e) ** 2,
}
LEFT_OUT = {
    "shared with another input": lambda net, z, e: net.body(torch.cat([z, z], 1)[:, :E]) + net.body(e),
    "shared with another input later": lambda net, z, e: net.body(e) + net.body(torch.cat([z, z], 1)[:, :E]),
    "at several places": lambda net, z, e: net.body(e[:, None].expand(-1, 3, -1)).mean(1),
    "multiplied": lambda net, z, e: net.body(e * z[:, :1]),
    "changed in place": reshaped,
    "another output": lambda net, z, e: net.body(e.relu()),
}


def found(how, layer=nn.Linear):
    gan = GAN(Generator(how, layer), nn.Linear(16, 1), latents=(Z,), labels=CLASSES)
    return gan, readers(gan, gan.generator.embed, torch.randn(8, Z))


@pytest.mark.parametrize("how", FOUND.values(), ids=FOUND)
def test_a_layer_that_reads_an_embedding_is_found(how):
    gan, [reader] = found(how)
    assert reader.weight is gan.generator.body.weight and reader.part.data_ptr() == reader.weight.data_ptr()
    assert not gan.generator.body._forward_pre_hooks and not gan.generator.embed._forward_hooks


@pytest.mark.parametrize("how", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_layer_that_reads_something_else_too_or_what_was_changed_is_left_out(how):
    assert found(how)[1] == []


def test_layers_of_a_class_of_their_own_or_with_a_tied_weight_or_in_groups_are_left_out():
    assert found(FOUND["alone"], OwnNorm)[1] == []
    net = Generator(FOUND["alone"])
    net.other = nn.Linear(E, 16)
    net.other.weight = net.body.weight
    net.how = lambda net, z, e: net.body(e) + net.other(torch.cat([z, z], 1)[:, :E])
    gan = GAN(net, nn.Linear(16, 1), latents=(Z,), labels=CLASSES)
    assert readers(gan, net.embed, torch.randn(8, Z)) == []
    net.body, net.how = nn.Conv1d(E, 16, 1, groups=2), lambda net, z, e: net.body(e[..., None]).squeeze(2)
    assert readers(gan, net.embed, torch.randn(8, Z)) == []


@pytest.mark.parametrize("layer", [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d])
def test_convolutions_of_any_dimensions_read_embeddings_beside_others(layer):
    dims = int(layer.__name__[-2])

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.body = nn.Embedding(CLASSES, E), layer(Z + E, 3, 2)

        def forward(self, z, y):
            both = torch.cat([z, self.embed(y)], 1)
            return self.body(both[(..., *[None] * dims)].expand(-1, -1, *[4] * dims))

    gan = GAN(Net(), nn.Linear(1, 1), latents=(Z,), labels=CLASSES)
    [reader] = readers(gan, gan.generator.embed, torch.randn(8, Z))
    assert reader.part.shape == (3, *[2] * dims, E)
    z, kept = torch.randn(8, Z), gan.generator.embed.weight.detach()[:4]
    directions = torch.linalg.svd(kept).Vh[4:5]  # no part of the first four labels' rows
    before = [gan.generator(z, torch.full((8,), label)) for label in range(CLASSES)]
    reader.change(torch.ones(*reader.part.shape[:-1], 1), directions)
    after = [gan.generator(z, torch.full((8,), label)) for label in range(CLASSES)]
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, True, True, False]


def test_an_embedding_that_a_layer_of_half_precision_reads_is_found():
    _, [reader] = found(lambda net, z, e: net.body.bfloat16()(e.bfloat16()).float())
    assert reader.part.dtype == torch.bfloat16
