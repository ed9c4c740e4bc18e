"""What is shown of a run while it works: bars, and whatever else follows its loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from ignite.engine import Engine, Events
from tqdm.auto import tqdm


class Observer(Protocol):
    """Something that follows the loops of a run, such as :class:`.TensorBoard`."""

    def follow(self, engine: Engine, iterations: int, title: str) -> AbstractContextManager[object]:
        """Follows a loop while what is returned is entered.

        Args:
            engine: of the loop; it may begin at a later iteration than the first.
            iterations: how many the loop has in all.
            title: of the loop, such as ``"original"`` or ``"unlearning"``; no two loops of a run have the same.
        """


@dataclass(frozen=True)
class Progress:
    """What is shown of a run while it works.

    Attributes:
        bars: whether progress bars are shown, on a terminal.
        observers: what else follows each loop.

    Example:
        >>> class Titles:
        ...     @contextmanager
        ...     def follow(self, engine, iterations, title):
        ...         print(f"{title} begins")
        ...         yield
        ...         print(f"{title} ended after {engine.state.iteration} of {iterations} iterations")
        >>> engine = Engine(lambda engine, batch: None)
        >>> with Progress(bars=False, observers=[Titles()]).of(engine, 3, "training"):
        ...     _ = engine.run([0, 1, 2])
        training begins
        training ended after 3 of 3 iterations
    """

    bars: bool = True
    observers: Sequence[Observer] = ()

    @contextmanager
    def of(self, engine: Engine, iterations: int, title: str, *, at_most: bool = False) -> Iterator[None]:
        """Shows a loop while it is entered; for the arguments see :meth:`Observer.follow`.

        Args:
            engine: as there.
            iterations: as there.
            title: as there.
            at_most: whether the loop may end long before, as a phase does; its bar says so.
        """
        with ExitStack() as shown:
            for observer in self.observers:
                shown.enter_context(observer.follow(engine, iterations, title))
            bar = shown.enter_context(
                self.bar(iterations, title + ", at most" * at_most, initial=engine.state.iteration, unit="it")
            )
            shown.enter_context(engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: bar.update() and None))
            yield

    def bar(self, total: int, title: str, **how: object) -> tqdm:
        """Returns a bar; where bars are not shown, or nobody sits at a terminal, one that shows nothing.

        Args:
            total: what it counts up to.
            title: of the bar.
            how: further arguments of tqdm.
        """
        return tqdm(total=total, desc=title, disable=None if self.bars else True, **how)


BARS, QUIET = Progress(), Progress(bars=False)
