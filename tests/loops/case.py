"""What the tests need to know of a loop in the zoo, and the zoo's register."""

import random
from dataclasses import dataclass

import numpy as np
import torch

from ignite_unlearn import CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Generated, OtherClass, RetainedNeighbour
from ignite_unlearn.testing import Loop
from tests.loops.nets import bright_corner, real_images

ROWS, BATCHES = 6, 4
ZOO = {}


def loop(build):
    """Registers a builder: called with a fixed seed it returns a fresh, identical Case."""

    def seeded():
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)
        return build()

    ZOO[build.__name__] = seeded
    return seeded


def law_of(name, method=None):
    """Returns what ``ignite_unlearn.testing.assert_law`` needs to look at a loop: how it and its phase are made.

    Args:
        name: of the loop.
        method: ``(case, lr) -> phase``; None: the cascade.
    """

    def make_loop():
        case = ZOO[name]()
        made = case.loop()
        made.case = case
        return made

    def phase(made, lr):
        return made.case.unlearning(lr=lr) if method is None else method(made.case, lr)

    return make_loop, phase


@dataclass
class Case:
    """A loop.

    Attributes:
        trainer: the engine.
        gan: the GAN it trains.
        form: (images, labels) -> batch.
        saved: what a resumable script gives to Checkpoint, beside the trainer.
        labelled: whether the batch has labels for ForgetClasses.
        warns: what the loop makes the phase warn of, if anything.
        loader: batches -> what a resumable script of this kind runs over.
        streams: whether a resumable script must save the random number streams.
    """

    trainer: object
    gan: object
    form: object
    saved: dict
    labelled: bool = True
    warns: str | None = None
    loader: object = list
    streams: bool = True

    def data(self):
        """Returns an epoch's batches; every one but the third has rows of the forget set."""
        made = []
        for i in range(BATCHES):
            images, labels = real_images(ROWS, seed=i)
            labels[0] = 2 if i != 2 else 0
            if i == 2:
                labels = labels.clamp(max=1)
            images[:, 0, 0, 0] = torch.where(labels == 2, 0.8, -0.8)
            images[:, 0, 0, 1] = torch.where(labels == 1, 0.7, -0.7)
            made.append(self.form(images, labels))
        return made

    def forget(self):
        """Returns a request for this loop."""
        labelled = self.gan.labels is not None and self.labelled
        return ForgetClasses({2}, classifier=None if labelled else bright_corner, pool=32)

    def unlearning(self, lr=0.0, **options):
        """Returns a cascade for this loop."""
        conditional = self.gan.labels is not None
        options.setdefault("optimizer", lambda parameters: torch.optim.Adam(parameters, lr=lr, betas=(0.5, 0.9)))
        return CascadedUnlearning(
            self.gan, forget=self.forget(), batch_size=8, fake_label=Generated(samples=8),
            substitution=OtherClass() if conditional else RetainedNeighbour(samples=16), **options,
        )  # fmt: skip

    def loop(self):
        """Returns what the law of the seam looks at."""
        return Loop(self.trainer, self.gan, self.data(), self.saved, loader=self.loader, streams=self.streams)
