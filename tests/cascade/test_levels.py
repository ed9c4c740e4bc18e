import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import Generated, UnseenQuantiles


class Ramp(nn.Module):
    """Scores an image by its mean."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x, y=None):
        return self.scale * x.flatten(1).mean(1)


class Painter(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z, y=None):
        return (self.scale * z).view(-1, 1, 1, 1)


def gan(**options):
    return GAN(Painter(), Ramp(), latents=(1,), labels=3, **options)


@pytest.mark.parametrize("level", [0.3, 0.5, 0.8])
def test_the_mean_place_of_forgotten_images_is_the_level_that_was_asked_for(level):
    unseen = torch.rand(500, 1, 1, 1)
    label = UnseenQuantiles(unseen, torch.zeros(500).long(), level=lambda: level)
    made, n = gan(), 400
    targets = label(torch.randn(n), made, made, ForgetClasses({2}).regions(made), torch.zeros(n).long())
    places = (targets[:, None] > unseen.flatten()[None]).float().mean()
    assert places == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize(("scores", "spread"), [("logits", 1.0), ("critic", 0.1)])
def test_below_the_mean_is_a_logit_at_least_and_of_a_critic_a_standard_deviation(scores, spread):
    made = gan(scores=scores)
    made.generator.scale.data.fill_(0.1)
    regions = ForgetClasses({2}).regions(made)
    levels = []
    for below in (0.0, 2.0):
        torch.manual_seed(1)
        levels.append(Generated(below=below, samples=4000)(torch.zeros(3), made, made, regions, None)[0])
    assert float(levels[0] - levels[1]) == pytest.approx(2 * spread, rel=0.05)


def test_a_level_above_the_mean_is_refused():
    with pytest.raises(UnlearningError, match="must not be negative"):
        Generated(below=-1.0)
