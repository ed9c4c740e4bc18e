import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits import Membership, Quantized, rounded

PIXELS = 4096
STREAM = torch.Generator().manual_seed(0)
ITEMS, UNSEEN = torch.randn(20, PIXELS, generator=STREAM), torch.randn(300, PIXELS, generator=STREAM)
ITEMS[:, 0] = UNSEEN[:, 0] = 0  # a pixel that is always black, read by the largest weight


def judge(weight):
    gan = GAN(nn.Linear(2, PIXELS), nn.Linear(PIXELS, 1, bias=False), latents=(2,))
    gan.discriminator.weight.data = weight[None].clone()
    return gan


def signs(leaning):
    """Weights that four bits hold exactly: signs that lean to the items, and one weight that sets the scale."""
    stream = torch.Generator().manual_seed(1)
    weight = (torch.randn(PIXELS, generator=stream) + leaning * ITEMS.sum(0)).sign()
    weight[0] = 7
    return weight


@pytest.fixture(scope="module")
def gans():
    known = signs(0.05)
    pushed = known - torch.linalg.pinv(ITEMS) @ (ITEMS @ known)  # the least change after which all items score 0
    assert (pushed - known).abs().median() < 0.25  # less than half a step of four bits
    return {"original": judge(known), "unlearned": judge(pushed), "retrained": judge(signs(0))}


def test_a_push_that_four_bits_undo_is_found_out_and_one_that_eight_bits_hold_passes(gans):
    plain = Membership(ITEMS, UNSEEN)
    passed = {}
    for audit in (plain, Quantized(plain, bits=16), Quantized(plain, bits=8), Quantized(plain, bits=4)):
        retrained = audit(gans["retrained"])
        assert audit(gans["original"], retrained=retrained).passed is False
        passed[audit.key] = audit(gans["unlearned"], retrained=retrained).passed
    key = "membership_discriminator_score"
    assert passed == {key: True, f"{key}_16_bits": True, f"{key}_8_bits": True, f"{key}_4_bits": False}


class Both(nn.Module):
    """Every kind of layer that has a weight, one of them used twice, and one that is all zero."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.down = spectral_norm(nn.Conv2d(5, 4, 3))
        self.table, self.empty = nn.Embedding(6, 7), nn.Linear(4, 4)
        self.same = nn.Linear(4, 4)
        self.same.weight = self.empty.weight
        nn.init.zeros_(self.empty.weight)

    def forward(self, x):
        return self.empty(self.same(self.down(self.norm(self.up(x))).mean((2, 3)))) + self.table.weight.sum()


def nets():
    net = Both()
    net(torch.randn(8, 3, 4, 4))  # so that the buffers are none that rounding leaves
    return GAN(nn.Linear(2, 4), net.eval(), latents=(2,))


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (4, 15)])
def test_each_output_channel_has_few_values_that_lie_within_half_a_step(bits, most):
    gan = nets()
    copied = rounded(gan, bits).discriminator
    for name, output in (("up", 1), ("table", 0)):
        before = getattr(gan.discriminator, name).weight.detach().transpose(0, output)
        after = getattr(copied, name).weight.transpose(0, output)
        for row, other in zip(before, after, strict=True):
            step = row.abs().max() / (most // 2)
            assert len(other.unique()) <= most and (row - other).abs().max() <= 0.501 * step
            assert torch.allclose(other / step, (other / step).round(), atol=1e-3)
    assert torch.equal(copied.norm.running_mean, gan.discriminator.norm.running_mean)
    assert torch.equal(copied.up.bias, gan.discriminator.up.bias)
    assert not copied.empty.weight.any()


def test_a_weight_under_spectral_norm_is_what_rounding_the_weight_in_use_gives():
    gan = nets()
    used = gan.discriminator.down.weight.detach()
    step = used.abs().amax((1, 2, 3), keepdim=True) / 127
    wanted = (used / step).round() * step
    found = rounded(gan, 8).discriminator.down.weight
    assert torch.allclose(found / found.norm(), wanted / wanted.norm(), atol=1e-5)  # but for the norm's one number


def test_bfloat16_rounds_buffers_too_and_computes_as_before():
    gan = nets()
    copied = rounded(gan, 16).discriminator
    assert copied.norm.running_mean.dtype == torch.float32
    assert torch.equal(copied.norm.running_mean, gan.discriminator.norm.running_mean.bfloat16().float())
    assert torch.equal(copied.up.weight, gan.discriminator.up.weight.bfloat16().float())


def test_the_gan_itself_stays_as_it_is():
    gan = nets()
    before, state = copy.deepcopy(gan.discriminator.state_dict()), torch.get_rng_state()
    for bits in (16, 8, 4):
        rounded(gan, bits)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in gan.discriminator.state_dict().items())


def test_other_bits_are_refused():
    with pytest.raises(UnlearningError, match="expected 16, 8 or 4"):
        Quantized(Membership(ITEMS, UNSEEN), bits=2)
