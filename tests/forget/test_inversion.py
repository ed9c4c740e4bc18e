import copy

import pytest
import torch

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.forget import Inversion
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def make(classes=None):
    return GAN(Generator(classes), Discriminator(), latents=(Z,), labels=classes)


@pytest.mark.parametrize("classes", [None, CLASSES])
def test_images_of_the_generator_are_found_again_and_others_are_not(classes):
    gan = make(classes)
    labels = None if classes is None else torch.arange(12) % classes
    made, real = gan.sample(12, labels), real_images(12, seed=0)[0]
    invert = Inversion(candidates=512, steps=300, prior=0.0, progress=False)
    own, others = invert(gan, made, labels), invert(gan, real, labels)
    assert own.errors.median() < 0.05 < others.errors.min()


def test_errors_are_those_of_the_latents_that_are_returned():
    gan = make()
    images = real_images(7, seed=0)[0]
    found = Inversion(candidates=32, steps=20, progress=False)(gan, images)
    again = (gan.sample(7, latents=found.latents) - images).square().flatten(1).mean(1).sqrt()
    assert torch.allclose(found.errors, again, atol=1e-5)


def test_optimising_never_makes_an_image_worse_than_its_best_candidate():
    gan, images = make(), real_images(9, seed=0)[0]

    def errors(steps):
        torch.manual_seed(5)
        return Inversion(candidates=32, steps=steps, progress=False)(gan, images).errors

    assert (errors(25) <= errors(0) + 1e-6).all() and errors(25).mean() < errors(0).mean()


def test_the_start_is_the_nearest_candidate():
    gan, images = make(), real_images(5, seed=0)[0]
    torch.manual_seed(1)
    found = Inversion(candidates=40, steps=0, progress=False)(gan, images)
    torch.manual_seed(1)
    samples = gan.sample(40)
    nearest = (images[:, None] - samples).square().flatten(2).mean(2).sqrt().min(1)
    assert found.steps == 0 and torch.allclose(found.errors, nearest.values, atol=1e-5)


def test_it_stops_by_itself_and_leaves_the_generator_as_it_was():
    gan = make()
    gan.generator.requires_grad_(False)
    gan.generator.train()
    before = copy.deepcopy(gan.generator.state_dict())
    found = Inversion(candidates=64, steps=10_000, progress=False)(gan, gan.sample(3))
    assert found.steps < 10_000
    assert all(torch.equal(v, before[k]) for k, v in gan.generator.state_dict().items())
    assert gan.generator.training and not any(p.requires_grad for p in gan.generator.parameters())


def test_a_strong_prior_keeps_latents_on_the_shell_and_features_add_a_distance():
    gan, images = make(), 3 * real_images(6, seed=0)[0]
    norms = [
        Inversion(candidates=64, steps=60, prior=w, progress=False)(gan, images).latents.norm(dim=1)
        for w in (0.0, 1000.0)
    ]
    typical = torch.randn(4000, Z).norm(dim=1).mean()
    assert (norms[1] - typical).abs().mean() < (norms[0] - typical).abs().mean()
    corner = lambda x: x[:, :, :3, :3]  # noqa: E731
    torch.manual_seed(0)
    with_features = Inversion(candidates=64, steps=60, features=corner, feature_weight=50.0, progress=False)
    latents = with_features(gan, images).latents
    assert latents.isfinite().all()


def test_what_does_not_fit_is_said_in_a_sentence():
    with pytest.raises(UnlearningError, match="candidates=0"):
        Inversion(candidates=0)
    with pytest.raises(UnlearningError, match="needs the images' class labels"):
        Inversion(progress=False)(make(CLASSES), torch.zeros(2, 1, 6, 6))
    with pytest.raises(UnlearningError, match=r"makes images of shape \(1, 6, 6\)"):
        Inversion(progress=False)(make(), torch.zeros(2, 1, 5, 5))
