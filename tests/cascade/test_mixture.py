"""Mixtures of latents: what is dropped is gone, what is kept is as it was, and what is mixed is found."""

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.audits import NullDirections
from ignite_unlearn.cascade import DropComponents, Fixed, LatentDirection, RetainedNeighbour
from ignite_unlearn.forget import ForgetFromMixture
from ignite_unlearn.forget.mixture import MixtureRegions, mixture_of
from ignite_unlearn.gan import LatentMixture
from ignite_unlearn.recipes.nets.strided import StridedGenerator

COMPONENTS, LATENT = 5, 9


def make_gan(generator=None):
    torch.manual_seed(0)
    generator = generator or StridedGenerator(LATENT, None, size=8, width=8, components=COMPONENTS)
    return GAN(generator, nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), latents=(LATENT,))


def chosen(latents):
    return latents[:, :COMPONENTS].argmax(1)


class Levels(nn.Module):
    """Images of one grey level: the component's number, but 1 for a sixth of component 2."""

    def __init__(self):
        super().__init__()
        self.mixture = LatentMixture(COMPONENTS)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, latents):
        codes = self.mixture(latents)
        levels = codes[:, :COMPONENTS].argmax(1)
        levels = torch.where((levels == 2) & (codes[:, -1] > 1), 1, levels) + self.weight
        return levels.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def levels_as_scores(images):
    return -(images.flatten(1)[:, :1] - torch.arange(COMPONENTS)).abs() * 20


def dropped_gan(components=(1, 3)):
    """A GAN whose named components are dropped, its teacher, and the regions."""
    gan = make_gan()
    teacher = gan.teacher()
    asked = []

    def shown(images):  # by latents, not by images: nothing was trained here
        return torch.isin(chosen(asked[-1]), torch.tensor(components))

    class Noted(GAN):
        def sample(self, n, labels=None, *, latents=None):
            asked.append(latents)
            return super().sample(n, labels, latents=latents)

    noted = Noted(teacher.generator, teacher.discriminator, latents=(LATENT,))
    regions = MixtureRegions(noted, shown, pool=8)
    DropComponents()(gan, teacher, regions, RetainedNeighbour())
    return gan, teacher, regions


def latents_of(components, n):
    latents = torch.randn(20 * n, LATENT)
    return latents[torch.isin(chosen(latents), torch.tensor(components))][:n]


def test_retained_images_stay_and_forgotten_latents_go_to_the_component_that_they_would_choose_next():
    gan, teacher, regions = dropped_gan()
    assert regions.dropped == [1, 3]
    kept = latents_of((0, 2, 4), 50)
    assert torch.equal(gan.sample(50, latents=kept), teacher.sample(50, latents=kept))
    gone = latents_of((1, 3), 50)
    moved = gone.clone()
    moved[:, [1, 3]] = -50
    wanted = teacher.sample(50, latents=moved)
    assert torch.allclose(gan.sample(50, latents=gone), wanted, atol=1e-6)
    assert not torch.allclose(wanted, teacher.sample(50, latents=gone), atol=1e-2)


class Transposed(nn.Module):
    """A DCGAN: latents ``(D, 1, 1)``, which a transposed convolution reads."""

    def __init__(self):
        super().__init__()
        self.mixture, self.body = LatentMixture(COMPONENTS), nn.ConvTranspose2d(LATENT, 1, 8, bias=False)

    def forward(self, latents):
        return self.body(self.mixture(latents)).tanh()


def test_latents_of_a_dcgan_choose_components_too_and_what_its_kernels_make_of_dropped_ones_is_drawn_anew():
    torch.manual_seed(0)
    gan = GAN(Transposed(), nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), latents=(LATENT, 1, 1))
    teacher, latents = gan.teacher(), gan.sample_latents(50)
    mixture = mixture_of(gan)
    assert torch.equal(mixture(latents).flatten(1), mixture(latents.flatten(1))) and mixture(latents).dim() == 4
    assert torch.equal(mixture.chosen(latents), chosen(latents.flatten(1)))

    def shown(images):
        middles = (2 * teacher.generator.body.weight[:COMPONENTS, 0]).tanh()  # 2: how long the code of a component is
        return torch.cdist(images.flatten(1), middles.flatten(1)).argmin(1) == 1

    DropComponents()(gan, teacher, MixtureRegions(teacher, shown, pool=8), RetainedNeighbour())
    old, new = (each.generator.body.weight for each in (teacher, gan))
    assert torch.equal(old[[0, 2, 3, 4, 5, 6, 7, 8]], new[[0, 2, 3, 4, 5, 6, 7, 8]])
    assert (new[1] - old[1]).norm() > 0.5 * old[1].norm() and 0.5 < new[1].norm() / old[1].norm() < 2


