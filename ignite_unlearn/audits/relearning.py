"""Audit: does what was forgotten come back faster than it is learned by a GAN that never saw it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import TypeAlias

from tqdm.auto import tqdm

from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.answers import answer
from ignite_unlearn.utils.asked import BOOL, CALL, COUNT, NUMBER, SEED, TEXT, asks, number, several

Learn: TypeAlias = Callable[[GAN], Callable[[], object]]
Level: TypeAlias = Callable[[GAN], float]


@asks(
    learn=CALL,
    level=CALL,
    reached=number(),
    every=COUNT,
    max_iterations=COUNT,
    seeds=several("seeds", SEED),
    progress=BOOL,
    key=TEXT,
    title=TEXT,
)
@dataclass(frozen=True, eq=False, repr=False)
class Relearning:
    """How many learning steps on data that holds the forget set bring the original's level back.

    Weights that hide an image instead of forgetting it give it back within a few steps. The GAN is never changed: each
    trial is on a copy. Trials that do not reach the level count as ``max_iterations`` and are named.

    Args:
        learn: sets up training of a copy in train mode, such as its optimisers, and returns a function that takes one
            learning step.
        level: measures how present the forgotten is in a GAN, such as the forgotten share; higher is more.
        reached: the level that counts as back, such as nine tenths of the original's.
        every: measure after every so many steps.
        max_iterations: when to give up.
        seeds: one trial each; they order the batches. The interval is the range over them.
        progress: whether to show a bar.
        key: what programs know it by; another where a plan relearns in several ways.
        title: what people read.

    Raises:
        UnlearningError: if a number does not fit.

    Example:
        >>> import torch
        >>> net = torch.nn.Linear(1, 1, bias=False)
        >>> gan = GAN(net, torch.nn.Linear(1, 1), latents=(1,))
        >>> def learn(copy):
        ...     return lambda: copy.generator.weight.data.add_(1)
        >>> def level(copy):
        ...     return copy.generator.weight.item()
        >>> 8 <= Relearning(learn, level, reached=9.0, every=1, progress=False)(gan).value <= 10
        True
    """

    learn: Learn
    level: Level
    _: KW_ONLY
    reached: float
    every: int = 5
    max_iterations: int = 200
    seeds: Sequence[int] = (0, 1, 2)
    progress: bool = True
    key: str = "relearning"
    title: str = "relearning"

    def __post_init__(self) -> None:
        if self.every < 1 or self.max_iterations < 1 or not self.seeds:
            raise UnlearningError(
                f"every={self.every}, max_iterations={self.max_iterations}, seeds={self.seeds}: expected at least 1 of "
                "each."
            )

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN."""
        counts, missed, trials = [], 0, len(self.seeds)
        with tqdm(total=self.max_iterations * trials, desc=self.title, disable=not self.progress) as bar:
            for seed in self.seeds:
                count, back = self._iterations(gan, seed, bar)
                counts.append(count)
                missed += not back
        value = sum(counts) / len(counts)
        details: dict[str, object] = {
            "iterations": counts, "not_reached": missed, "max_iterations": self.max_iterations,
        }  # fmt: skip
        if retrained is not None and retrained.value:
            details["share_of_retrained"] = value / retrained.value
        result = verdict(
            self,
            "iterations",
            value,
            min(counts),
            max(counts),
            retrained,
            more="it relearns more slowly than a GAN that never saw the images, which marks it",
            less="it relearns faster than a GAN that never saw the images, so traces are left",
            details=details,
        )
        if not missed:
            return result
        late = f"{missed} of {trials} trials did not reach the level in {self.max_iterations} iterations"
        # Where no trial of either GAN got there, nothing was compared.
        nothing = missed == trials and retrained is not None and retrained.details.get("not_reached") == trials
        return replace(result, verdict=f"{result.verdict} ({late})", passed=None if nothing else result.passed)

    def _iterations(self, gan: GAN, seed: int, bar: tqdm) -> tuple[int, bool]:
        """Returns how many steps a copy took, and whether it reached the level."""
        copied = gan.learner()
        with borrow(seed=seed):
            step = answer("learn", CALL, self.learn, copied)
            for count in range(self.max_iterations + 1):
                if count % self.every == 0 or count == self.max_iterations:
                    with borrow(copied.generator, copied.discriminator, seed=seed):
                        present = answer("level", NUMBER, self.level, copied)
                    if present >= self.reached:
                        return count, True
                if count < self.max_iterations:
                    step()
                    bar.update()
        return self.max_iterations, False
