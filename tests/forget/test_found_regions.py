import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetClasses, UnlearningError


class Shift(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(float(by)))

    def forward(self, z):
        return (z + self.by).view(-1, 1, 1, 2)


def gan(by):
    return GAN(Shift(by), nn.Flatten(), latents=(2,))


def classes(images):
    """Class 1: images whose first pixel is positive."""
    first = images.flatten(1)[:, :1]
    return torch.cat([-first, first], 1)


FORGET = ForgetClasses({1}, classifier=classes, pool=64)


def test_latents_of_either_kind_are_found_by_the_classifier():
    regions = FORGET.regions(gan(0.0))
    assert bool((regions.forgotten(50)[0][:, 0] > 0).all()) and bool((regions.retained(50)[0][:, 0] <= 0).all())


def test_a_further_look_adds_latents_that_make_the_class_by_now_and_retains_what_neither_makes():
    teacher = gan(0.0)
    regions = FORGET.regions(teacher)
    regions.look_again(gan(0.5))  # the class moved into a part of the latent space that was retained
    latents = regions.forgotten(400)[0]
    assert bool((latents[:, 0] > -0.5).all()) and bool((latents[:, 0] < 0).any())
    before = len(regions._retained)
    regions.look_again(gan(9.0))  # which makes nothing else
    assert len(regions._retained) == before


def test_a_class_that_is_never_made_is_told():
    with pytest.raises(UnlearningError, match="no image of the forgotten classes"):
        FORGET.regions(gan(-50.0))


class Elsewhere:
    """A tensor of a state that was read to another device."""

    def __init__(self, tensor):
        self.tensor = tensor

    def to(self, device):
        assert device == torch.device("cpu")
        return self.tensor


def test_a_state_that_was_read_to_another_device_is_moved_to_the_gans():
    regions, again = (FORGET.regions(gan(0.0)) for _ in range(2))
    again.load_state_dict({name: Elsewhere(latents) for name, latents in regions.state_dict().items()})
    assert again.forgotten(5)[0].shape == (5, 2) and again.retained(5)[0].shape == (5, 2)
