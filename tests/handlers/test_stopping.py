import json

import numpy as np
import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import ErasureRecord, StopWhenForgotten, UnlearningError
from ignite_unlearn.handlers.streak import Streak
from tests.handlers.test_phase import data, make


def run(numbers, keep=False, swing=0.0, streak=None, **options):
    """Runs a phase whose judge says these numbers one after the other."""
    unlearning, given, weights = make(max_iterations=len(numbers)), iter(numbers), []
    trainer = Engine(lambda e, b: None)

    def measure(gan):
        assert gan is unlearning.gan
        torch.randn(3)
        weights.append(unlearning.gan.generator.body[0].weight.detach().clone())
        return next(given)

    nets = (unlearning.gan.generator,) if keep else ()
    stopping = StopWhenForgotten(unlearning, measure, keep=nets, **options)
    stopping.streak = streak or stopping.streak
    stopping.swing = {"a": swing}
    with unlearning.attach(trainer), stopping.attach(trainer):
        before = torch.get_rng_state()
        trainer.run(data(2), max_epochs=20)
        assert torch.equal(torch.get_rng_state(), before)
    return unlearning, stopping, weights


def test_it_stops_as_soon_as_all_bounds_hold():
    numbers = [{"share": 0.5, "fid": 1}, {"share": 0.01, "fid": 9}, {"share": 0.01, "fid": 2}, {"share": 0, "fid": 0}]
    numbers = [{**judged, "unbounded": 7} for judged in numbers]
    unlearning, stopping, _ = run(numbers, at_most={"share": 0.02, "fid": 3})
    assert unlearning.iterations == 3
    assert unlearning.stopped_because == "its bounds were reached: share 0.01, fid 2, unbounded 7"
    assert stopping.best == numbers[2]


def test_patience_asks_for_bounds_that_hold_in_a_row():
    numbers = [{"a": v} for v in (1, 5, 1, 1, 0)]
    assert run(numbers, at_most={"a": 2}, patience=2)[0].iterations == 4


def test_each_measurement_is_logged_with_its_bounds(caplog):
    caplog.set_level("INFO", logger="ignite_unlearn")
    run([{"a": v} for v in (5, 1, 1)], at_most={"a": 2}, patience=2)
    told = [message for message in caplog.messages if "in a row" in message]
    assert told[0].startswith("After 1 iterations of the phase: a 5 (at most 2); ")
    assert told[0].endswith("measurements near enough in a row: 0 (asked for 2).")
    assert told[2].endswith("a 1 (at most 2); measurements near enough in a row: 2 (asked for 2).")


def test_a_number_with_two_bounds_is_logged_once_and_how_near_is_near_enough(caplog):
    caplog.set_level("INFO", logger="ignite_unlearn")
    run([{"a": v} for v in (5, 3, 1)], at_most={"a": 2}, at_least={"a": 1}, patience=2, swing=1)
    told = [message for message in caplog.messages if "in a row" in message]
    assert told[1].count("a 3") == 1
    run([{"a": v} for v in (9, 1)], at_most={"a": 2}, swing=float("inf"))
    assert "a 9 (at most 2, at the end alone); measurements near enough in a row: 1 (asked for 1)" in caplog.text
    assert "a 3 (at least 1 and at most 2, near enough up to 1 outside); measurements near enough in a row" in told[1]


def test_lower_bounds_and_every():
    unlearning, _, weights = run([{"accuracy": v} for v in (0.1, 0.95, 0.5)] * 3, at_least={"accuracy": 0.9}, every=2)
    assert unlearning.iterations == 4 and len(weights) == 2


