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
