"""Whether it was forgotten, as far as that was tested: computed from a record's numbers and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ignite_unlearn.audits.result import was_made
from ignite_unlearn.handlers.verdict import BRIEFLY, Verdict
from ignite_unlearn.record.figures import figure, figures_in

if TYPE_CHECKING:
    from ignite_unlearn.record.record import Record

_SLACK = 0.02  # how far a share may lie above the retrained GAN's: two retrained GANs of MNIST differ by as much
_HALF = 0.5  # of the original's share: more is no forgetting, whatever the bound
_WORSE = 1.25  # times the original's FID: more is told
_ABOVE = "share_above_substitutes"
_ATTACKS = {"membership_auc": "The discriminator", "near_auc": "The distance to the nearest generated image"}


class Finding(NamedTuple):
    """One reason: whether it speaks for forgetting, against it (False) or neither (None), and a sentence."""

    speaks: bool | None
    sentence: str


def verdict_on(record: Record) -> Verdict:
    """Returns the verdict on a record.

    One finding against is enough for "not forgotten". "Forgotten" needs one for it: a number that the original GAN does
    not reach, beside a retrained GAN or a bound of the phase. Everything else was not tested.
    """
    findings = [
        finding
        for look in (_bounds, _share, _attacks, _later, _audits, _quality, _rows, _end)
        for finding in look(record)
    ]
    spoken = [finding.speaks for finding in findings]
    value = "not-forgotten" if False in spoken else "forgotten" if True in spoken else "not-tested"
    ordered = [
        _capital(finding.sentence) for kind in (False, True, None) for finding in findings if finding.speaks is kind
    ]
    if value == "not-tested":
        ordered.insert(0, "Nothing that was measured tells whether it was forgotten.")
    return Verdict(value, tuple(ordered))


class _Range(NamedTuple):
    value: float
    low: float
    high: float


def _range(record: Record, gan: str, name: str) -> _Range | None:
    found: Mapping[str, Any] = record.metrics.get(gan) or {}
    value, low, high = (_number(found.get(key)) for key in (name, *figure(name).ends))
    return None if value is None else _Range(value, value if low is None else low, value if high is None else high)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _share(record: Record) -> Iterator[Finding]:
    """Judges how often the forgotten class is shown: beside the retrained GAN, or else by the bound asked for."""
    original, unlearned, retrained = (
        _range(record, gan, "forgotten_share") for gan in ("original", "unlearned", "retrained")
    )
    if unlearned is None:
        return
    said = _shares(original, unlearned, retrained)
    if retrained is not None:
        if unlearned.value > retrained.value + _SLACK and unlearned.low > retrained.high:
            yield Finding(False, f"{said}: more than {_percent(_SLACK)} above the retrained GAN's.")
        elif original is not None and original.value <= retrained.value + _SLACK:
            yield Finding(None, f"{said}: the original GAN hardly showed the class, so this shows nothing.")
        else:
            yield Finding(True, f"{said}: not above the retrained GAN's.")
    elif original is not None and original.value <= _SLACK:
        yield Finding(None, f"{said}: the original GAN hardly showed the class, so this shows nothing.")
    elif original is not None and (unlearned.value > _HALF * original.value or unlearned.high >= original.low):
        yield Finding(False, f"{said}: too much is left to call it forgotten.")
    else:
        yield _share_by_bound(record, said, original)


def _shares(original: _Range | None, unlearned: _Range, retrained: _Range | None) -> str:
    beside = [
        f"{name} {_percent(found.value)}"
        for name, found in (("original GAN", original), ("retrained GAN", retrained))
        if found is not None
    ]
    return f"The forgotten share is {_percent(unlearned.value)}" + (f" ({', '.join(beside)})" if beside else "")


def _share_by_bound(record: Record, said: str, original: _Range | None) -> Finding:
    bounds = {bound.name: bound for bound in record.bounds}
    bound = bounds.get("forgotten_share") or bounds.get(_ABOVE)
    if bound is None:
        return Finding(None, f"{said}. There is no retrained GAN to compare with, and no bound was set for it.")
    substitutes = _number(bounds[_ABOVE].of_substitutes) if _ABOVE in bounds else None
    if substitutes is not None and original is not None and substitutes > _HALF * original.value:
        return Finding(
            None,
            f"{said}. The classifier takes {_percent(substitutes)} of the substitutes themselves for the class, so "
            "the bound shows nothing.",
        )
    return Finding(
        True if bound.holds(_number(bound.value)) else None, f"{said}. No GAN was retrained to compare with."
    )


def _attacks(record: Record) -> Iterator[Finding]:
    """Judges whether forgotten images are told from unseen ones as in the retrained GAN, in either direction."""
    for name, who in _ATTACKS.items():
        original, unlearned, retrained = (_range(record, gan, name) for gan in ("original", "unlearned", "retrained"))
        if unlearned is None:
            continue
        before = "" if original is None else f", {original.value:.2f} before"
        said = (
            f"{who} tells forgotten images from unseen ones with an AUC of {unlearned.value:.2f}{before} (0.5 is "
            "chance)"
        )
        if retrained is None:
            unchanged = original is not None and original.low > 0.5 and unlearned.high >= original.low
            yield Finding(False if unchanged else None, f"{said}. There is no retrained GAN to compare with.")
            continue
        beside = f"{said}; that of a GAN retrained without them does so with {retrained.value:.2f}"
        if _apart(unlearned, retrained):
            yield Finding(False, f"{beside}: the two can be told apart.")
        elif original is None or not _apart(original, retrained):
            yield Finding(None, f"{beside}: the original GAN is not told apart from it either, so this shows nothing.")
        else:
            yield Finding(True, f"{beside}: the two cannot be told apart.")


def _later(record: Record) -> Iterator[Finding]:
    """Judges what came back while the loop learned on; that nothing did is no proof by itself."""
    looks = [found.key for found in figures_in([record.metrics.get("unlearned") or {}])]
    for name in ("forgotten_share", *_ATTACKS):
        original, retrained = (_range(record, gan, name) for gan in ("original", "retrained"))
        for key in (key for key in looks if key.startswith(f"{name}_later")):
            unlearned, steps = _range(record, "unlearned", key), key.rpartition("_")[2]
            when = f"{steps} learning steps later" if steps.isdecimal() else "When the loop had learned on"
            if unlearned is not None and name in _ATTACKS:
                ended = _range(record, "unlearned", name)
                yield _attack_later(f"{when}, {_ATTACKS[name].lower()}", original, ended, unlearned, retrained)
            elif unlearned is not None:
                yield _share_later(f"{when}, the forgotten share", original, unlearned, retrained)


def _share_later(what: str, original: _Range | None, unlearned: _Range, retrained: _Range | None) -> Finding:
    said = f"{what} is {_percent(unlearned.value)}"
    if retrained is None:
        back = original is not None and unlearned.value > _HALF * original.value
    else:
        said += f" (retrained GAN {_percent(retrained.value)})"
        back = unlearned.value > retrained.value + _SLACK and unlearned.low > retrained.high
    return Finding(False, f"{said}: the class came back.") if back else Finding(None, f"{said}.")


def _attack_later(
    what: str, original: _Range | None, ended: _Range | None, unlearned: _Range, retrained: _Range | None
) -> Finding:
    said = f"{what} tells forgotten images with an AUC of {unlearned.value:.2f}"
    if retrained is None:
        back = original is not None and original.low > 0.5 and unlearned.high >= original.low
        more = ended is None or unlearned.value > ended.value
        why = "they came back" if more else "that is still too near to the original's"
        return Finding(False, f"{said}: {why}.") if back else Finding(None, f"{said}.")
    said += f" (retrained GAN {retrained.value:.2f})"
    apart = _apart(unlearned, retrained)
    return Finding(False, f"{said}: the two can be told apart.") if apart else Finding(None, f"{said}.")


def _apart(one: _Range, other: _Range) -> bool:
    return one.low > other.high or one.high < other.low


def _bounds(record: Record) -> Iterator[Finding]:
    """Judges the bounds of the phase. One that the original does not miss by more than chance shows nothing."""
    if all(bound.holds(_number(bound.value)) for bound in record.bounds) and any(
        bound.lasted is False for bound in record.bounds
    ):
        yield Finding(False, BRIEFLY)
    for bound in record.bounds:
        value, known = _number(bound.value), figure(bound.name)
        shown = "no number" if value is None else f"{value:.4g}"
        # The table's number of that name is measured anew, on other images.
        said = f"{known.title}: the phase itself found {shown} at its end, the bound is {bound.asked}"
        if not bound.holds(value):
            yield Finding(False, f"{said}. The bound was missed.")
        elif known.quality or bound.name in ("forgotten_share", _ABOVE):
            yield Finding(None, f"{said}.")
        else:
            before = _range(record, "original", bound.name)
            value = bound.of_original if before is None else before.value
            low = value if before is None else before.low
            if bound.holds(value):
                yield Finding(None, f"{said}. The original GAN is within the bound too, so this shows nothing.")
            elif value is not None and (bound.holds(low) or value <= (bound.of_chance or 0.0)):
                yield Finding(
                    None,
                    f"{said}. The original GAN has {value:.3g}, which may be chance with so few images, so this shows "
                    "nothing.",
                )
            else:
                yield Finding(True, f"{said}.")


def _audits(record: Record) -> Iterator[Finding]:
    found = record.audits.get("unlearned") or ()
    tried = [audit for audit in found if audit.get("unit") != "files" and was_made(audit)]
    for audit in found:
        if audit["passed"] is False:
            yield Finding(False, f"An audit failed ({audit['audit']}): {_sentence(audit['verdict'])}")
    passed = [str(audit["audit"]) for audit in tried if audit["passed"]]
    if passed:
        yield Finding(True, f"Audits that the original GAN fails and this one passes: {'; '.join(passed)}.")
    mute = [audit for audit in tried if audit["passed"] is None]
    if mute:
        told = "; ".join(_measured(audit, record.audits.get("original") or ()) for audit in mute)
        yield Finding(None, f"Audits without a verdict: {told}.")
    missing = [str(audit["audit"]) for audit in found if not was_made(audit)]
    if missing:
        yield Finding(None, f"Audits that were not made: {'; '.join(missing)}.")
    if not tried:
        yield Finding(None, "No audit was made: nobody tried to disprove that it was forgotten.")


def _measured(audit: Mapping[str, Any], of_original: Sequence[Mapping[str, Any]]) -> str:
    """Returns an audit's name, with its number and that of the original GAN, so that a reader may see what it saw."""
    value = _number(audit.get("value"))
    before = next((_number(found.get("value")) for found in of_original if found["audit"] == audit["audit"]), None)
    shown = ", ".join(
        f"{name}{number:.3g}" for name, number in (("", value), ("original GAN ", before)) if number is not None
    )
    return f"{audit['audit']} ({shown})" if shown else str(audit["audit"])


