import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, ForgetClasses, UnlearningDivergedError, UnlearningError
from ignite_unlearn.cascade import ExchangeScores, Fixed, OtherClass
from ignite_unlearn.cascade.aims import Aims
from ignite_unlearn.handlers import Rows


class Painter(nn.Module):
    """Makes images of a class: its level, and a little noise."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, z, y):
        return (self.scale * z + (y.float() - 1)[:, None]).view(-1, 1, 2, 2)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out, self.embed = nn.Linear(4, 32), nn.Linear(32, 1), nn.Embedding(3, 32)

    def forward(self, x, y):
        hidden = torch.relu(self.hidden(x.flatten(1)))
        return self.out(hidden).squeeze(1) + (hidden * self.embed(y)).sum(1)


def trained():
    """Returns a GAN whose discriminator likes every image best under its own label."""
    gan = GAN(Painter(), Critic(), latents=(4,), labels=3)
    optimizer = torch.optim.Adam(gan.discriminator.parameters(), 1e-2)
    for _ in range(300):
        labels = torch.randint(3, (64,))
        asked = torch.randint(3, (64,))
        images = gan.sample(64, labels)
        scores = gan.score(images, asked)
        loss = nn.functional.binary_cross_entropy_with_logits(scores, (labels == asked).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gan.discriminator.eval()
    return gan


def batch(gan, forgotten=2, n=32):
    labels = torch.arange(n) % 3
    return Rows(gan.sample(n, labels), labels, labels == forgotten)


def run(gan, step, teacher=None, calls=40, fake_label=None):
    teacher = teacher or gan.teacher()
    regions, rows = ForgetClasses({2}).regions(teacher), batch(teacher).joined()
    aims = Aims(fake_label or Fixed(-3.0), OtherClass(target=0), regions, rows)
    for _ in range(calls):
        numbers = step(gan, teacher, rows, aims)
    return numbers


@torch.no_grad()
def levels(gan):
    """Returns mean scores of: the forgotten class and its substitutes under its label, and retained pairs."""
    labels = torch.full((64,), 2)
    forgotten, substitutes = gan.sample(64, labels), gan.sample(64, labels * 0)
    kept = torch.arange(64) % 2
    return [
        float(gan.score(*pair).mean())
        for pair in ((forgotten, labels), (substitutes, labels), (gan.sample(64, kept), kept))
    ]


def test_the_forgotten_class_and_its_substitutes_change_places_and_retained_pairs_stay():
    gan = trained()
    before = levels(gan)
    assert before[0] > before[1] + 2
    numbers = run(gan, ExchangeScores())
    after = levels(gan)
    assert after[0] < -2 < 1 < after[1]
    assert after[2] == pytest.approx(before[2], abs=0.5)
    assert numbers["discriminator_anchor_loss"] < 0.1


def test_a_state_that_is_loaded_goes_on_as_the_step_that_gave_it():
    gan = trained()
    teacher, first = gan.teacher(), ExchangeScores()
    assert first.state_dict() == {}
    run(gan, first, teacher, calls=3)
    other = gan.learner()
    other.discriminator.eval()
    second = ExchangeScores()
    second.load_state_dict(first.state_dict())
    for one, step in ((gan, first), (other, second)):
        torch.manual_seed(1)
        run(one, step, teacher, calls=2)
    assert all(map(torch.equal, gan.discriminator.state_dict().values(), other.discriminator.state_dict().values()))


def test_what_does_not_train_stays():
    gan = trained()
    teacher = gan.teacher()
    gan.discriminator.hidden.requires_grad_(False)
    run(gan, ExchangeScores(), teacher, calls=2)
    assert torch.equal(gan.discriminator.hidden.weight, teacher.discriminator.hidden.weight)
    assert not torch.equal(gan.discriminator.out.weight, teacher.discriminator.out.weight)


def test_a_loss_that_is_not_finite_is_said():
    with pytest.raises(UnlearningDivergedError, match="loss of the discriminator is not finite"):
        run(trained(), ExchangeScores(), calls=1, fake_label=Fixed(float("nan")))


@pytest.mark.parametrize("options", [{"steps": 0}, {"batch_size": 0}, {"anchor": -1.0}])
def test_numbers_that_do_not_fit_are_refused(options):
    with pytest.raises(UnlearningError, match="at least 1"):
        ExchangeScores(**options)
