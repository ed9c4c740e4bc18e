import pytest
from ignite.engine import Engine, Events

from ignite_unlearn import StopWhenForgotten, UnlearningError
from ignite_unlearn.handlers.handle import PhaseHandle


def test_removing_twice_is_harmless_and_other_peoples_handlers_stay():
    trainer, seen = Engine(lambda e, b: None), []
    trainer.add_event_handler(Events.STARTED, lambda: seen.append("theirs"))
    handle = PhaseHandle(trainer, {Events.STARTED: lambda e: seen.append("ours")}, metrics_prefix="p/")
    trainer.state.metrics.update({"p/a": 1, "q": 2})
    handle.remove()
    handle.remove()
    trainer.run([0])
    assert seen == ["theirs"] and trainer.state.metrics == {"q": 2}


def test_a_handler_of_the_phases_events_says_that_the_phase_comes_first():
    stopping = StopWhenForgotten(None, dict, at_most={"a": 1})
    with pytest.raises(UnlearningError, match="attach CascadedUnlearning to it first"):
        stopping.attach(Engine(lambda e, b: None))
