"""What an audit found, and how it stands beside the same audit of a retrained GAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class AuditResult:
    """What one audit found of one GAN.

    Attributes:
        audit: what was tried, such as ``"membership, discriminator's score"``.
        unit: of the value, such as ``"ROC AUC"``.
        value: what was found; None where it could not be measured.
        low: lower end of the value's interval.
        high: upper end of the value's interval.
        passed: whether the GAN is not told apart from the retrained one; None where there is nothing to judge by.
        verdict: the same in words, with what the audit could not have seen.
        details: further numbers, such as how many images or restarts.
    """

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


def judged(
    audit: str,
    unit: str,
    value: float,
    low: float,
    high: float,
    judge: AuditResult | None,
    *,
    more: str,
    less: str,
    details: Mapping[str, Any] | None = None,
) -> AuditResult:
    """Returns a result with the verdict that its interval and the retrained GAN's allow.

    Two GANs are told apart where their intervals do not meet, in either direction: remembering less than a GAN that
    never saw the images is a mark too.

    Args:
        audit: as in :class:`AuditResult`.
        unit: as in :class:`AuditResult`.
        value: as in :class:`AuditResult`.
        low: as in :class:`AuditResult`.
        high: as in :class:`AuditResult`.
        judge: the same audit of the retrained GAN; None: no verdict.
        more: what it means that the value lies above the retrained GAN's, such as ``"it still remembers"``.
        less: what it means that it lies below.
        details: as in :class:`AuditResult`.

    Example:
        >>> retrained = judged("membership", "ROC AUC", 0.5, 0.45, 0.55, None, more="it remembers", less="overshot")
        >>> original = judged("membership", "ROC AUC", 0.9, 0.8, 0.95, retrained, more="it remembers", less="overshot")
        >>> original.passed, original.verdict
        (False, 'it remembers: ROC AUC 0.9 [0.8, 0.95], the retrained GAN 0.5 [0.45, 0.55]')
    """
    said = f"{unit} {value:.3g} [{low:.3g}, {high:.3g}]"
    if judge is None or judge.value is None or judge.low is None or judge.high is None:
        passed, verdict = None, f"no verdict without a retrained GAN: {said}"
    else:
        beside = f"the retrained GAN {judge.value:.3g} [{judge.low:.3g}, {judge.high:.3g}]"
        if low > judge.high:
            passed, verdict = False, f"{more}: {said}, {beside}"
        elif high < judge.low:
            passed, verdict = False, f"{less}: {said}, {beside}"
        else:
            passed, verdict = True, f"not told apart from the retrained GAN: {said}, {beside}"
    return AuditResult(audit, unit, value, low, high, passed, verdict, dict(details or {}))


def not_tested(audit: str, reason: str) -> AuditResult:
    """Returns the result of an audit that cannot be made: no number, and neither passed nor failed.

    Args:
        audit: as in :class:`AuditResult`.
        reason: why not, a sentence or the end of one.

    Example:
        >>> not_tested("recovery", "There are fewer than ten images, 7.").verdict
        'not tested: there are fewer than ten images, 7'
    """
    first, rest = reason[:1], reason[1:].rstrip(".")
    # A name, such as GAN, stays as it is.
    said = (first if rest[:1].isupper() else first.lower()) + rest
    return AuditResult(audit, "", None, None, None, None, f"not tested: {said}")


def seen_against(result: AuditResult, original: AuditResult) -> AuditResult:
    """Returns the result without its "passed" where the original GAN passes the same audit too.

    An audit that does not tell the GAN that was trained on the images from one that was not sees nothing, so passing it
    shows nothing. A GAN that fails it has still failed.

    Example:
        >>> same = AuditResult("search", "share", 0.7, 0.6, 0.8, True, "not told apart", {})
        >>> seen_against(same, same).passed is None, seen_against(same, same).verdict
        (True, 'no verdict, since the original GAN passes too: not told apart')
    """
    if not (result.passed and original.passed):
        return result
    return replace(result, passed=None, verdict=f"no verdict, since the original GAN passes too: {result.verdict}")