def _quality(record: Record) -> Iterator[Finding]:
    """Says where retained images became worse: it decides nothing of forgetting, but who releases the GAN must know."""
    before, after = (_range(record, gan, "fid") for gan in ("original", "unlearned"))
    if before is not None and after is not None and after.value > _WORSE * before.value > 0:
        worse = f"{after.value:.3g}, {after.value / before.value:.1f} times the original GAN's {before.value:.3g}"
        yield Finding(None, f"The FID of retained images is {worse}: their quality was not held.")


def _rows(record: Record) -> Iterator[Finding]:
    """Says what of the request the loop's batches held; a loop that held nothing may be right, if it was cleaned."""
    rows, items, of = record.found.rows, record.found.items, record.found.of
    if of and items is not None and items < of:
        by_chance = of * (1 - 1 / of) ** (rows or 0)  # so many are not met where each row is of any of the items
        short = bool(rows) and of - items <= by_chance + 2 * by_chance**0.5
        why = ", which held too few rows to meet all" if short else ": what the loop trains on may hold them still"
        yield Finding(None, f"{of - items} of {of} items were in no batch of the phase{why}.")
    elif rows == 0:
        yield Finding(None, "No batch of the phase held an image of the forget set.")
    if record.found.asked:
        asked = f"The loop gave its generator {record.found.asked} labels of forgotten classes"
        yield Finding(None, f"{asked}: learning on like this may bring them back.")


def _end(record: Record) -> Iterator[Finding]:
    steps = record.iterations.get("unlearning")
    after = "" if steps is None else f" after {steps} iteration{'s' * (steps != 1)}"
    yield Finding(None, f"The phase ended{after}: {_sentence(record.stopped_because)}")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.1f} %"
