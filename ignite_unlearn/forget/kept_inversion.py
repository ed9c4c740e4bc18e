"""An inversion that is kept: a phase that was stopped goes on without another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from torch import Tensor

from ignite_unlearn.forget.inversion import Inverted, Inverter
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.clock import wall_clock
from ignite_unlearn.utils.hashing import tensors_sha256


class KeptInversion:
    """What the last inversion of one GAN found, and the seconds of all, as a state.

    The state holds latents that reproduce images, and a hash that confirms them: it belongs into the phase's
    checkpoint, which is deleted at the end, and nowhere else.

    Attributes:
        seconds: so far; None: nothing is inverted.

    Example:
        >>> import torch
        >>> from ignite_unlearn.forget.inversion import Inversion
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> images, first, again = torch.rand(3, 4), KeptInversion(), KeptInversion()
        >>> found = first.keeping(Inversion(candidates=8, steps=0))(gan, images, None)
        >>> again.load_state_dict(first.state_dict())
        >>> torch.equal(again.keeping(lambda *asked: 1 / 0)(gan, images, None).latents, found.latents)
        True
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._asked, self._found = "", None  # type: tuple[str, Inverted | None]

    def keeping(self, inversion: Inverter) -> Inverter:
        """Returns the inversion, which from now on is timed and, asked for the same images, done once."""
        self.seconds = self.seconds or 0.0

        def kept(gan: GAN, images: Tensor, labels: Tensor | None = None) -> Inverted:
            asked = tensors_sha256(*(given for given in (images, labels) if given is not None))
            if self._found is None or asked != self._asked:
                start = wall_clock()
                try:
                    self._asked, self._found = asked, inversion(gan, images, labels)
                finally:
                    self.seconds = (self.seconds or 0.0) + wall_clock() - start
            on_device = {name: t.to(gan.device) for name, t in vars(self._found).items() if isinstance(t, Tensor)}
            # A state may have been read to another device.
            return replace(self._found, **on_device)  # type: ignore[arg-type]

        return kept

    def state_dict(self) -> dict[str, Any]:
        """Returns the seconds so far and what was found."""
        found = None if self._found is None else asdict(self._found)
        return {"seconds": self.seconds, "asked": self._asked, "found": found}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what :meth:`state_dict` returned.

        Raises:
            ValueError: if that is no inversion.
        """
        found = state["found"]
        if found is not None and not all(isinstance(found.get(key), Tensor) for key in ("latents", "errors")):
            raise ValueError("an inversion without latents or errors")
        self.seconds, self._asked = state["seconds"], state["asked"]
        self._found = None if found is None else Inverted(**found)
