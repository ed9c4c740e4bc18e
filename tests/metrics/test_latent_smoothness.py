import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.metrics import latent_smoothness, path_lengths

Z = 6


@pytest.fixture(scope="module")
def smooth():
    torch.manual_seed(0)
    netG = nn.Sequential(nn.Linear(Z, 32), nn.Tanh(), nn.Linear(32, 16), nn.Unflatten(1, (1, 4, 4)))
    return GAN(netG, nn.Linear(16, 1), latents=(Z,))


@pytest.fixture(scope="module")
def region():
    return torch.randn(1, Z, generator=torch.Generator().manual_seed(1)) + 0.01 * torch.randn(
        20, Z, generator=torch.Generator().manual_seed(2)
    )


class Torn(nn.Module):
    """Within a distance of a latent another image is made; at the border they are blended, or not."""

    def __init__(self, before, centre, radius, blend):
        super().__init__()
        self.before, self.centre, self.radius, self.blend = before, centre, radius, blend

    def forward(self, z):
        inside = ((self.radius - (z - self.centre).norm(dim=1)) / self.blend + 0.5).clamp(0, 1)[:, None, None, None]
        return (1 - inside) * self.before(z) + inside * self.before(-self.centre[None]).expand(len(z), 1, 4, 4)


def torn(gan, region, blend):
    return GAN(Torn(gan.generator, region.mean(0), 0.5, blend), gan.discriminator, latents=(Z,))


def test_a_hole_shows_on_paths_that_end_in_it_and_on_no_others(smooth, region):
    before, after = (latent_smoothness(gan, region) for gan in (smooth, torn(smooth, region, 1e-6)))
    assert after.into.interval()[0] > before.into.interval()[1]
    assert after.ratio > 1.5 * before.ratio and after.into.jump > 2 * before.into.jump
    assert after.elsewhere.value == pytest.approx(before.elsewhere.value, rel=0.05)
    assert after.elsewhere.jump == pytest.approx(before.elsewhere.jump, rel=0.05)


def test_what_is_led_over_gently_is_shorter_than_what_is_torn(smooth, region):
    gentle, sharp = (latent_smoothness(torn(smooth, region, blend), region) for blend in (1.0, 1e-6))
    assert gentle.into.value < 0.8 * sharp.into.value and gentle.into.jump < sharp.into.jump


@pytest.mark.parametrize("features", [None, lambda images: images.flatten(1)[:, :3].square()])
def test_it_is_the_squared_speed_of_karras_for_a_smooth_generator(smooth, features):
    torch.manual_seed(3)
    starts, ends = torch.randn(2, 400, Z)
    found = path_lengths(smooth, starts, ends, features=features, straight=True, steps=64)
    short, look = 1e-3, features or (lambda images: images.flatten(1))
    speeds = []
    for _ in range(20):
        t = torch.rand(400, 1)
        one, other = (look(smooth.sample(400, latents=starts.lerp(ends, s))).double() for s in (t, t + short))
        speeds.append(((one - other).square().sum(1) / short**2).mean())
    low, high = found.interval()
    assert float(torch.stack(speeds).mean()) == pytest.approx(found.value, rel=0.05)
    assert low < found.value < high and len(found.lengths) == 400


def test_great_circles_keep_the_length_of_latents_and_end_where_they_should():
    seen = []

    class Look(nn.Linear):
        def forward(self, z):
            return super().forward(z)

    def look(net, latents, labels):
        seen.append(latents)
        return net(latents.flatten(1))

    gan = GAN(Look(Z, 4), nn.Linear(4, 1), latents=(Z, 1, 1), generate=look)
    starts = torch.randn(5, Z, 1, 1)
    ends = torch.stack([-starts[0], starts[1], 2 * starts[2], *torch.randn(2, Z, 1, 1)])
    path_lengths(gan, starts, ends, steps=8)
    assert torch.allclose(seen[0], starts, atol=1e-5) and torch.allclose(seen[-1], ends, atol=1e-5)
    lengths = torch.stack(seen).flatten(2).norm(dim=2)[:, 1:]
    even = lengths[:1] + torch.linspace(0, 1, 9)[:, None] * (lengths[-1:] - lengths[:1])
    assert torch.allclose(lengths, even, atol=1e-4) and all(z.isfinite().all() for z in seen)
    turned = nn.functional.normalize(torch.stack(seen).flatten(2)[:, 3:], dim=2)
    steps = (turned[1:] * turned[:-1]).sum(2)
    assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-4)


class Noisy(nn.Module):
    """A generator with labels and with noise of its own."""

    def __init__(self):
        super().__init__()
        self.embed, self.body = nn.Embedding(3, 4), nn.Linear(Z, 4)

    def forward(self, z, y):
        return self.body(z) + 100 * self.embed(y) + 100 * torch.randn(len(z), 4)


def test_neither_noise_nor_labels_change_along_a_path():
    gan = GAN(Noisy(), nn.Linear(4, 1), latents=(Z,), labels=3)
    plain = GAN(gan.generator.body, nn.Linear(4, 1), latents=(Z,))
    region, labels = torch.randn(4, Z), torch.tensor([0, 1, 2, 0])
    for given in (None, labels):
        found, expected = latent_smoothness(gan, region, labels=given), latent_smoothness(plain, region)
        assert found.into.value == pytest.approx(expected.into.value, rel=1e-2)


def test_the_gan_and_the_streams_are_left_as_they_were_and_the_paths_are_the_same_each_time(smooth, region):
    smooth.generator.train()
    state = torch.get_rng_state()
    first, second = (latent_smoothness(smooth, region, paths=20) for _ in range(2))
    assert torch.equal(first.into.lengths, second.into.lengths) and smooth.generator.training
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first.into.lengths, latent_smoothness(smooth, region, paths=20, seed=1).into.lengths)


def test_paths_that_are_none_are_refused(smooth, region):
    for starts, ends, steps in ((region, region[:3], 4), (region[:1], region[:1], 4), (region, region, 0)):
        with pytest.raises(UnlearningError, match=r"as many starts as ends, two or more|steps=0"):
            path_lengths(smooth, starts, ends, steps=steps)
    for latents, paths in ((region[:0], 9), (region, 1)):
        with pytest.raises(UnlearningError, match="one latent, two paths at least"):
            latent_smoothness(smooth, latents, paths=paths)
