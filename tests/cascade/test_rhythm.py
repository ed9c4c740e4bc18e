"""How long items are left to the loop."""

import pytest
import torch

from ignite_unlearn.cascade.rhythm import Rhythm


def walk(rhythm, settled):
    """Returns the learning steps that follow each unlearning step, and which of these are pauses' ends."""
    for one in settled:
        yield "pause", rhythm.judged(settled=one)
        while (following := rhythm.in_burst()) is not None:
            yield "burst", following


@pytest.mark.parametrize("least", [1, 3])
def test_a_pause_stays_between_what_was_asked_for_and_256_times_as_much_and_a_long_one_follows_a_burst(least):
    rhythm = Rhythm(least)
    settled = (torch.rand(200, generator=torch.Generator().manual_seed(0)) < 0.7).tolist()
    expected, pause = [], least
    for one in settled:
        pause = min(2 * pause, 256 * least) if one else max(pause // 2, least)
        burst = [least] * 3 if pause >= 16 * least else []
        expected += [*burst, pause]
    assert [following for _, following in walk(rhythm, settled)] == expected
    assert max(expected) == 256 * least and min(expected) == least


def test_a_rhythm_that_is_taken_up_again_goes_on_as_it_would_have():
    one, other = Rhythm(1), Rhythm(1)
    for _ in range(5):
        one.judged(settled=True)
    one.in_burst()
    other.load_state_dict(one.state_dict())
    assert list(walk(one, [True, False])) == list(walk(other, [True, False]))
    assert one.state_dict() == other.state_dict()
