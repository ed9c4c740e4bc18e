"""What a phase warns of while it runs: one sentence each, each said once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ignite.engine import Engine

from ignite_unlearn.gan.averages import averages, kept_around, lag
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.handlers.replay import Replay
from ignite_unlearn.handlers.seen import Seen

_LAGS = 0.75  # of the way to the unlearned generator


class Alarms:
    """Says what a phase must not be silent about.

    Example:
        >>> alarms = Alarms()
        >>> alarms.labels(0)  # nothing to say
        >>> with warnings.catch_warnings(record=True) as said:
        ...     warnings.simplefilter("always")
        ...     alarms.unmeasured()
        ...     alarms.unmeasured()
        >>> len(said)
        1
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def seen(self, seen: Seen, engine: Engine) -> None:
        """Looks at what the batches held so far, from the first epoch on until there is something to say."""
        # Replay leaves the forget set out on purpose.
        if not isinstance(engine.state.dataloader, Replay):
            sentence = seen.surprise(engine.state.dataloader)
            if sentence is not None:
                self._say("seen", sentence)

    def guesses(self, sentences: Sequence[str]) -> None:
        """Says what of a batch is guessed, of the first one that the phase is given."""
        for number, sentence in enumerate(sentences):
            self._say(f"guess {number}", sentence)

    def labels(self, asked: int) -> None:
        """Looks at how many labels of forgotten classes the loop's own step gave the generator."""
        if asked:
            self._say(
                "labels",
                f"The loop's own step asked the generator for forgotten classes ({asked} labels so far), which "
                "may teach it these again: take labels from the batch, or draw them by unlearning.retained_labels(n).",
            )

    def unmeasured(self) -> None:
        """Says that a phase ended while nothing measured what it forgot."""
        self._say(
            "unmeasured",
            "The unlearning phase ended, but nothing has measured whether it forgot: give a phase for images unseen=, "
            "or attach StopWhenForgotten(unlearning, measure, ...) or ErasureRecord(unlearning, folder, measure=...).",
        )

    def averages(self, engine: Engine, gan: GAN, teacher: GAN, released: GAN | None) -> None:
        """Looks for averages of the generator around a trainer that are still near the original."""
        known = (teacher.generator, None if released is None else released.generator)
        for name, average in averages(gan.generator, kept_around(engine)):
            if average not in known and lag(average, gan.generator, teacher.generator) > _LAGS:
                self._say(
                    "averages",
                    f"The loop keeps an average of the generator ({name}) that is still nearer to the original than to "
                    "the unlearned one, and so still knows what was to be forgotten: have it begin again with each "
                    "step, RestartAverage(unlearning, average), and judge it, ErasureRecord(..., released=GAN(average, "
                    "...)), or release the generator itself.",
                )

    def _say(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            warnings.warn(sentence, stacklevel=3)
