import pytest

from ignite_unlearn.audits.plan import NotTested
from ignite_unlearn.audits.result import AuditResult, seen_against, verdict

AUDIT = NotTested("k", "a", "It has a name, which is all that is needed here.")


def of(value, half, retrained=None):
    return verdict(AUDIT, "u", value, value - half, value + half, retrained, more="more", less="less")


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
    result, other = (AuditResult("k", "a", "u", 1.0, 0.0, 2.0, p, "said", {}) for p in (passed, original))
    expected = None if passed and original else passed
    found = seen_against(result, other)
    assert found.passed is expected and found.verdict.endswith("said")
