"""What an audit found, and how it stands beside the same audit of a retrained GAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

_NOT_TESTED = "not tested"  # how the verdict of an audit begins that was not made


@dataclass(frozen=True)
class AuditResult:
    """What one audit found of one GAN.

    Attributes:
        key: what programs know the audit by, such as ``"membership_discriminator_score"``.
        audit: the audit's title, such as ``"membership, discriminator's score"``.
        unit: of the value, such as ``"ROC AUC"``.
        value: what was found; None where it could not be measured.
        low: lower end of the value's interval.
        high: upper end of the value's interval.
        passed: whether the GAN is not told apart from the retrained one; None where there is nothing to judge by.
        verdict: the same in words, with what the audit could not have seen.
        details: further numbers, such as how many images or restarts.
    """

    key: str
    audit: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    passed: bool | None
    verdict: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain numbers and text, as a record holds them."""
        return asdict(self)


class Named(Protocol):
    """Something with a key for programs and a title for people."""

    @property
    def key(self) -> str:
        """What programs know it by."""

    @property
    def title(self) -> str:
        """What people read."""


def verdict(
    audit: Named,
    unit: str,
    value: float,
    low: float,
    high: float,
    retrained: AuditResult | None,
    *,
    more: str,
    less: str,
    details: Mapping[str, Any] | None = None,
) -> AuditResult:
    """Returns a result with the verdict that its interval and the retrained GAN's allow.

    Two GANs are told apart where their intervals do not meet, in either direction: remembering less than a GAN that
    never saw the images is a mark too.

    Args:
        audit: what found it.
        unit: as in :class:`AuditResult`.
        value: as in :class:`AuditResult`.
        low: as in :class:`AuditResult`.
        high: as in :class:`AuditResult`.
        retrained: what the same audit found of the retrained GAN; None: no verdict.
        more: what it means that the value lies above the retrained GAN's, such as ``"it still remembers"``.
        less: what it means that it lies below.
        details: as in :class:`AuditResult`.

    Example:
        >>> from types import SimpleNamespace
        >>> mine = SimpleNamespace(key="mine", title="my own audit")
        >>> retrained = verdict(mine, "ROC AUC", 0.5, 0.45, 0.55, None, more="it remembers", less="overshot")
        >>> original = verdict(mine, "ROC AUC", 0.9, 0.8, 0.95, retrained, more="it remembers", less="overshot")
        >>> original.passed, original.verdict
        (False, 'it remembers: ROC AUC 0.9 [0.8, 0.95], the retrained GAN 0.5 [0.45, 0.55]')
    """
    measured = f"{unit} {value:.3g} [{low:.3g}, {high:.3g}]"
    if retrained is None or retrained.value is None or retrained.low is None or retrained.high is None:
        passed, words = None, f"no verdict without a retrained GAN: {measured}"
    else:
        beside = f"the retrained GAN {retrained.value:.3g} [{retrained.low:.3g}, {retrained.high:.3g}]"
        if low > retrained.high:
            passed, words = False, f"{more}: {measured}, {beside}"
        elif high < retrained.low:
            passed, words = False, f"{less}: {measured}, {beside}"
        else:
            passed, words = True, f"not told apart from the retrained GAN: {measured}, {beside}"
    return AuditResult(audit.key, audit.title, unit, value, low, high, passed, words, dict(details or {}))


def not_tested(audit: Named, reason: str) -> AuditResult:
    """Returns the result of an audit that cannot be made: no number, and neither passed nor failed.

    Args:
        audit: what cannot be made.
        reason: why not, a sentence or the end of one.

    Example:
        >>> from types import SimpleNamespace
        >>> recovery = SimpleNamespace(key="recovery", title="recovery by search")
        >>> not_tested(recovery, "There are fewer than ten images, 7.").verdict
        'not tested: there are fewer than ten images, 7'
    """
    first, rest = reason[:1], reason[1:].rstrip(".")
    # A name, such as GAN, stays as it is.
    words = (first if rest[:1].isupper() else first.lower()) + rest
    return AuditResult(audit.key, audit.title, "", None, None, None, None, f"{_NOT_TESTED}: {words}")


def was_made(result: Mapping[str, Any]) -> bool:
    """Returns whether an audit was made, of whose result a record tells; else its verdict says why not.

    Example:
        >>> was_made({"passed": None, "verdict": "not tested: there are no images"})
        False
    """
    return not (result["passed"] is None and str(result["verdict"]).startswith(_NOT_TESTED))


def seen_against(result: AuditResult, original: AuditResult) -> AuditResult:
    """Returns the result without its "passed" where the original GAN passes the same audit too.

    An audit that does not tell the GAN that was trained on the images from one that was not sees nothing, so passing it
    shows nothing. A GAN that fails it has still failed.

    Example:
        >>> same = AuditResult("search", "search", "share", 0.7, 0.6, 0.8, True, "not told apart", {})
        >>> seen_against(same, same).passed is None, seen_against(same, same).verdict
        (True, 'no verdict, since the original GAN passes too: not told apart')
    """
    if not (result.passed and original.passed):
        return result
    return replace(result, passed=None, verdict=f"no verdict, since the original GAN passes too: {result.verdict}")


# Titles in records from before results had keys.
_KEYS = {
    "membership, discriminator's score": "membership_discriminator_score",
    "membership, nearest sample": "membership_nearest_sample",
    "membership, monte carlo": "membership_monte_carlo",
    "membership of the set, monte carlo": "set_membership_monte_carlo",
    "reconstruction by inversion": "reconstruction",
    "recovery by search": "recovery",
    "leftovers in the run folder": "leftovers",
}


def key_of(result: Mapping[str, Any]) -> str:
    """Returns the audit's key of a result as a record holds it, also of a record from before there were keys.

    Example:
        >>> key_of({"audit": "recovery by search"}), key_of({"audit": "relearning"}), key_of({"key": "mine"})
        ('recovery', 'relearning', 'mine')
    """
    title = str(result.get("audit", ""))
    return str(result.get("key") or _KEYS.get(title, title))
