"""What the tests need to know of a loop in the zoo, and the zoo's register."""

import random
from dataclasses import dataclass

import numpy as np
import torch

from ignite_unlearn import CascadedUnlearning, ForgetClasses, Generated, OtherClass, RetainedNeighbour
from tests.loops.nets import bright_corner, real_images

ROWS, BATCHES, EPOCHS = 6, 4, 2
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

    def unlearning(self, lr=0.0, **options):
        """Returns a phase for this loop."""
        conditional = self.gan.labels is not None
        forget = ForgetClasses({2}, classifier=None if conditional and self.labelled else bright_corner, pool=32)
        options.setdefault("optimizer", lambda parameters: torch.optim.Adam(parameters, lr=lr, betas=(0.5, 0.9)))
        return CascadedUnlearning(
            self.gan, forget=forget, batch_size=8, fake_label=Generated(samples=8),
            substitution=OtherClass() if conditional else RetainedNeighbour(samples=16), **options,
        )  # fmt: skip

    def record(self):
        """Copies every batch and output that the loop's own step sees and returns; gives both lists."""
        step, seen, outputs = self.trainer._process_function, [], []

        def recording(engine, batch):
            seen.append(clone(batch))
            outputs.append(clone(step(engine, batch)))
            return outputs[-1]

        self.trainer._process_function = recording
        return seen, outputs


class Streams:
    """The random number streams as an object that Checkpoint can save."""

    def state_dict(self):
        _, words, position, *_ = np.random.get_state()
        return {
            "torch": torch.get_rng_state(),
            "numpy": torch.tensor(words.astype("int64")),
            "position": int(position),
            "python": torch.tensor(random.getstate()[1], dtype=torch.int64),
        }

    def load_state_dict(self, state):
        torch.set_rng_state(state["torch"])
        np.random.set_state(("MT19937", state["numpy"].numpy().astype("uint32"), state["position"]))
        random.setstate((3, tuple(state["python"].tolist()), None))


def clone(value):
    """Returns a deep copy of nested tensors."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [clone(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def assert_identical(one, other, path=""):
    """Asserts that two nested structures are bit-identical."""
    assert type(one) is type(other), path
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and one.shape == other.shape, path
        assert torch.equal(one.nan_to_num(), other.nan_to_num()) and torch.equal(one.isnan(), other.isnan()), path
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_identical(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other), path
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_identical(a, b, f"{path}[{index}]")
    else:
        assert one == other or (one != one and other != other), path
