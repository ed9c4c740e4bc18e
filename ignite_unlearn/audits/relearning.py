"""Audit: does what was forgotten come back faster than it is learned by a GAN that never saw it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tqdm.auto import tqdm

from ignite_unlearn.audits.result import AuditResult, judged
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN

Learn: TypeAlias = Callable[[GAN], Callable[[], object]]
Level: TypeAlias = Callable[[GAN], float]


def relearning(
    gan: GAN,
    learn: Learn,
    level: Level,
    *,
    reached: float,
    every: int = 5,
    max_iterations: int = 200,
    seeds: Sequence[int] = (0, 1, 2),
    judge: AuditResult | None = None,
    progress: bool = True,
) -> AuditResult:
    """Returns how many learning steps on data that holds the forget set bring the original's level back.

    Weights that hide an image instead of forgetting it give it back within a few steps. The GAN is never changed: each
    trial is on a copy. Trials that do not reach the level count as ``max_iterations`` and are named.

    Args:
        gan: the GAN under attack.
        learn: sets up training of a copy in train mode, such as its optimisers, and returns a function that takes one
            learning step.
        level: measures how present the forgotten is in a GAN, such as the forgotten share; higher is more.
        reached: the level that counts as back, such as nine tenths of the original's.
        every: measure after every so many steps.
        max_iterations: when to give up.
        seeds: one trial each; they order the batches. The interval is the range over them.
        judge: the same audit of the retrained GAN.
        progress: whether to show a bar.

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
        >>> 8 <= relearning(gan, learn, level, reached=9.0, every=1, progress=False).value <= 10
        True
    """
    if every < 1 or max_iterations < 1 or not seeds:
        raise UnlearningError(
            f"every={every}, max_iterations={max_iterations}, seeds={seeds}: expected at least 1 of each."
        )
    counts, missed = [], 0
    with tqdm(total=max_iterations * len(seeds), desc="relearning", disable=not progress) as bar:
        for seed in seeds:
            count, back = _iterations(gan, learn, level, reached, every, max_iterations, seed, bar)
            counts.append(count)
            missed += not back
    value = sum(counts) / len(counts)
    details: dict[str, object] = {"iterations": counts, "not_reached": missed, "max_iterations": max_iterations}
    if judge is not None and judge.value:
        details["share_of_retrained"] = value / judge.value
    result = judged(
        "relearning",
        "iterations",
        value,
        min(counts),
        max(counts),
        judge,
        more="it relearns more slowly than a GAN that never saw the images, which marks it",
        less="it relearns faster than a GAN that never saw the images, so traces are left",
        details=details,
    )
    if not missed:
        return result
    said = f"{result.verdict} ({missed} of {len(seeds)} trials did not reach the level in {max_iterations} iterations)"
    # Where no trial of either GAN got there, nothing was compared.
    nothing = missed == len(seeds) and judge is not None and judge.details.get("not_reached") == len(seeds)
    return AuditResult(**{**result.as_dict(), "verdict": said, "passed": None if nothing else result.passed})


def _iterations(
    gan: GAN, learn: Learn, level: Level, reached: float, every: int, max_iterations: int, seed: int, bar: tqdm
) -> tuple[int, bool]:
    copied = gan.learner()
    with borrow(seed=seed):
        step = learn(copied)
        for count in range(max_iterations + 1):
            if count % every == 0 or count == max_iterations:
                with borrow(copied.generator, copied.discriminator, seed=seed):
                    present = level(copied)
                if present >= reached:
                    return count, True
            if count < max_iterations:
                step()
                bar.update()
    return max_iterations, False
