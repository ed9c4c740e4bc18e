"""Where a generator without labels makes the classes that are forgotten: among its samples, by a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN


class FoundRegions:
    """A pool of latents of either kind, found among the teacher's samples.

    Args:
        teacher: the frozen original GAN.
        forgotten: ``(images (N, ...), None) -> bool mask (N,)``, which images are to be forgotten.
        pool: how many latents of either kind are looked up.
        classes: what is forgotten, for messages.
        tries: how often so many samples are looked at, at most.

    Raises:
        UnlearningError: if the teacher never makes images of one of the two kinds.
    """

    retained_classes = None

    def __init__(
        self,
        teacher: GAN,
        forgotten: Callable[[Tensor, None], Tensor],
        *,
        pool: int,
        classes: Sequence[int],
        tries: int = 64,
    ):
        self._mask, self._pool, self._teacher = forgotten, pool, teacher
        found: list[Tensor] = []
        retained: list[Tensor] = []
        for _ in range(tries):
            latents = teacher.sample_latents(pool)
            mask = forgotten(teacher.sample(pool, latents=latents), None)
            found.append(latents[mask])
            retained.append(latents[~mask])
            counts = [sum(map(len, kind)) for kind in (found, retained)]
            if min(counts) >= pool:
                break
        for count, kind in zip(counts, ("forgotten", "retained"), strict=True):
            if count == 0:
                raise UnlearningError(
                    f"The classifier finds no image of the {kind} classes among {tries * pool} samples of the "
                    f"generator, classes to forget: {list(classes)}. Check classifier and classes."
                )
        self._forgotten = torch.cat(found)[:pool]
        self._retained = torch.cat(retained)[:pool]

    def forgotten(self, n: int) -> tuple[Tensor, None]:
        """Latents whose images are forgotten."""
        return _choose(self._forgotten, n), None

    def retained(self, n: int) -> tuple[Tensor, None]:
        """Latents whose images are retained."""
        return _choose(self._retained, n), None

    def look_again(self, gan: GAN, expected: object = None) -> None:
        """Adds latents whose images are forgotten ones by now, and retained ones that are so in both GANs."""
        latents = self._teacher.sample_latents(2 * self._pool)
        now, before = (self._mask(made.sample(len(latents), latents=latents), None) for made in (gan, self._teacher))
        self._forgotten = torch.cat([self._forgotten, latents[now]])[-2 * self._pool :]
        self._retained = torch.cat([self._retained, latents[~now & ~before]])[-4 * self._pool :]

    def state_dict(self) -> dict[str, Tensor]:
        """Returns the latents."""
        return {"forgotten": self._forgotten, "retained": self._retained}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Loads what :meth:`state_dict` returned."""
        device = self._forgotten.device  # a state may have been read to another one
        self._forgotten, self._retained = state["forgotten"].to(device), state["retained"].to(device)


def _choose(pool: Tensor, n: int) -> Tensor:
    return pool[torch.randint(len(pool), (n,)).to(pool.device)]
