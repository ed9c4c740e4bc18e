import logging

from ignite.engine import Engine

from tests.handlers.test_phase import data, make


def learning_step(engine, batch):
    return None


def test_a_phase_that_has_ended_says_so_where_it_is_attached_again(caplog):
    unlearning, trainer = make(max_iterations=1), Engine(learning_step)
    with unlearning.attach(trainer):
        trainer.run(data(2))
    assert unlearning.iterations == 1
    with caplog.at_level(logging.INFO, "ignite_unlearn"):
        unlearning.attach(Engine(learning_step)).remove()
    assert "has ended (its budget of 1 iterations is spent): attached again, it replaces rows" in caplog.text


def test_one_that_goes_on_and_one_that_is_taken_up_from_a_state_are_not_told_of(caplog):
    unlearning, trainer = make(max_iterations=3), Engine(learning_step)
    taken_up = make(max_iterations=3)
    unlearning.measured = True
    with caplog.at_level(logging.INFO, "ignite_unlearn"):
        with unlearning.attach(trainer):
            trainer.run(data(2))
        with unlearning.attach(trainer):
            trainer.run(data(2))
        assert unlearning.iterations == 3
        taken_up.load_state_dict(unlearning.state_dict())
        with taken_up.attach(Engine(learning_step)):
            pass
    assert taken_up.stopped_because is not None
    assert "attached again" not in caplog.text
