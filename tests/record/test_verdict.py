"""Each case is a record that somebody could read: what its numbers say, and nothing that was not measured."""

import pytest

from ignite_unlearn.handlers.verdict import HEADLINES
from tests.record.records import record

FOUND = {"audit": "recovery", "passed": None, "verdict": "no verdict without a retrained GAN", "value": 0.75}
CONFUSED = {
    "name": "share_above_substitutes", "value": 0.0, "at_most": 0.015, "at_least": None, "of_substitutes": 1.0,
}  # fmt: skip


def shares(original, unlearned, retrained=None, **more):
    found = {"original": {"forgotten_share": original}, "unlearned": {"forgotten_share": unlearned, **more}}
    return found | ({} if retrained is None else {"retrained": {"forgotten_share": retrained}})


def aucs(original, unlearned, retrained=None):
    def of(value):
        return {"membership_auc": value, "membership_auc_low": value - 0.05, "membership_auc_high": value + 0.05}

    found = {"original": of(original), "unlearned": of(unlearned)}
    return found | ({} if retrained is None else {"retrained": of(retrained)})


def near(original, unlearned, retrained=None, later=None):
    """Nearest-sample attacks, after two looks at what comes back."""
    found = {
        gan: {f"near_auc{end}": value + d for end, d in (("", 0), ("_low", -0.05), ("_high", 0.05))}
        for gan, value in (("original", original), ("unlearned", unlearned), ("retrained", retrained))
        if value is not None
    }
    for look, value in zip(("", "_2000"), later or (), strict=False):
        ends = (("", 0), ("_low", -0.05), ("_high", 0.05))
        found["unlearned"] |= {f"near_auc{end}_later{look}": value + d for end, d in ends}
    return found


def bound(name, value, **asked):
    return {"name": name, "value": value, "at_most": None, "at_least": None, **asked}


def few_items(of_original):
    return bound("membership_auc", 0.5, at_most=0.55, of_original=of_original, of_chance=0.7)


def audited(passed, **more):
    return {"unlearned": [{"audit": "relearning", "passed": passed, "verdict": "it comes back", "unit": "n", **more}]}


FORGOTTEN, NOT, OPEN = "forgotten", "not-forgotten", "not-tested"


