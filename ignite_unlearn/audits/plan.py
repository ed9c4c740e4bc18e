"""The same audits for the original, the unlearned and the retrained GAN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tqdm.auto import tqdm

from ignite_unlearn.audits.audit import Audit
from ignite_unlearn.audits.result import AuditResult, not_tested, seen_against
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import BOOL, able, asks, shown


@asks(
    gans=able("a dict of GANs by their names", "keys", "items"),
    audits=able("a list of audits", "__iter__", "__len__"),
    progress=BOOL,
)
def audit_gans(
    gans: Mapping[str, GAN], audits: Sequence[Audit], *, progress: bool = True
) -> dict[str, list[AuditResult]]:
    """Returns what each audit found of each GAN, the retrained GAN's result standing beside those of the others.

    Of an audit that cannot be made, such as for want of images, the verdict says that it was not tested, and why; the
    others are made.

    Args:
        gans: by the names ``"original"``, ``"unlearned"`` and, perhaps, ``"retrained"``.
        audits: such as ``Membership(items, unseen)``.
        progress: whether to show a bar.

    Raises:
        UnlearningError: if something among the audits is none.

    Example:
        >>> import torch
        >>> from ignite_unlearn.audits.membership import Membership
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> images = torch.rand(20, 4)
        >>> audits = [Membership(images[:8], images[8:])]
        >>> found = audit_gans({"original": gan, "unlearned": gan, "retrained": gan}, audits, progress=False)
        >>> [found[name][0].passed for name in found]
        [True, None, None]
    """
    refuse_other_than_audits(audits)
    if not {"original", "unlearned"} <= gans.keys():
        raise UnlearningError(f"audit_gans() got the GANs {sorted(gans)}: expected 'original' and 'unlearned'.")
    found: dict[str, list[AuditResult]] = {name: [] for name in gans}
    order = sorted(gans, key=lambda name: name != "retrained")
    with tqdm(total=len(audits) * len(gans), desc="audits", disable=not progress) as bar:
        for audit in audits:
            retrained = None
            for name in order:
                try:
                    result = audit(gans[name], retrained=retrained)
                except UnlearningError as error:
                    result = not_tested(audit, str(error))
                retrained = result if name == "retrained" else retrained
                found[name].append(result)
                bar.update()
    found["unlearned"] = list(map(seen_against, found["unlearned"], found["original"]))
    return found


def refuse_other_than_audits(audits: Sequence[Audit]) -> None:
    """Refuses what is no audit, such as a class or a function.

    Raises:
        UnlearningError: if something has no key or no title, or cannot be called.
    """
    for audit in audits if isinstance(audits, (list, tuple)) else [audits]:
        named = isinstance(getattr(audit, "key", None), str) and isinstance(getattr(audit, "title", None), str)
        if isinstance(audit, type) or not named or not callable(audit):
            raise UnlearningError(
                "Expected audits, objects with a key and a title such as Membership(items, unseen), not "
                f"{shown(audit)}."
            )


@dataclass(frozen=True)
class NotTested:
    """Stands for an audit that could not be constructed: of every GAN it says why.

    Args:
        key: of the audit.
        title: of the audit.
        reason: why not, a sentence.

    Example:
        >>> import torch
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> NotTested("recovery", "recovery by search", "There are no images.")(gan).verdict
        'not tested: there are no images'
    """

    key: str
    title: str
    reason: str

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Says why it was not tested."""
        return not_tested(self, self.reason)
