import pytest

from ignite_unlearn.handlers.streak import Streak


@pytest.mark.parametrize(
    ("judged", "count"), [((), 0), ((3, 2), 5), ((3, None), 0), ((3, None, 2), 2), ((None, 3, 4, 5), 12)]
)
def test_what_was_near_in_a_row_is_counted_from_the_measurement_before_it(judged, count):
    streak = Streak(ends=12, lasts=5)
    for by in judged:
        streak.judged(near=by is not None, by=by or 7)
    assert (streak.count, streak.lasted, streak.ended) == (count, count >= 5, count >= 12)


def test_it_lasts_when_it_ends_where_nothing_else_is_said():
    streak = Streak(ends=2)
    streak.judged(near=True)
    assert not streak.lasted
    streak.judged(near=True)
    assert streak.lasted and streak.ended


def test_it_says_what_it_counts():
    streak = Streak(ends=9, lasts=3, unit="learning steps")
    streak.judged(near=True, by=4)
    assert str(streak) == "learning steps near enough in a row: 4 (asked for 9)"
    assert streak.too_short == "for fewer than 3 learning steps in a row"


def test_a_state_goes_on_where_it_was():
    one, other = Streak(ends=3), Streak(ends=3)
    one.judged(near=True)
    other.load_state_dict(one.state_dict())
    other.judged(near=True)
    assert other.count == 2
