import json

import pytest
import torch

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits import NotTested
from ignite_unlearn.runs import audit_times
from ignite_unlearn.runs.audit_times import AuditTimes, Followed


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(audit_times, "wall_clock", lambda: now[0])
    return now


def timed(times, clock, key, seconds):
    with times.timing(key):
        clock[0] += seconds


def test_what_was_measured_is_noted_and_tells_the_next_audits_how_long_they_take(tmp_path, clock):
    times = AuditTimes(tmp_path, "cpu")
    assert times.left(["slow", "slow", "new"]) == "slow, new (not timed here yet)"
    for seconds in (50, 70):
        timed(times, clock, "slow", seconds)
    assert times.left(["slow", "slow", "new"]) == "2 minutes and new (not timed here yet)"
    times.note()
    again = AuditTimes(tmp_path, "cpu")
    assert again.of("slow") == 60 and again.left(["slow"]) == "60 seconds" and again.left([]) == "nothing"
    timed(again, clock, "new", 5)
    again.note()
    assert AuditTimes(tmp_path, "cpu").left(["slow", "new"]) == "65 seconds"


def test_what_was_measured_now_counts_more_than_what_was_noted(tmp_path, clock):
    for seconds in (60, 10):
        times = AuditTimes(tmp_path, "cpu")
        timed(times, clock, "slow", seconds)
        times.note()
    assert times.of("slow") == AuditTimes(tmp_path, "cpu").of("slow") == 10


def test_times_on_another_device_and_notes_of_another_form_say_nothing(tmp_path, clock):
    times = AuditTimes(tmp_path, "cpu")
    timed(times, clock, "slow", 60)
    times.note()
    assert AuditTimes(tmp_path, "cuda").of("slow") is None
    for broken in ({"device": "cpu"}, {"device": "cpu", "took": {"slow": "long"}}, []):
        (tmp_path / "stages.json").write_text(json.dumps({"audits": broken}))
        assert AuditTimes(tmp_path, "cpu").of("slow") is None


def test_what_raises_is_not_timed(tmp_path, clock):
    times = AuditTimes(tmp_path, "cpu")
    with pytest.raises(UnlearningError), times.timing("slow"):
        raise UnlearningError("too few images")
    assert times.of("slow") is None
    times.note()
    assert not list(tmp_path.iterdir())


def test_a_followed_audit_says_that_it_was_made_whatever_comes_out_of_it():
    gan, calls = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,)), []
    audit = Followed(NotTested("mine", "my own", "There are none."), lambda: calls.append(1))
    assert (audit.key, audit.title, audit(gan).verdict) == ("mine", "my own", "not tested: there are none")

    class Broken(NotTested):
        def __call__(self, gan, *, retrained=None):
            raise UnlearningError("broken")

    with pytest.raises(UnlearningError):
        Followed(Broken("mine", "my own", ""), lambda: calls.append(1))(gan)
    assert calls == [1, 1]
