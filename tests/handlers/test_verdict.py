import math

import pytest

from ignite_unlearn.handlers.verdict import verdict_by


def bound(value, name="left_share", at_most=0.01, **more):
    return {"name": name, "value": value, "at_most": at_most, "at_least": None, **more}


@pytest.mark.parametrize(
    ("bounds", "value"),
    [
        ([], "not-tested"),
        ([bound(0.0)], "forgotten"),
        ([bound(0.0, of_original=1.0)], "forgotten"),
        ([bound(0.0, of_original=0.0)], "not-tested"),
        ([bound(0.5)], "not-forgotten"),
        ([bound(math.nan)], "not-forgotten"),
        ([bound(0.0), bound(2.0, "drift", 0.3)], "not-forgotten"),
        ([bound(0.0, "drift", 0.3)], "not-tested"),
        ([bound(0.1, "membership_auc", 0.6, at_least=0.3, of_original=0.9)], "not-forgotten"),
        ([bound(0.5, "membership_auc", 0.6, at_least=0.3, of_original=0.9)], "forgotten"),
        ([bound(0.5, "membership_auc", 0.6, at_least=0.3, of_original=0.9, of_chance=0.7)], "forgotten"),
        ([bound(0.5, "membership_auc", 0.6, at_least=0.3, of_original=0.65, of_chance=0.7)], "not-tested"),
        ([bound(0.0, of_original=1.0, lasted=True)], "forgotten"),
        ([bound(0.0, of_original=1.0, lasted=False)], "not-forgotten"),
    ],
)
def test_it_is_a_function_of_the_bounds(bounds, value):
    assert verdict_by(bounds).value == value


def test_it_reads_as_a_headline_and_what_decided_comes_first():
    said = str(verdict_by([bound(0.0, "drift", 0.3), bound(0.4, of_original=1.0)])).splitlines()
    assert said == [
        "NOT FORGOTTEN",
        "  - Left share: 0.4 was found, the bound is at most 0.01, the original GAN has 1.",
        "  - Drift: 0 was found, the bound is at most 0.3.",
    ]


@pytest.mark.parametrize(
    ("value", "before", "said"),
    [
        (0.5, 0.5, "the original GAN has 0.5, which is within it too: this shows nothing."),
        (0.7, 0.5, "the original GAN has 0.5, which is within it: the phase led it out."),
        (0.5, 0.62, "the original GAN has 0.62, which could lie there by chance (up to 0.65): this shows nothing."),
        (0.7, 0.62, "the original GAN has 0.62, which could lie there by chance (up to 0.65)."),
        (0.7, 0.9, "the original GAN has 0.9."),
    ],
)
def test_a_bound_that_was_missed_is_never_said_to_show_nothing(value, before, said):
    found = verdict_by([bound(value, "membership_auc", 0.6, of_original=before, of_chance=0.65)])
    assert any(reason.endswith(said) for reason in found.reasons), found.reasons
    if value > 0.6:
        assert found.value == "not-forgotten" and "shows nothing" not in str(found)
