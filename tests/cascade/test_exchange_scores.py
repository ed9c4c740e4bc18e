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


class Recorded(torch.optim.SGD):
    """Writes gradients down and moves nothing."""

    def __init__(self, parameters, into):
        super().__init__(parameters, 0.1)
        self.into = into

    def step(self, closure=None):
        self.into += [p.grad.clone() for group in self.param_groups for p in group["params"]]


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


class Saved:
    """Counts what graphs hold, and remembers the most."""

    now = most = 0

    def __init__(self, tensor):
        self.tensor = tensor
        Saved.now += 1
        Saved.most = max(Saved.most, Saved.now)

    def __del__(self):
        Saved.now -= 1


def most_saved(act):
    Saved.most = Saved.now
    before = Saved.now
    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
        kept = act()
    del kept
    return Saved.most - before


def test_the_graph_of_one_kind_of_images_is_held_at_a_time():
    gan = trained()
    images, labels = gan.sample(8), torch.arange(8) % 3
    one = most_saved(lambda: nn.functional.smooth_l1_loss(gan.score(images, labels), torch.zeros(8)))
    assert one <= most_saved(lambda: run(gan, ExchangeScores(steps=2), calls=1)) <= one + 2  # the anchor, a sum


def test_gradients_are_to_the_bit_those_of_one_graph_of_all():
    gan = trained()
    teacher, at = gan.teacher(), []
    step = ExchangeScores(steps=1, anchor=0.7, optimizer=lambda parameters: Recorded(parameters, at))
    torch.manual_seed(3)
    run(gan, step, teacher, calls=1)
    torch.manual_seed(3)
    regions, rows = ForgetClasses({2}).regions(teacher), batch(teacher).joined()
    (z, y), (kept, kept_y) = regions.forgotten(64), regions.retained(64)
    real = ~rows.forgotten
    with torch.no_grad():
        held = [(pair, teacher.score(*pair)) for pair in (
            (teacher.sample(64, kept_y, latents=kept), kept_y), (rows.images[real], rows.labels[real])
        )]  # fmt: skip
    loss = nn.functional.smooth_l1_loss
    old, substitute = (teacher.sample(64, labels, latents=z) for labels in (y, y * 0))
    exchanged = loss(gan.score(old, y), torch.full((64,), -3.0))
    exchanged = exchanged + loss(gan.score(substitute, y), held[1][1].mean().expand(64))
    exchanged = exchanged + loss(gan.score(rows.images[~real], rows.labels[~real]), torch.full((10,), -3.0))
    whole = exchanged + 0.7 * sum(loss(gan.score(*pair), scores) for pair, scores in held)
    assert all(map(torch.equal, at, torch.autograd.grad(whole, list(gan.discriminator.parameters()))))


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