def test_where_the_bounds_are_never_reached_the_best_judged_state_is_put_back():
    unlearning, stopping, weights = run([{"a": 9}, {"a": 4}, {"a": 7}], keep=True, at_most={"a": 2})
    assert (
        unlearning.stopped_because
        == "its budget of 3 iterations is spent, and its bounds were not reached: a 4 (at most 2)"
    )
    assert stopping.best == {"a": 4}
    assert torch.equal(unlearning.gan.generator.body[0].weight, weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_without_nets_to_keep_the_last_state_stays():
    unlearning, stopping, weights = run([{"a": 4}, {"a": 9}], at_most={"a": 2})
    assert (
        unlearning.stopped_because
        == "its budget of 2 iterations is spent, and its bounds were not reached: a 9 (at most 2)"
    )
    assert stopping.best == {"a": 4}
    assert torch.equal(unlearning.gan.generator.body[0].weight, weights[1])


def test_the_excess_is_a_sum_of_shares_of_the_bounds():
    stopping = StopWhenForgotten(None, dict, at_most={"a": 2.0}, at_least={"b": 0.5})
    assert stopping.excess({"a": 3.0, "b": 0.4}) == pytest.approx(0.5 + 0.2)
    assert stopping.excess({"a": 1.0, "b": 0.9}) == 0


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: StopWhenForgotten(None, dict), "needs a bound"),
        (lambda: StopWhenForgotten(None, dict, at_most={"a": 1}, every=0), "at least 1"),
        (lambda: StopWhenForgotten(None, dict, at_least={"a": float("nan")}), "bound of 'a' is not a number"),
        (lambda: run([{"a": "low"}], at_most={"a": 1}), "'a' is 'low': expected a number"),
        (lambda: run([{"a": torch.zeros(2)}], at_most={"a": 1}), "'a' is a tensor of 2 values: expected a number"),
        (lambda: run([None], at_most={"a": 1}), "returned None"),
        (lambda: StopWhenForgotten(None, dict, at_most={"a": 1}).excess({"b": 1}), "lacks 'a'"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("bounds", [{"at_most": {"a": 2}}, {"at_least": {"a": 2}}])
def test_a_number_that_is_not_finite_is_never_within_bounds(number, bounds):
    unlearning, stopping, weights = run([{"a": number}, {"a": 1.0}, {"a": number}], patience=2, keep=True, **bounds)
    assert not stopping.excess({"a": number}) < float("inf")
    assert not unlearning.stopped_because.startswith("its bounds were reached") and unlearning.iterations == 3
    assert torch.equal(unlearning.gan.generator.body[0].weight, weights[1])  # the only one that was judged at all


def test_a_judge_that_never_gives_a_number_is_told_of_and_no_state_is_put_back():
    unlearning, stopping, weights = run([{"a": float("nan")}] * 2, keep=True, at_most={"a": 2})
    reason = "its bounds were not reached: a nan, which is no finite number (at most 2)"
    assert reason in unlearning.stopped_because and stopping.best is None
    assert torch.equal(unlearning.gan.generator.body[0].weight, weights[1])


def test_numbers_of_any_kind_are_taken():
    kinds = [{"a": torch.tensor(5.0, requires_grad=True)}, {"a": np.float32(4)}, {"a": True}]
    assert run(kinds, at_most={"a": 2})[1].best == {"a": 1.0}


@pytest.mark.parametrize("record_first", [True, False])
def test_a_record_is_about_the_weights_that_are_left_in_either_order_of_attaching(record_first, tmp_path):
    unlearning, given = make(max_iterations=3), iter([9.0, 4.0, 7.0])
    generator, trainer = unlearning.gan.generator, Engine(lambda e, b: None)
    stopping = StopWhenForgotten(unlearning, lambda gan: {"a": next(given)}, at_most={"a": 2}, keep=(generator,))

    def measure(gan):
        return {"weight": float(gan.generator.body[0].weight.detach().double().sum())}

    record = ErasureRecord(unlearning, tmp_path, measure=measure)
    with unlearning.attach(trainer):
        for handler in (record, stopping) if record_first else (stopping, record):
            handler.attach(trainer)
        trainer.run(data(4))
    written = json.loads((tmp_path / "record.json").read_text())
    weight = {name: numbers and numbers["weight"] for name, numbers in written["metrics"].items()}
    assert weight["unlearned"] == measure(unlearning.gan)["weight"] != weight["original"]
    assert written["stopped_because"] == unlearning.stopped_because
    assert "its bounds were not reached: a 4 (at most 2)" in unlearning.stopped_because


def test_bounds_that_did_not_hold_for_long_enough_are_told_from_bounds_that_were_missed():
    unlearning, _, _ = run([{"a": v} for v in (5, 1, 1)], at_most={"a": 2}, patience=3)
    assert unlearning.stopped_because == (
        "its budget of 3 iterations is spent, "
        "and its bounds held for fewer than 3 measurements in a row: a 1 (at most 2)"
    )


def test_a_number_may_swing_about_its_bound_but_at_the_end():
    unlearning, stopping, _ = run([{"a": v} for v in (9, 2.9, 2.5, 2.9, 2, 0)], at_most={"a": 2}, patience=3, swing=1)
    assert unlearning.iterations == 5 and unlearning.bounds[0]["lasted"] and stopping.best == {"a": 2}


@pytest.mark.parametrize(
    ("numbers", "put_back", "lasted"),
    [
        ((9, 2.9, 2.9, 1.5, 9, 1, 9), 3, True),  # a better one that did not last is not put back
        ((9, 2.9, 3.1, 1.5, 9, 1, 9), 5, False),
        ((2, 2.9, 2.9, 2.9), 0, False),  # nobody saw the first one last, and the others are out of bounds
        ((9, 2.9, 2.9, 1.5, 2.9, 2.9), 3, True),
    ],
)
def test_of_a_phase_that_ends_for_another_reason_a_state_that_lasted_is_put_back(numbers, put_back, lasted):
    asked = {"at_most": {"a": 2}, "swing": 1, "streak": Streak(ends=9, lasts=3)}
    unlearning, stopping, weights = run([{"a": v} for v in numbers], keep=True, **asked)
    assert torch.equal(unlearning.gan.generator.body[0].weight, weights[put_back]) and stopping.restored
    assert [(bound["value"], bound["lasted"]) for bound in unlearning.bounds] == [(numbers[put_back], lasted)]
    held = "held" if lasted else "held for fewer than 3 measurements in a row"
    assert f"iterations is spent, and its bounds {held}: a {numbers[put_back]}" in unlearning.stopped_because


def test_of_equally_good_states_the_latest_is_put_back():
    unlearning, _, weights = run([{"a": v} for v in (4, 4, 7)], keep=True, at_most={"a": 2})
    assert torch.equal(unlearning.gan.generator.body[0].weight, weights[1])
    assert not torch.equal(weights[0], weights[1])


def test_a_state_that_is_taken_up_goes_on_counting_what_was_near():
    _, stopping, _ = run([{"a": 1}], at_most={"a": 2}, patience=2)
    other = StopWhenForgotten(stopping.unlearning, stopping.measure, at_most={"a": 2}, patience=2)
    other.load_state_dict(stopping.state_dict())
    assert other.streak.count == 1


def test_a_phase_taken_up_from_its_state_knows_its_best_state(tmp_path):
    numbers = [{"a": v} for v in (9, 4, 7, 8, 6, 9)]

    def go(unlearning, numbers, batches, state=None):
        torch.manual_seed(0)
        given, trainer = iter(numbers), Engine(lambda e, b: None)
        stopping = StopWhenForgotten(
            unlearning, lambda gan: next(given), at_most={"a": 2}, keep=(unlearning.gan.generator,)
        )
        with unlearning.attach(trainer), stopping.attach(trainer):
            if state is not None:
                unlearning.load_state_dict(state["phase"])
                stopping.load_state_dict(state["stopping"])
            trainer.run(batches)
            state = {"phase": unlearning.state_dict(), "stopping": stopping.state_dict()}
        torch.save({**state, "gan": unlearning.gan.generator.state_dict()}, tmp_path / "state.pt")
        return stopping, torch.load(tmp_path / "state.pt", weights_only=True)

    batches = data(6)
    torch.manual_seed(1)
    whole, first, second = (make(max_iterations=6) for _ in range(3))
    for other in (first, second):
        other.gan.generator.load_state_dict(whole.gan.generator.state_dict())
        other.gan.discriminator.load_state_dict(whole.gan.discriminator.state_dict())
    stopped, _ = go(whole, numbers, batches)
    _, state = go(first, numbers[:3], batches[:3])
    second.gan.generator.load_state_dict(first.gan.generator.state_dict())
    second.gan.discriminator.load_state_dict(first.gan.discriminator.state_dict())
    resumed, _ = go(second, numbers[3:], batches[3:], state)
    assert stopped.best == resumed.best == {"a": 4} and resumed.restored
    assert torch.equal(whole.gan.generator.body[0].weight, second.gan.generator.body[0].weight)
    assert whole.stopped_because == second.stopped_because and whole.bounds == second.bounds
    other = StopWhenForgotten(second, dict, at_most={"a": 2}, keep=(second.gan.discriminator,))
    with pytest.raises(UnlearningError, match="of other nets"):
        other.load_state_dict(state["stopping"])