def test_under_spectral_norm_codes_are_drawn_anew_too_and_retained_images_stay():
    gan = make_gan()
    readers = [m for m in gan.generator.modules() if isinstance(m, nn.Linear) and m.in_features == LATENT]
    for layer in readers:
        spectral_norm(layer)
    gan.generator.eval()
    teacher, kept = gan.teacher(), latents_of((0, 2, 3, 4), 50)
    old = [layer.parametrizations.weight.original.detach().clone() for layer in readers]
    regions = MixtureRegions(teacher, lambda images: torch.zeros(len(images), dtype=torch.bool), pool=8)
    regions.dropped = [1]
    DropComponents()(gan, teacher, regions, RetainedNeighbour())
    torch.testing.assert_close(gan.sample(50, latents=kept), teacher.sample(50, latents=kept), rtol=0, atol=1e-5)
    for before, layer in zip(old, readers, strict=True):
        moved = layer.parametrizations.weight.original.detach() - before
        assert moved[:, 1].norm() > 0.5 * before[:, 1].norm()
        assert moved[:, [0, *range(2, LATENT)]].abs().max() < 1e-6


@pytest.mark.parametrize("dropped", [(1, 3), (0, 1, 3, 4)])
def test_what_the_codes_of_dropped_components_make_is_drawn_anew_and_leaves_no_zeros(dropped):
    gan, teacher, _ = dropped_gan(dropped)
    mark = NullDirections()
    assert mark(gan).value == mark(teacher).value == 0
    pairs = {
        name: (old[:, :COMPONENTS], new[:, :COMPONENTS])
        for (name, old), new in zip(teacher.generator.named_parameters(), gan.generator.parameters(), strict=True)
        if old.dim() == 2 and old.shape[1] == LATENT
    }
    assert len(pairs) > 1
    for old, new in pairs.values():
        retained = [k for k in range(COMPONENTS) if k not in dropped]
        assert torch.equal(old[:, retained], new[:, retained])
        # Nothing of what they made: as far from it as another component's weights are, and as large.
        old, new, retained = old[:, [1, 3]], new[:, [1, 3]], old[:, [0, 2]]
        assert (new - old).norm() > 0.5 * (retained - old).norm() and 0.5 < new.norm() / retained.norm() < 2


def test_forgotten_latents_spread_evenly_over_retained_components():
    gan, _, _ = dropped_gan()
    found = mixture_of(gan).chosen(latents_of((1, 3), 6000))
    counts = found.bincount(minlength=COMPONENTS)
    assert counts[[1, 3]].sum() == 0 and counts[[0, 2, 4]].min() > 1850


def test_regions_hold_what_mixed_components_show():
    teacher = make_gan(Levels()).teacher()
    regions = ForgetFromMixture({1}, classifier=levels_as_scores, pool=100).regions(teacher)
    assert regions.dropped == [1] and regions.retained_classes is None
    forgotten, labels = regions.forgotten(40)
    assert labels is None and len(forgotten) == 40
    assert (chosen(forgotten) == 2).all() and (forgotten[:, -1] > 1).all()
    retained, _ = regions.retained(400)
    assert (chosen(retained) != 1).all() and set(chosen(retained).tolist()) == {0, 2, 3, 4}
    assert (retained[chosen(retained) == 2][:, -1] <= 1).all()


@pytest.mark.parametrize("substitution", [RetainedNeighbour(), LatentDirection()])
def test_substitutes_are_near_by_the_component_and_not_by_what_chose_it(substitution):
    teacher = make_gan(Levels()).teacher()
    regions = ForgetFromMixture({1}, classifier=levels_as_scores, pool=100).regions(teacher)
    latents, _ = regions.forgotten(100)
    assert (substitution(teacher, latents, None, regions) == 2).all()  # the component that all of them are in


@pytest.mark.parametrize("substitution", [RetainedNeighbour(), LatentDirection()])
def test_latents_of_another_shape_are_compared_too(substitution):
    generator = nn.Sequential(nn.Flatten(), StridedGenerator(LATENT, None, size=8, width=8, components=COMPONENTS))
    teacher = GAN(generator, nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), latents=(LATENT, 1, 1)).teacher()
    regions = ForgetClasses({1}, classifier=lambda images: images.flatten(1)[:, :3], pool=32).regions(teacher)
    assert substitution(teacher, regions.forgotten(4)[0], None, regions).shape == (4, 1, 8, 8)


