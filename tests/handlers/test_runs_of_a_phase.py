"""A phase and the runs of its trainer: once an epoch, twice in a row, or with another phase beside it."""

import json

import pytest
import torch
from ignite.engine import Engine, Events

from ignite_unlearn import GAN, ErasureRecord, StopWhenForgotten, UnlearningError, UnlearningEvents
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.handlers.test_phase import data, make


class Script:
    """A phase with bounds that are never reached, a record, and a log of events and of what was measured."""

    def __init__(self, folder, **options):
        torch.manual_seed(0)
        self.unlearning, self.log, self.measured = make(**options), [], []
        self.nets = (self.unlearning.gan.generator, self.unlearning.gan.discriminator)
        self.trainer = Engine(lambda engine, batch: self.seen.append(self.weights()))
        self.seen = []
        numbers = iter([5.0, 9.0, *[7.0] * 100])
        self.stopping = StopWhenForgotten(
            self.unlearning, lambda gan: {"a": next(numbers)}, at_most={"a": 2}, every=2, keep=self.nets
        )
        self.record = ErasureRecord(self.unlearning, folder, measure=self.measure)
        self.folder = folder

    def weights(self):
        return clone([net.state_dict() for net in self.nets])

    def measure(self, gan):
        self.measured.append(gan)
        return {"weight": float(gan.generator.body[0].weight.detach().double().sum())}

    def attach(self):
        handles = [part.attach(self.trainer) for part in (self.unlearning, self.stopping, self.record)]
        for event in UnlearningEvents:
            if not event.name.startswith("UNLEARNING_STEP"):
                self.trainer.add_event_handler(event, lambda engine, event=event: self.log.append(event.name))
        return handles

    def written(self):
        return json.loads((self.folder / "record.json").read_text())


ONE_PHASE = ["UNLEARNING_STARTED", "UNLEARNING_ENDING", "UNLEARNING_COMPLETED"]


def test_a_trainer_that_is_run_once_an_epoch_in_a_with_block_has_one_phase(tmp_path):
    whole, parts = Script(tmp_path / "whole"), Script(tmp_path / "parts")
    with whole.attach()[0]:
        whole.trainer.run(data(2), max_epochs=3)
    with parts.attach()[0]:
        for epoch in range(3):
            parts.trainer.run(data(2), max_epochs=epoch + 1)
            assert not (parts.folder / "record.json").exists()
    assert parts.log == whole.log == ONE_PHASE and len(parts.measured) == 2
    # No run but the last put the best weights back.
    assert_identical(parts.seen, whole.seen)
    assert_identical(parts.weights(), whole.weights())
    assert parts.written()["metrics"]["unlearned"] == whole.written()["metrics"]["unlearned"]
    assert_identical(parts.weights(), parts.seen[1])  # the best of those that were measured


def test_without_a_with_block_each_run_has_its_record_and_the_next_goes_on_where_it_left(tmp_path):
    whole, parts = Script(tmp_path / "whole"), Script(tmp_path / "parts")
    whole.attach()
    whole.trainer.run(data(2), max_epochs=3)
    parts.attach()
    for epoch in range(3):
        parts.trainer.run(data(2), max_epochs=epoch + 1)
        assert parts.written()["iterations"]["unlearning"] == 2 * (epoch + 1)
    assert parts.log == 3 * ONE_PHASE and whole.log == ONE_PHASE
    assert [path.name for path in parts.folder.glob("record*.json")] == ["record.json"]
    assert_identical(parts.weights(), whole.weights())
    assert parts.written()["metrics"]["unlearned"] == whole.written()["metrics"]["unlearned"]


def test_a_removed_handle_ends_the_phase_and_an_exception_does_not(tmp_path):
    script = Script(tmp_path)
    handle, *_ = script.attach()
    with handle:
        script.trainer.run(data(2))
        assert script.log == ONE_PHASE[:1]
        handle.remove()
        assert script.log == ONE_PHASE and script.written()["stopped_because"] == "the run ended"
    assert script.log == ONE_PHASE

    for fails in (Events.ITERATION_STARTED, Events.EPOCH_COMPLETED):
        broken = Script(tmp_path / fails.name)
        broken.trainer.add_event_handler(fails, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError), broken.attach()[0]:
            broken.trainer.run(data(2))
        assert broken.log in ([], ONE_PHASE[:1]) and not broken.measured


