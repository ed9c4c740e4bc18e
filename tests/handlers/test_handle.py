import gc

import pytest
from ignite.engine import Engine, Events

from ignite_unlearn import ErasureRecord, Snapshots, StopWhenForgotten, UnlearningError, UnlearningEvents
from ignite_unlearn.handlers import Curves
from ignite_unlearn.handlers.handle import PhaseHandle
from tests.handlers.test_phase import data, make


def test_removing_twice_is_harmless_and_other_peoples_handlers_stay():
    trainer, seen, seen_by = Engine(lambda e, b: None), [], Curves()
    trainer.add_event_handler(Events.STARTED, lambda: seen.append("theirs"))
    handle = PhaseHandle(seen_by, trainer, {Events.STARTED: lambda e: seen.append("ours")}, metrics_prefix="p/")
    trainer.state.metrics.update({"p/a": 1, "q": 2})
    handle.remove()
    handle.remove()
    trainer.run([0])
    assert seen == ["theirs"] and trainer.state.metrics == {"q": 2}


def test_a_handler_of_the_phases_events_says_that_the_phase_comes_first():
    with pytest.raises(UnlearningError, match="attach the phase to it first"):
        Curves().attach(Engine(lambda e, b: None))
    with pytest.raises(UnlearningError, match="give the phase to stop"):
        StopWhenForgotten(None, dict, at_most={"a": 1}).attach(Engine(lambda e, b: None))


def parts(unlearning, folder):
    """The phase and all that goes with it."""
    stopping = StopWhenForgotten(unlearning, lambda gan: {"a": 1.0}, at_most={"a": 0})
    return [
        unlearning,
        stopping,
        ErasureRecord(unlearning, folder),
        Snapshots(unlearning.gan, folder / "a.png"),
        Curves(),
    ]


def test_nothing_is_attached_twice_until_its_handle_is_removed(tmp_path):
    unlearning = make()
    for part in parts(unlearning, tmp_path):
        name, trainer, other = type(part).__name__, Engine(lambda e, b: None), Engine(lambda e, b: None)
        if part is not unlearning:
            for engine in (trainer, other):
                engine.register_events(*UnlearningEvents)
        handle = part.attach(trainer)
        before = {event: len(handlers) for event, handlers in trainer._event_handlers.items()}
        with pytest.raises(UnlearningError, match=f"This {name} is attached to this trainer already"):
            part.attach(trainer)
        with pytest.raises(UnlearningError, match=f"This {name} is attached to another trainer already"):
            part.attach(other)
        assert before == {event: len(handlers) for event, handlers in trainer._event_handlers.items()}
        handle.remove()
        with part.attach(trainer):
            pass
        part.attach(other).remove()


def test_a_trainer_takes_one_phase_at_a_time_as_when_a_cell_of_a_notebook_is_run_again():
    trainer, second = Engine(lambda e, b: None), make()
    first = make().attach(trainer)
    with pytest.raises(UnlearningError, match="Another CascadedUnlearning is attached to this trainer already"):
        second.attach(trainer)
    first.remove()
    with second.attach(trainer):
        trainer.run(data(3))
    assert second.iterations == 3


def test_a_phase_that_was_attached_by_somebody_else_can_be_taken_off():
    first, second, trainer = make(), make(), Engine(lambda e, b: None)
    first.attach(trainer)  # as a plug-in does, which keeps no handle
    with pytest.raises(UnlearningError, match="attached to this trainer already"):
        second.attach(trainer)
    first.handle.remove()
    with second.attach(trainer):
        trainer.run(data(2))
    assert (first.iterations, second.iterations) == (0, 2)


def test_a_phase_whose_trainer_is_gone_may_be_attached_to_a_new_one():
    unlearning = make()
    unlearning.attach(Engine(lambda e, b: None))
    gc.collect()
    trainer = Engine(lambda e, b: None)
    with unlearning.attach(trainer):
        trainer.run(data(2))
    assert unlearning.iterations == 2


@pytest.mark.parametrize("event", [Events.ITERATION_COMPLETED(once=2), Events.EPOCH_COMPLETED(once=1)])
@pytest.mark.parametrize("skip_completed", [True, False])
def test_a_phase_ends_once_with_the_run_however_that_is_terminated(event, skip_completed):
    trainer, unlearning, seen = Engine(lambda e, b: None), make(), []
    trainer.add_event_handler(event, lambda: trainer.terminate(skip_completed=skip_completed))
    handle = unlearning.attach(trainer)
    for ending in (UnlearningEvents.UNLEARNING_ENDING, UnlearningEvents.UNLEARNING_COMPLETED):
        trainer.add_event_handler(ending, lambda engine, ending=ending: seen.append(ending))
    trainer.run(data(4), max_epochs=3)
    handle.remove()
    assert seen == [UnlearningEvents.UNLEARNING_ENDING, UnlearningEvents.UNLEARNING_COMPLETED]