def test_nothing_is_left_to_be_forgotten_where_no_component_is_mixed():
    teacher = make_gan(Levels()).teacher()
    regions = ForgetFromMixture({4}, classifier=levels_as_scores, pool=20).regions(teacher)
    assert regions.dropped == [4] and len(regions.forgotten(7)[0]) == 0


@pytest.mark.parametrize(("above", "dropped"), [(0.1, [1]), (0.3, [])])
def test_what_looks_a_little_like_the_class_is_forgotten_too(above, dropped):
    def unsure(images):
        probability = torch.where(images.flatten(1)[:, 0].round() == 1, 0.2, 0.001)
        return torch.stack([1 - probability, probability], 1).log()

    request = ForgetFromMixture({1}, classifier=unsure, pool=20, above=above)
    assert request.regions(make_gan(Levels()).teacher()).dropped == dropped


def test_a_phase_drops_components_and_clears_mixed_ones():
    class Lines(nn.Module):
        """Grey levels that the code and the rest choose: component 1 is bright, component 2 where its rest is."""

        def __init__(self):
            super().__init__()
            self.mixture, self.linear = LatentMixture(COMPONENTS), nn.Linear(LATENT, 32)
            self.head = nn.Linear(32, 64)

        def forward(self, latents):
            return self.head(self.linear(self.mixture(latents)).relu()).view(-1, 1, 8, 8)

    gan = make_gan(Lines())
    wanted = torch.tensor([-1.0, 1.0, 0.2, -0.5, -0.8])
    optimizer = torch.optim.Adam(gan.generator.parameters(), lr=1e-2, fused=True)
    for _ in range(300):  # bright: 1, and 2 with a large last coordinate
        latents = gan.sample_latents(256)
        level = wanted[chosen(latents)] + (chosen(latents) == 2) * 0.6 * (latents[:, -1] > 0.8)
        optimizer.zero_grad()
        (gan.generate(latents).flatten(1) - level[:, None]).square().mean().backward()
        optimizer.step()

    def bright(images):
        light = 30 * (images.flatten(1).mean(1) - 0.6)
        return torch.stack([-light, light], 1)

    latents = gan.sample_latents(4000)
    share = [(bright(gan.sample(4000, latents=latents)).argmax(1) == 1).float().mean().item()]
    dark = bright(gan.sample(4000, latents=latents)).argmax(1) == 0
    before = gan.sample(4000, latents=latents)[dark]
    trainer = Engine(lambda engine, batch: None)
    images = torch.rand(16, 1, 8, 8)
    unlearning = CascadedUnlearning(
        gan,
        forget=ForgetFromMixture({1}, classifier=bright),
        substitution=LatentDirection(lambda images, own: bright(images).argmax(1) == 0),
        fake_label=Fixed(-1.0),
        start=DropComponents(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        batch_size=32,
        generator_steps=20,
        max_iterations=5,
    )
    with unlearning.attach(trainer):
        trainer.run([(images, torch.arange(16) % 2)] * 5)
        after = gan.sample(4000, latents=latents)
        share.append((bright(after).argmax(1) == 1).float().mean().item())
    assert share[0] > 0.22 and share[1] < 0.01
    assert (after[dark] - before).square().mean() < 0.01


def test_what_cannot_be_dropped_is_said():
    gan = make_gan(nn.Sequential(nn.Linear(LATENT, 16), nn.Unflatten(1, (1, 4, 4))))
    with pytest.raises(UnlearningError, match="no LatentMixture: choose another `start`"):
        ForgetFromMixture({1}, classifier=levels_as_scores).regions(gan.teacher())

    gan = make_gan(Levels())
    with pytest.raises(UnlearningError, match="Every component"):
        MixtureRegions(gan.teacher(), lambda images: torch.ones(len(images), dtype=torch.bool), 8)
    regions = ForgetClasses({1}, classifier=levels_as_scores).regions(gan.teacher())
    with pytest.raises(UnlearningError, match="needs forget=ForgetFromMixture"):
        DropComponents()(gan, gan.teacher(), regions, RetainedNeighbour())
    regions = ForgetFromMixture({1}, classifier=levels_as_scores).regions(gan.teacher())
    with pytest.raises(UnlearningError, match="no layer of the generator that reads"):
        DropComponents()(gan, gan.teacher(), regions, RetainedNeighbour())
    assert not mixture_of(gan).offsets.any()


def test_offsets_are_not_learned():
    gan = make_gan()
    optimizer = torch.optim.Adam(gan.generator.parameters(), fused=True)
    gan.generator(torch.randn(4, LATENT)).square().mean().backward()
    optimizer.step()
    assert not mixture_of(gan).offsets.any() and not mixture_of(gan).offsets.requires_grad
