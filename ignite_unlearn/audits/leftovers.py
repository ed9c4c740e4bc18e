"""Audit: which files of a run folder still derive from the forgotten data?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from ignite_unlearn.audits.leftover_search import Leftover, in_folder, only_of
from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import COUNT, IMAGES, PATH, TEXT, asks, kind, maybe, several


@asks(
    folder=PATH, stay=several("names", TEXT), forgotten=maybe(IMAGES), original=maybe(kind("a GAN", GAN)), at_most=COUNT
)
@dataclass(frozen=True, eq=False, repr=False)
class Leftovers:
    """The number of files that still derive from the forget set; a copy of an image in one that stays is a failure.

    It compares nothing with a retrained GAN, and no GAN passes it: that nothing was found is no proof.

    Args:
        folder: walked with all folders below.
        stay: names of files that are meant to stay, such as ``{"unlearned.pt"}``; they are searched too.
        forgotten: images ``(N, C, H, W)`` to look for; None: files go by their kind.
        original: the original GAN, whose weights are looked for as far as the audited GAN does not share them.
        at_most: how many of the images are looked for.

    Raises:
        UnlearningError: if an argument does not fit.

    Example:
        >>> import tempfile, torch
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> folder = Path(tempfile.mkdtemp())
        >>> torch.save({"w": torch.zeros(3)}, folder / "old.pt")
        >>> Leftovers(folder, stay={"unlearned.pt"})(gan).verdict
        'found: 1 file to delete: old.pt (weights or moments trained on the forgotten images)'
    """

    folder: Path
    _: KW_ONLY
    stay: Collection[str] = ()
    forgotten: Tensor | None = None
    original: GAN | None = None
    at_most: int = 500
    key: ClassVar[str] = "leftovers"
    title: ClassVar[str] = "leftovers in the run folder"

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Searches the folder that a GAN was left in.

        Raises:
            UnlearningError: if there is no such folder, the forgotten images are none, or the original is of another
                form.
        """
        sought = None if self.forgotten is None else self.forgotten[: self.at_most]
        weights = [] if self.original is None else only_of(self.original, gan)
        found = in_folder(Path(self.folder), set(self.stay), sought, original=weights)
        names = [leftover.where.rpartition("/")[2] for leftover in found]
        copied = [name for name, leftover in zip(names, found, strict=True) if leftover.certain]
        details = {"near_copies": len(copied), "images_sought": 0 if sought is None else len(sought), "files": names}
        passed = False if set(copied) & set(self.stay) else None
        words = self._words(names, found)
        return AuditResult(self.key, self.title, "files", float(len(found)), None, None, passed, words, details)

    def _words(self, names: list[str], found: list[Leftover]) -> str:
        listed = "; ".join(f"{name} ({leftover.why})" for name, leftover in zip(names, found, strict=True))
        words = f"found: {len(found)} file{'s' * (len(found) != 1)} to delete" + (f": {listed}" if listed else "")
        if self.forgotten is not None and len(self.forgotten) > self.at_most:
            words += f" ({self.at_most} of {len(self.forgotten)} images sought)"
        return words
