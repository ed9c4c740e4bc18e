"""The same audits for the original, the unlearned and the retrained GAN."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from tqdm.auto import tqdm

from ignite_unlearn.audits.membership import attack_name, membership, set_membership
from ignite_unlearn.audits.reconstruction import reconstruction
from ignite_unlearn.audits.recovery import recovery
from ignite_unlearn.audits.result import AuditResult, not_tested, seen_against
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN

Audit: TypeAlias = Callable[..., AuditResult]  # (gan, *, judge), such as functools.partial(membership, items=..., ...)

_TITLES: dict[Any, str] = {
    membership: "membership",
    set_membership: "membership of the set",
    reconstruction: "reconstruction by inversion",
    recovery: "recovery by search",
}


def audit_gans(
    gans: Mapping[str, GAN], audits: Sequence[Audit], *, progress: bool = True
) -> dict[str, list[AuditResult]]:
    """Returns what each audit found of each GAN; the retrained GAN, where there is one, is the judge of the others.

    Of an audit that cannot be made, such as for want of images, the verdict says that it was not tested, and why; the
    others are made.

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
                try:
                    result = audit(gans[name], judge=judge)
                except UnlearningError as error:
                    result = not_tested(title(audit), str(error))
                judge = result if name == "retrained" else judge
                found[name].append(result)
                bar.update()
    found["unlearned"] = list(map(seen_against, found["unlearned"], found["original"]))
    return found


def title(audit: Audit) -> str:
    """Returns what an audit is called in its results.

    Example:
        >>> title(partial(set_membership, items=None))
        'membership of the set, monte carlo'
    """
    given: dict[str, Any] = {}
    made: Any = audit
    while isinstance(made, partial):
        given = made.keywords | given
        made = made.func
    made = inspect.unwrap(made)
    named = _TITLES.get(made, str(getattr(made, "__name__", "audit")).strip("_").replace("_", " "))
    if made not in (membership, set_membership):
        return named
    return f"{named}, {attack_name(given.get('attack', inspect.signature(made).parameters['attack'].default))}"
