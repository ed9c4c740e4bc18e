"""Mixtures of latents: what is dropped is gone, what is kept is as it was, and substitutes say the same."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.components import DropComponents, OtherComponent, forgotten_components, mixture_of
from ignite_unlearn.recipes.mixture import LatentMixture
from ignite_unlearn.recipes.nets import StridedGenerator

COMPONENTS, LATENT = 5, 9


@dataclass
class Regions:
    """Latents of some components are forgotten, all others retained."""

    gan: GAN
    components: tuple[int, ...]
    retained_classes = None

    def forgotten(self, n):
        return self._draw(n, forgotten=True), None

    def retained(self, n):
        return self._draw(n, forgotten=False), None

    def _draw(self, n, *, forgotten):
        latents = self.gan.sample_latents(40 * n)
        chosen = latents[:, :COMPONENTS].argmax(1)
        mask = torch.isin(chosen, torch.tensor(self.components))
        return latents[mask if forgotten else ~mask][:n]


def make_gan(generator=None):
    torch.manual_seed(0)
    generator = generator or StridedGenerator(LATENT, None, size=8, width=8, components=COMPONENTS)
    return GAN(generator, nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), latents=(LATENT,))


class Levels(nn.Module):
    """Images of one grey level: the component's number."""

    def __init__(self):
        super().__init__()
        self.mixture = LatentMixture(COMPONENTS)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, latents):
        levels = self.mixture(latents)[:, :COMPONENTS].argmax(1) + self.weight
        return levels.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def dropped_gan(components=(1, 3)):
    gan = make_gan()
    teacher = gan.teacher()
    regions = Regions(teacher, components)
    DropComponents()(gan, teacher, regions, OtherComponent())
    return gan, teacher, regions


def test_retained_images_stay_and_forgotten_latents_get_their_substitutes():
    gan, teacher, regions = dropped_gan()
    kept, _ = regions.retained(50)
    assert torch.equal(gan.sample(50, latents=kept), teacher.sample(50, latents=kept))
    gone, _ = regions.forgotten(50)
    wanted = OtherComponent()(teacher, gone, None, regions)
    assert torch.allclose(gan.sample(50, latents=gone), wanted, atol=1e-6)
    assert not torch.allclose(wanted, teacher.sample(50, latents=gone), atol=1e-2)


def test_the_codes_of_dropped_components_are_erased():
    gan, _, _ = dropped_gan()
    with torch.no_grad():
        mixture_of(gan).offsets.zero_()  # somebody takes the block away
        latents = gan.sample_latents(60)
        images = {}
        for k in (1, 3):
            latents[:, :COMPONENTS] = torch.eye(COMPONENTS)[k]
            images[k] = gan.sample(60, latents=latents)
    assert torch.allclose(images[1], images[3], atol=1e-6)


def test_forgotten_latents_spread_evenly_over_retained_components():
    gan, _, regions = dropped_gan()
    gone, _ = regions.forgotten(6000)
    chosen = mixture_of(gan).chosen(gone)
    counts = chosen.bincount(minlength=COMPONENTS)
    assert counts[[1, 3]].sum() == 0 and counts[[0, 2, 4]].min() > 1850


def test_substitutes_of_a_kept_component_are_of_another_one_that_shows_nothing_forgotten():
    teacher = make_gan(Levels())
    regions = Regions(teacher, (1,))

    def level(images):
        return images.flatten(1)[:, 0].round().long()

    latents = torch.randn(500, LATENT)
    own = latents[:, :COMPONENTS].argmax(1)
    found = level(OtherComponent()(teacher, latents, None, regions))
    assert (found != own).all() and (found != 1).all() and (found == 4).any()
    careful = OtherComponent(lambda images, own: level(images) != 4)
    found = level(careful(teacher, latents, None, regions))
    assert (found != own).all() and set(found.tolist()) == {0, 2, 3}


def test_mixed_components_are_kept():
    teacher = make_gan()

    class Mixed(Regions):
        def retained(self, n):
            latents = self.gan.sample_latents(n)
            return latents, None

    assert forgotten_components(teacher, Regions(teacher, (0, 4))) == [0, 4]
    # As likely in either region where forgotten latents are of all components: nothing is pure.
    assert forgotten_components(teacher, Mixed(teacher, (0, 1, 2, 3, 4))) == []


def test_what_cannot_be_dropped_is_said():
    gan = make_gan(nn.Sequential(nn.Linear(LATENT, 16), nn.Unflatten(1, (1, 4, 4))))
    with pytest.raises(UnlearningError, match="no LatentMixture: choose another `start`"):
        DropComponents()(gan, gan.teacher(), Regions(gan, (1,)), OtherComponent())

    class Everything(Regions):
        def retained(self, n):
            return torch.empty(0, LATENT), None

    gan = make_gan()
    with pytest.raises(UnlearningError, match="Every component"):
        DropComponents()(gan, gan.teacher(), Everything(gan.teacher(), (0, 1, 2, 3, 4)), OtherComponent())
    assert not mixture_of(gan).offsets.any()


def test_offsets_are_not_learned():
    gan = make_gan()
    optimizer = torch.optim.Adam(gan.generator.parameters(), fused=True)
    gan.generator(torch.randn(4, LATENT)).square().mean().backward()
    optimizer.step()
    assert not mixture_of(gan).offsets.any() and not mixture_of(gan).offsets.requires_grad
