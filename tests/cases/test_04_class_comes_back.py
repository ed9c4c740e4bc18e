"""A loop that draws the labels of its fakes over all classes teaches the generator the forgotten class again."""

import warnings

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Fixed, OtherClass

PICTURES = torch.eye(3).mul(4).sub(2)  # class k shows its k-th pixel


class Table(nn.Module):
    """A generator that is a picture for each class."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 3)
        self.table.weight.data.copy_(PICTURES)

    def forward(self, z, y):
        return self.table(y) + 0.01 * z


class Critic(nn.Module):
    """Knows, as a discriminator that has seen the data does, what each class looks like."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 3)
        self.table.weight.data.copy_(PICTURES)

    def forward(self, x, y):
        return -(x - self.table(y)).square().sum(1)


@pytest.mark.parametrize(("labels", "back"), [("over all classes", True), ("of the batch", False), ("retained", False)])
def test_the_class_comes_back_with_its_labels_only_and_is_warned_of(labels, back):
    torch.manual_seed(0)
    net = Table()
    gan = GAN(net, Critic(), latents=(3,), labels=3)
    phase = CascadedUnlearning(
        gan, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed(), max_iterations=40,
        optimizer=lambda p: torch.optim.SGD(p, 0.5 if len(p) and p[0] is net.table.weight else 0.0), anchor=0.0,
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), 0.05)

    def step(engine, batch):
        drawn = {"over all classes": torch.randint(3, (12,)), "of the batch": batch[1]}
        asked = drawn.get(labels, phase.retained_labels(12))
        if phase.active:  # a short phase, and a long time of learning after it
            return
        optimizer.zero_grad()
        (-gan.discriminator(net(torch.randn(12, 3), asked), asked).mean()).backward()
        optimizer.step()

    def distance():
        return float((net.table.weight[2].detach() - PICTURES[2]).norm() / (PICTURES[0] - PICTURES[2]).norm())

    data = [(PICTURES[torch.arange(12) % 3], torch.arange(12) % 3)]
    trainer = Engine(step)
    with phase.attach(trainer), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.run(data, max_epochs=40)
        assert distance() > 0.9  # forgotten
        trainer.run(data, max_epochs=200)
    assert (distance() < 0.1) == back
    assert (phase.asked_forgotten > 0) == back
    assert any("asked the generator for forgotten classes" in str(w.message) for w in caught) == back
