"""What a phase keeps of the original GAN: the frozen teacher, where it makes what, and what takes the place of rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Forget, LatentRegions
from ignite_unlearn.gan.borrow import borrow, step_seed
from ignite_unlearn.gan.fields import Fields, fields, shown, with_rows
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.noise import draws_noise
from ignite_unlearn.gan.weights import are_finite, is_infinite, load_weights, refuse_weights, same_weights
from ignite_unlearn.handlers.meetings import Place
from ignite_unlearn.handlers.replaced_rows import RetainedRows, blank_rows, replace_rows
from ignite_unlearn.utils.asked import REQUEST, SEED, asks, kind
from ignite_unlearn.utils.distributed import share, together

_REGIONS, _REPLACED = 0, 2  # what a random number stream is for


class Original:
    """The original GAN, frozen at the moment that this object is made.

    Args:
        gan: the GAN to copy.
        forget: the request.
        seed: of the random numbers drawn here.

    Attributes:
        place: where the rows of the present batch lie among those of all processes; None: they are all.
    """

    @asks(gan=kind("a GAN", GAN), forget=REQUEST, seed=SEED)
    def __init__(self, gan: GAN, forget: Forget, seed: int):
        self.teacher = gan.teacher()
        self._forget = forget
        self.seed = seed
        self.place: Place | None = None
        self._regions: LatentRegions | None = None
        self._found: dict[str, Any] = {}  # of a state: what regions had found by then
        self._retained = RetainedRows()
        self._said_blank = False

    @property
    def regions(self) -> LatentRegions:
        """Where the teacher makes forgotten and retained images; looked up at the first use."""
        if self._regions is None:
            with borrow(seed=step_seed(self.seed, _REGIONS)):
                self._regions = self._forget.regions(self.teacher)
            if self._found:
                self._regions.load_state_dict(self._found)  # type: ignore[attr-defined]
        return self._regions

    def replace_rows(self, batch: Any, gan: GAN, forgotten: Tensor, counter: int) -> Any:
        """Returns a copy of ``batch`` without its forgotten rows; ``batch`` itself where it has none.

        Where a row holds more than image and label, whole retained rows take their place, as
        :class:`.RetainedRows` chooses them: a caption belongs to its own image. Else the teacher's images of retained
        latents do.

        Args:
            batch: the loop's batch; every one is shown, so that retained rows are at hand.
            gan: knows where its images and labels are.
            forgotten: bool mask ``(N,)``.
            counter: numbers the batches, so that each draws its own latents.
        """
        if not len(forgotten) or self._forget.describe().by_index:  # a loop's without batches, or with such a data set
            return batch
        more, n = gan.batch.more(batch), int(forgotten.sum())
        if more:
            found = fields(batch, len(forgotten))
            changed = self._with_retained_rows(batch, gan, found, forgotten, counter) if n else batch
            self._retained.keep(found, forgotten)
            if changed is not None:
                return changed
            self._say_blank(more)
            batch = blank_rows(batch, more, forgotten)
        return self._with_images_alone(batch, gan, forgotten, counter) if n else batch

    def _with_images_alone(self, batch: Any, gan: GAN, forgotten: Tensor, counter: int) -> Any:
        regions = self.regions  # looked up before the stream below begins

        def make(n: int, rows: Tensor) -> tuple[Tensor, Tensor | None]:
            latents, labels = regions.retained(n)
            given = None if labels is None else labels[rows]
            if len(rows) and draws_noise(self.teacher, latents[:2], None if labels is None else labels[:2]):
                # Noise is drawn for a whole call, so all are made: a row's is then its own in any process.
                images = self.teacher.sample(n, labels, latents=latents)[rows]
            else:
                images = self.teacher.sample(len(rows), given, latents=latents[rows])
            return images, self._forget.replacement_labels(images, given)

        with borrow(seed=step_seed(self.seed, _REPLACED, counter)):
            return replace_rows(batch, gan.batch, forgotten, make, self.place)

    def _with_retained_rows(self, batch: Any, gan: GAN, found: Fields, forgotten: Tensor, counter: int) -> Any | None:
        seed = step_seed(self.seed, _REPLACED, counter, idist.get_rank())
        rows = self._retained.take(found, forgotten, seed)
        if rows is None:
            return None
        changed = with_rows(batch, forgotten.nonzero().flatten().tolist(), rows)
        if bool(forgotten.all()):  # of earlier batches: a request that has grown since may name them now
            images, labels = gan.batch.images(changed), gan.batch.labels(changed)
            if bool(self._forget.rows(images, labels).any()):
                self._retained.forget()
                return None
        return changed

    def _say_blank(self, more: Fields) -> None:
        if not self._said_blank:
            self._said_blank = True
            warnings.warn(
                "All rows of a batch belong to the forget set, and no batch before it held a retained row of its form, "
                f"so none takes their place: {', '.join(map(shown, more))} are blank in it, and its images are the "
                "original GAN's. Let the loop begin with a batch that has retained rows.",
                stacklevel=2,
            )

    def settle(self, gan: GAN) -> None:
        """Makes sure that all processes have one original, and warns where the GAN is the original no more.

        Args:
            gan: the GAN that the phase is about to change.

        Raises:
            UnlearningError: if its weights are not finite.
        """
        nets = (self.teacher.generator, self.teacher.discriminator)
        # One original for all: from replicas' own statistics each would find other latents.
        share(t for net in nets for t in (*net.parameters(), *net.buffers()))
        together(lambda: refuse_broken(gan))
        if not same_weights(gan.generator, self.teacher.generator):
            warnings.warn(
                "The generator's weights changed between attach() and the first iteration: does a handler of "
                "Events.STARTED initialise the nets anew? For the original GAN the phase takes them as they were at "
                "attach(): remove that handler, or load the trained weights after it and attach then.",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        """Returns the request in words, the teacher's weights, the seed, the rows at hand, and what regions found."""
        return {
            "request": str(self._forget.describe()),
            "generator": self.teacher.generator.state_dict(),
            "discriminator": self.teacher.discriminator.state_dict(),
            "seed": self.seed,
            "retained": self._retained.state_dict(),
            "found": self._found if self._regions is None else getattr(self._regions, "state_dict", dict)(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned.

        Raises:
            UnlearningError: if they are of another request, or of other nets.
        """
        own = str(self._forget.describe())
        asked = state.get("request", own)  # older states do not say it
        if asked != own:
            raise UnlearningError(
                f"The state is of a phase that forgets {asked}, but this one is to forget {own}: load it into a phase "
                "of the same request, or begin anew without it."
            )
        nets = {name: getattr(self.teacher, name) for name in ("generator", "discriminator")}
        for name, net in nets.items():  # both before either is loaded
            refuse_weights(net, state[name], name)
        for name, net in nets.items():
            load_weights(net, state[name], name)
        self.seed, self._regions, self._found = int(state["seed"]), None, dict(state.get("found", {}))
        self._retained.load_state_dict(state.get("retained", ()))


def refuse_broken(gan: GAN) -> None:
    """Refuses a GAN whose training has diverged.

    Raises:
        UnlearningError: if a weight or buffer of a net is not finite, but for buffers that are meant so, such as masks.
    """
    for what in ("generator", "discriminator"):
        net = getattr(gan, what)
        if not are_finite((*net.parameters(), *(buffer for buffer in net.buffers() if not is_infinite(buffer)))):
            raise UnlearningError(
                f"The {what}'s weights are not finite before the first unlearning step: load those of a GAN whose "
                "training has not diverged."
            )
