"""A tiny GAN, a phase on it, and data for both: what calls are tried with."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Fixed, OtherClass


class ByLabel(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(3, 16)

    def forward(self, latents, labels):
        return (latents + self.rows(labels)).view(-1, 1, 4, 4)


def nets():
    return ByLabel(), nn.Sequential(nn.Flatten(), nn.Linear(16, 1))


def gan():
    return GAN(*nets(), latents=(16,), labels=3)


def shown(n=8):
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(n))


def phase(**more):
    given = {
        "gan": gan(),
        "forget": ForgetClasses({2}),
        "substitution": OtherClass(),
        "fake_label": Fixed(-1.0),
        **more,
    }
    return CascadedUnlearning(given.pop("gan"), **given)


def trained(unlearning, *handlers):
    batches = [(shown(6), torch.arange(6) % 3)] * 2
    trainer = Engine(lambda engine, batch: None)
    with unlearning.attach(trainer):
        for handler in handlers:
            handler.attach(trainer)
        trainer.run(batches)


def of_gan(made):
    return made.score(made.sample(3), torch.zeros(3, dtype=torch.int64))


def somewhere():
    return Path(tempfile.mkdtemp())


FEATURES = lambda: np.random.default_rng(0).normal(size=(12, 3))  # noqa: E731
SCORES = lambda: torch.arange(5.0)  # noqa: E731
