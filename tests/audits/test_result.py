import pytest

from ignite_unlearn.audits.result import AuditResult, judged, seen_against


def of(value, half, judge=None):
    return judged("a", "u", value, value - half, value + half, judge, more="more", less="less")


@pytest.mark.parametrize(
    ("value", "half", "passed", "word"),
    [(0.9, 0.1, False, "more"), (0.1, 0.1, False, "less"), (0.6, 0.1, True, "not told apart"), (0.9, 0.4, True, "not")],
)
def test_gans_are_told_apart_where_intervals_do_not_meet(value, half, passed, word):
    found = of(value, half, of(0.5, 0.1))
    assert found.passed is passed and found.verdict.startswith(word)
    assert of(value, half).passed is None


@pytest.mark.parametrize("passed", [True, False, None])
@pytest.mark.parametrize("original", [True, False, None])
def test_passing_counts_only_where_the_original_does_not_pass(passed, original):
    result, other = (AuditResult("a", "u", 1.0, 0.0, 2.0, p, "said", {}) for p in (passed, original))
    expected = None if passed and original else passed
    found = seen_against(result, other)
    assert found.passed is expected and found.verdict.endswith("said")
