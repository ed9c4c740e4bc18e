"""A picture of the same latents before and after a phase."""

from __future__ import annotations

from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from torch import Tensor

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.events import UnlearningEvents
from ignite_unlearn.handlers.handle import PhaseHandle
from ignite_unlearn.utils.asked import COUNT, PATH, SEED, Asked, asks, kind, number, several
from ignite_unlearn.utils.pictures import save_picture, side_by_side

_RANGE = Asked("two numbers", lambda value: several("numbers", number()).fits(value) and len(value) == 2)


class Snapshots:
    """Draws fixed latents when it is attached and when the phase ends, and saves both grids as one PNG.

    For a conditional GAN each row is a class; for an unconditional one rows are just latents.

    Args:
        gan: the GAN to draw; one that holds the moving average of the generator draws that.
        path: where the PNG goes; written by rank 0.
        columns: latents in a row.
        value_range: the values that are drawn as black and white.
        seed: of the latents.

    Example:
        >>> import tempfile, torch
        >>> netG = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
        >>> gan = GAN(netG, torch.nn.Linear(16, 1), latents=(8,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     snapshots = Snapshots(gan, f"{folder}/before_after.png", columns=4)
        >>> snapshots.draw().shape
        torch.Size([16, 1, 4, 4])
    """

    @asks(
        gan=kind("a GAN", GAN),
        path=PATH,
        columns=COUNT,
        value_range=_RANGE,
        seed=SEED,
    )
    def __init__(
        self,
        gan: GAN,
        path: str | Path,
        *,
        columns: int = 8,
        value_range: tuple[float, float] = (-1, 1),
        seed: int = 0,
    ):
        self.gan = gan
        self.path = Path(path)
        self.columns = columns
        self.value_range = value_range
        self.seed = seed

    def draw(self) -> Tensor:
        """Returns the present images of the fixed latents."""
        rows = self.gan.labels or 4
        labels = None if self.gan.labels is None else torch.arange(rows).repeat_interleave(self.columns)
        with borrow(seed=self.seed):
            latents = self.gan.sample_latents(rows * self.columns)
        return self.gan.sample(len(latents), labels, latents=latents)

    def attach(self, trainer: Engine) -> PhaseHandle:
        """Attaches to a trainer that a phase is attached to; returns a removable handle."""
        before = self.draw()

        def save(engine: Engine) -> None:
            panels = {"before": before, "after": self.draw()}
            if idist.get_rank() == 0:
                save_picture(side_by_side(panels, self.columns, self.value_range), self.path)

        return PhaseHandle(self, trainer, {UnlearningEvents.UNLEARNING_COMPLETED: save})