@pytest.mark.parametrize(
    ("changes", "verdict", "why"),
    [
        # Beside a retrained GAN.
        ({"metrics": shares(1.0, 0.0, 0.0)}, FORGOTTEN, "not above the retrained GAN's"),
        ({"metrics": shares(0.996, 0.001, 0.35)}, FORGOTTEN, "retrained GAN 35.0 %"),
        ({"metrics": shares(1.0, 0.9988, 0.35)}, NOT, "The forgotten share is 99.9 %"),
        ({"metrics": shares(1.0, 0.05, 0.0)}, NOT, "above the retrained GAN's"),
        ({"metrics": shares(0.01, 0.0, 0.0)}, OPEN, "the original GAN hardly showed the class"),
        ({"metrics": shares(0.3, 0.3, 0.3)}, OPEN, "the original GAN hardly showed the class"),
        ({"metrics": aucs(0.95, 0.52, 0.5)}, FORGOTTEN, "cannot be told apart"),
        ({"metrics": aucs(0.95, 0.9, 0.5)}, NOT, "can be told apart"),
        ({"metrics": aucs(0.95, 0.3, 0.5)}, NOT, "can be told apart"),  # overshot: a mark too
        ({"metrics": aucs(0.52, 0.5, 0.5)}, OPEN, "the original GAN is not told apart"),
        ({"metrics": near(0.95, 0.6, 0.58)}, FORGOTTEN, "the nearest generated image tells forgotten images"),
        ({"metrics": near(0.95, 0.9, 0.58)}, NOT, "can be told apart"),
        ({"metrics": near(0.55, 0.52, 0.5)}, OPEN, "the original GAN is not told apart"),
        # Beside one, after some more learning steps.
        ({"metrics": near(0.95, 0.6, 0.58, later=[0.6, 0.65])}, FORGOTTEN, "2000 learning steps later, the distance"),
        ({"metrics": near(0.95, 0.6, 0.58, later=[0.6, 0.8])}, NOT, "0.80 (retrained GAN 0.58): the two"),
        ({"metrics": near(0.95, 0.6, 0.58, later=[0.4])}, NOT, "0.40 (retrained GAN 0.58): the two"),
        ({"metrics": shares(1.0, 0.0, 0.0, forgotten_share_later=0.3)}, NOT, "(retrained GAN 0 %): the class came"),
        ({"metrics": shares(1.0, 0.0, 0.0, forgotten_share_later=0.01)}, FORGOTTEN, "share is 1 % (retrained"),
        # Without one.
        ({"metrics": shares(1.0, 0.0, forgotten_share_later=0.6)}, NOT, "came back"),
        ({"metrics": near(0.95, 0.6, later=[0.92])}, NOT, "they came back"),
        ({"metrics": near(0.95, 0.93, later=[0.92])}, NOT, "still too near to the original's"),
        ({"metrics": near(0.95, 0.92)}, NOT, "no retrained GAN"),
        ({"metrics": shares(1.0, 0.9988)}, NOT, "too much is left"),
        ({"metrics": shares(1.0, 0.59)}, NOT, "too much is left"),
        ({"metrics": shares(1.0, 0.01)}, OPEN, "no bound was set for it"),
        ({"metrics": shares(1.0, 1.0), "bounds": [CONFUSED]}, NOT, "too much is left"),
        ({"metrics": shares(1.0, 0.4), "bounds": [{**CONFUSED, "of_substitutes": 0.6}]}, OPEN, "the substitutes"),
        ({"metrics": shares(1.0, 0.01), "bounds": [{**CONFUSED, "of_substitutes": 0.0}]}, FORGOTTEN, "No GAN was"),
        ({"metrics": shares(1.0, 0.01), "bounds": [bound("forgotten_share", 0.01, at_most=0.02)]}, FORGOTTEN, "bound"),
        ({"metrics": shares(1.0, 0.3), "bounds": [bound("forgotten_share", 0.3, at_most=0.02)]}, NOT, "was missed"),
        ({"metrics": aucs(0.95, 0.93)}, NOT, "no retrained GAN"),
        ({"metrics": aucs(0.95, 0.5)}, OPEN, "no retrained GAN"),
        # Bounds of one's own, and quality.
        ({"metrics": {}, "bounds": [bound("mine", 0.1, at_most=0.2)]}, FORGOTTEN, "the bound is at most 0.2"),
        ({"metrics": {"original": {"mine": 0}}, "bounds": [bound("mine", 0.1, at_most=0.2)]}, OPEN, "GAN is within"),
        ({"metrics": {}, "bounds": [bound("mine", float("nan"), at_most=0.2)]}, NOT, "no number"),
        ({"metrics": {}, "bounds": [few_items(0.9)]}, FORGOTTEN, "the bound is at most 0.55"),
        ({"metrics": {}, "bounds": [few_items(0.9) | {"lasted": False}]}, NOT, "not for as long as"),
        ({"metrics": {}, "bounds": [few_items(0.6)]}, OPEN, "has 0.6, which may be chance with so few images"),
        ({"metrics": aucs(0.95, 0.5), "bounds": [few_items(0.6)]}, FORGOTTEN, "the bound is at most 0.55"),
        ({"metrics": aucs(0.58, 0.4), "bounds": [few_items(0.9)]}, OPEN, "which may be chance"),
        ({"metrics": {"original": {"fid": 1.7}, "unlearned": {"fid": 4.9}}}, OPEN, "is 4.9, 2.9 times the original"),
        ({"metrics": {}, "bounds": [bound("fid", 1.0, at_most=2.0)]}, OPEN, "FID"),
        ({"metrics": shares(1.0, 0.0, 0.0), "bounds": [bound("fid", 3.0, at_most=2.0)]}, NOT, "The bound was missed"),
        # Audits.
        ({"metrics": shares(1.0, 0.0, 0.0), "audits": audited(False)}, NOT, "An audit failed (relearning): it comes"),
        ({"metrics": {}, "audits": audited(True)}, FORGOTTEN, "passes: relearning"),
        ({"metrics": {}, "audits": audited(None)}, OPEN, "without a verdict: relearning."),
        ({"metrics": {}, "audits": {"original": [FOUND], "unlearned": [FOUND]}}, OPEN, "(0.75, original GAN 0.75)"),
        ({"metrics": {}, "audits": audited(None, unit="files")}, OPEN, "No audit was made"),
        ({"metrics": {}, "audits": audited(None, verdict="not tested: why")}, OPEN, "not made: relearning"),
        ({"metrics": {}, "audits": audited(None, verdict="not tested: why")}, OPEN, "No audit was made"),
        # What was found, and nothing at all.
        ({"metrics": {}}, OPEN, "Nothing that was measured tells"),
        ({"metrics": {}, "found": {"rows": 0, "items": 0, "of": 4}}, OPEN, "4 of 4 items were in no batch"),
        ({"metrics": {}, "found": {"rows": 8, "items": 5, "of": 8}}, OPEN, "phase, which held too few"),
        ({"metrics": {}, "found": {"rows": 80, "items": 5, "of": 8}}, OPEN, "phase: what the loop trains on"),
        ({"metrics": {}, "found": {"rows": 0, "items": None, "of": None}}, OPEN, "No batch of the phase held"),
        ({"metrics": {}, "found": {"rows": 9, "asked": 70}}, OPEN, "gave its generator 70 labels of forgotten classes"),
        ({"metrics": {}, "stopped_because": "the budget was spent"}, OPEN, "after 4 iterations: the budget was spent."),
    ],
)  # fmt: skip
def test_the_verdict_is_what_the_numbers_say(changes, verdict, why):
    found = record(**changes).verdict
    assert found.value == verdict, found.reasons
    assert any(why in reason for reason in found.reasons), found.reasons


def test_numbers_that_are_none_speak_for_nothing():
    nothing = record(metrics=shares(1.0, float("nan"), 0.0)).verdict
    assert nothing.value == "not-tested"


def test_one_finding_against_outweighs_all_that_speak_for_it_and_comes_first():
    found = record(metrics=shares(1.0, 0.0, 0.0), audits=audited(False)).verdict
    assert found.value == "not-forgotten" and "An audit failed" in found.reasons[0]


def test_the_json_holds_verdict_and_reasons_and_reasons_are_sentences():
    for metrics in (shares(1.0, 0.0, 0.0), aucs(0.9, 0.5), {}):
        content = record(metrics=metrics).as_dict()
        assert content["verdict"] in HEADLINES and content["reasons"]
        assert all(reason.endswith((".", "!")) and reason[0].isupper() for reason in content["reasons"])
        assert not any("_" in reason or "=" in reason for reason in content["reasons"]), content["reasons"]