def test_seconds_between_the_runs_of_a_phase_are_not_counted(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("ignite_unlearn.utils.clock.wall_clock", lambda: now[0])
    script = Script(tmp_path)
    script.trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: now.__setitem__(0, now[0] + 1))
    with script.attach()[0]:
        for epoch in range(2):
            script.trainer.run(data(3), max_epochs=epoch + 1)
            now[0] += 1000
    assert script.written()["seconds"]["unlearning"] == 6


def test_numbers_stay_out_of_the_metrics_where_they_are_not_wanted_and_a_record_has_them_still(tmp_path):
    scripts = [Script(tmp_path / name, **given) for name, given in (("a", {}), ("b", {"metrics_prefix": None}))]
    for script in scripts:
        script.trainer.state.metrics["own"] = 1.0
        script.trainer.add_event_handler(
            Events.ITERATION_COMPLETED, lambda engine, script=script: script.log.append(sorted(engine.state.metrics))
        )
        handles = script.attach()
        script.trainer.run(data(4))
        for handle in handles:
            handle.remove()
    shown, hidden = scripts
    assert [entry for entry in hidden.log if isinstance(entry, list)] == [["own"]] * 4
    assert any("unlearning/a" in entry for entry in shown.log if isinstance(entry, list))
    assert shown.written()["curves"] == hidden.written()["curves"] != {}


def both_fields(first, second):
    """One batch with the images and labels of two."""
    return {"a": first[0], "ya": first[1], "b": second[0], "yb": second[1]}


def of_fields(script, image, label):
    gan = script.unlearning.gan
    return GAN(gan.generator, gan.discriminator, latents=gan.latents, labels=gan.labels, image=image, label=label)


def test_two_phases_on_one_trainer_at_once_hear_and_show_their_own_and_end_apart(tmp_path):
    seen = []
    trainer = Engine(lambda engine, batch: seen.append(batch))
    phases = []
    for name, gives, prefix in (("a", [1.0], "unlearning/"), ("b", [9.0] * 9, "second/")):
        script = Script(tmp_path / name)
        gan = of_fields(script, name, "y" + name)
        phase = type(script.unlearning)(
            gan, forget=script.unlearning.forget, substitution=script.unlearning.step.substitution,
            fake_label=script.unlearning.step.fake_label, batch_size=8, metrics_prefix=prefix,
        )  # fmt: skip
        numbers = iter(gives)
        phase.attach(trainer)
        StopWhenForgotten(phase, lambda gan, numbers=numbers: {"a": next(numbers)}, at_most={"a": 2}).attach(trainer)
        ErasureRecord(phase, tmp_path / name).attach(trainer)
        phases.append(phase)
    one, other = phases
    batches = [both_fields(*pair) for pair in zip(data(4), data(8)[4:], strict=True)]
    trainer.run(batches)
    assert (one.iterations, other.iterations) == (1, 4)
    assert one.stopped_because == "its bounds were reached: a 1" and other.stopped_because is None
    assert all(2 not in batch[label].tolist() for batch in seen for label in ("ya", "yb"))
    records = [json.loads((tmp_path / name / "record.json").read_text()) for name in "ab"]
    assert [r["iterations"]["unlearning"] for r in records] == [1, 4]
    assert trainer.state.metrics["unlearning/iterations"] == 1 and trainer.state.metrics["second/iterations"] == 4
    one.handle.remove()
    assert not any(name.startswith("unlearning/") for name in trainer.state.metrics)
    trainer.run(batches, max_epochs=2)
    assert (one.iterations, other.iterations) == (1, 8)
    other.handle.remove()
    assert trainer.state.metrics == {} and UnlearningEvents.UNLEARNING_STARTED not in trainer._allowed_events


def test_phases_of_the_same_nets_or_with_the_same_names_do_not_stand_side_by_side():
    trainer, first = Engine(lambda engine, batch: None), make()
    first.attach(trainer)
    with pytest.raises(UnlearningError, match="taken by both"):
        type(first)(
            first.gan, forget=first.forget, substitution=first.step.substitution, fake_label=first.step.fake_label,
            metrics_prefix="second/",
        ).attach(trainer)  # fmt: skip
    with pytest.raises(UnlearningError, match="shows its numbers as 'unlearning/'"):
        make().attach(trainer)
    make(metrics_prefix=None).attach(trainer)
