"""The same audits for the original, the unlearned and the retrained GAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from tqdm.auto import tqdm

from ignite_unlearn.audits.result import AuditResult, seen_against
from ignite_unlearn.gan import GAN

Audit: TypeAlias = Callable[..., AuditResult]  # (gan, *, judge), such as functools.partial(membership, items=..., ...)


def audit_gans(
    gans: Mapping[str, GAN], audits: Sequence[Audit], *, progress: bool = True
) -> dict[str, list[AuditResult]]:
    """Returns what each audit found of each GAN; the retrained GAN, where there is one, is the judge of the others.

    Args:
        gans: by the names ``"original"``, ``"unlearned"`` and, perhaps, ``"retrained"``.
        audits: each is called with a GAN and ``judge=``, its own result of the retrained GAN or None.
        progress: whether to show a bar.

    Example:
        >>> import torch
        >>> from functools import partial
        >>> from ignite_unlearn.audits.membership import membership
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> images = torch.rand(20, 4)
        >>> audits = [partial(membership, items=images[:8], unseen=images[8:])]
        >>> found = audit_gans({"original": gan, "unlearned": gan, "retrained": gan}, audits, progress=False)
        >>> [found[name][0].passed for name in found]
        [True, None, None]
    """
    found: dict[str, list[AuditResult]] = {name: [] for name in gans}
    order = sorted(gans, key=lambda name: name != "retrained")
    with tqdm(total=len(audits) * len(gans), desc="audits", disable=not progress) as bar:
        for audit in audits:
            judge = None
            for name in order:
                result = audit(gans[name], judge=judge)
                judge = result if name == "retrained" else judge
                found[name].append(result)
                bar.update()
    found["unlearned"] = list(map(seen_against, found["unlearned"], found["original"]))
    return found
