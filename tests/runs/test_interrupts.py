"""Signals: work is saved at once, and the process ends by the signal's status."""

import os
import signal
import threading

import pytest
import torch

import ignite_unlearn.runs.checkpoints as stages
from ignite_unlearn import UnlearningError
from ignite_unlearn.cascade.step import UnlearningStep
from ignite_unlearn.forget.inversion import Inversion
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.runs.checkpoints import checkpoint_path
from ignite_unlearn.runs.interrupts import Interrupted, heard, terminable
from ignite_unlearn.runs.long_training import train_long
from ignite_unlearn.runs.pipeline import carry_out, original_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.unlearning import Unlearning
from tests.recipes.stock.test_folder_items import ask, fill
from tests.runs.test_run import SHORT, request


def train(asked, training, folder, **how):
    images, labels = asked.split.data.images, asked.split.data.labels
    made = asked.original.fingerprint
    return train_long(
        training, images, labels, seed=0, title="original", fingerprint=made, folder=folder, progress=QUIET, **how
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_what_was_trained_so_far(tmp_path, number):
    asked = request(tmp_path)
    whole, broken, resumed = (GANTraining(asked.new_gan(), asked.recipe.training) for _ in range(3))
    train(asked, whole, tmp_path / "whole")
    broken.engine.add_event_handler(stages.Events.ITERATION_STARTED(once=7), lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as raised:
        train(asked, broken, tmp_path / "part")
    assert raised.value.status == 128 + number and signal.getsignal(number) is before
    assert broken.engine.state.iteration == 7 and checkpoint_path(tmp_path / "part", "original").exists()
    torch.manual_seed(77)
    seen = []
    resumed.engine.add_event_handler(stages.Events.ITERATION_COMPLETED, lambda: seen.append(0))
    train(asked, resumed, tmp_path / "part", resume=True)
    assert len(seen) == 5
    for net in ("generator", "discriminator", "average"):
        one, two = getattr(whole, net).state_dict(), getattr(resumed, net).state_dict()
        assert all(torch.equal(value, two[key]) for key, value in one.items()), net


def test_a_checkpoint_of_the_end_is_not_trained_any_further(tmp_path, monkeypatch):
    asked = request(tmp_path)
    whole, resumed = (GANTraining(asked.new_gan(), asked.recipe.training) for _ in range(2))
    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)
    train(asked, whole, tmp_path)
    train(asked, resumed, tmp_path, resume=True)
    one, two = whole.generator.state_dict(), resumed.generator.state_dict()
    assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_a_second_signal_does_not_wait():
    with heard() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_ends_like_ctrl_c():
    with pytest.raises(KeyboardInterrupt), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_in_another_thread_signals_are_left_alone():
    found = []

    def go():
        with heard() as signals, terminable():
            found.append(bool(signals))

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    assert found == [False]


def test_a_phase_that_was_interrupted_goes_on_where_it_was(tmp_path, monkeypatch):
    """Also where the bounds were not reached, and the best state was an earlier one; four iterations end it."""
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)
    short = (*SHORT, "unlearning_iterations=4", "later=1")
    settings = (*short, "substitution=other_class", "start=none", "fid_tolerance=0")
    whole = carry_out(request(tmp_path / "whole", settings=settings))
    original_of(request(tmp_path / "part", settings=settings))  # so that nothing is rehearsed
    begin, step, steps = Unlearning.__init__, UnlearningStep.__call__, []
    monkeypatch.setattr(UnlearningStep, "__call__", lambda *a, **k: (steps.append(0), step(*a, **k))[1])

    def interrupted_at(iteration):
        def interrupting(self, *args, **options):
            begin(self, *args, **options)
            started = stages.Events.ITERATION_STARTED(event_filter=lambda engine, event: event == iteration)
            self.training.engine.add_event_handler(started, lambda: os.kill(os.getpid(), signal.SIGTERM))

        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            patch.setattr(Unlearning, "__init__", interrupting)
            carry_out(request(tmp_path / "part", settings=settings, resume=True))

    for iteration in (1, 3, 4):
        interrupted_at(iteration)
        assert len(steps) == iteration
    resumed = carry_out(request(tmp_path / "part", settings=settings, resume=True))
    assert len(steps) == 4
    assert resumed.weights_sha256 == whole.weights_sha256 and resumed.metrics == whole.metrics
    assert (resumed.bounds, resumed.curves, resumed.found) == (whole.bounds, whole.curves, whole.found)
    assert resumed.stopped_because == whole.stopped_because and resumed.seconds["unlearning"] > 0
    assert not list(tmp_path.rglob("*.checkpoint.pt"))


def test_items_that_were_looked_for_are_not_looked_for_again(tmp_path, monkeypatch):
    """What was found is kept no longer than the checkpoint."""
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)
    fill(tmp_path / "data" / "train", 24), fill(tmp_path / "data" / "test", 16, seed=1)
    found, inverted = [], Inversion.__call__

    def look(self, gan, images, labels=None):
        if self.steps == 2:  # else it measures, or tries
            found.append(len(images))
        return inverted(self, gan, images, labels)

    monkeypatch.setattr(Inversion, "__call__", look)

    def asked(name, **how):
        settings = ("unlearning_iterations=3", "items=2", "generator_half=where_known", "inversion_steps=2")
        return ask(tmp_path / "data", *settings, out=tmp_path / name, **how)

    whole = carry_out(asked("whole"))
    rows = found.pop()
    original_of(asked("part"))  # so that nothing is rehearsed
    found.clear()
    step = UnlearningStep.__call__
    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            patch.setattr(
                UnlearningStep, "__call__", lambda *a, **k: (step(*a, **k), os.kill(os.getpid(), signal.SIGTERM))[0]
            )
            carry_out(asked("part", resume=True))
    resumed = carry_out(asked("part", resume=True))
    assert found == [rows]
    assert resumed.weights_sha256 == whole.weights_sha256 and resumed.metrics == whole.metrics
    assert resumed.seconds["inversion"] > 0
    assert not list(tmp_path.rglob("*.checkpoint.pt"))


def test_what_comes_after_a_phase_is_taken_up_too(tmp_path, monkeypatch):
    """Learning on up to the looks, which are after 3 and 6 steps, and retraining: no step is taken twice."""
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)
    settings, taken, learn = (*SHORT, "later=3,6"), [], GANTraining.learn
    whole = carry_out(request(tmp_path / "whole" / "run", settings=settings, retrain=True))
    looked = 12 + 2 + 6
    ends = [12 + 2 + 1, 12 + 2 + 3, 12 + 2 + 4, looked + 5]

    def counted(training, batch):
        taken.append(0)
        if len(taken) in ends:
            os.kill(os.getpid(), signal.SIGTERM)
        return learn(training, batch)

    monkeypatch.setattr(GANTraining, "learn", counted)
    for _ in ends:
        with pytest.raises(Interrupted):
            carry_out(request(tmp_path / "run", settings=settings, retrain=True, resume=True))
    resumed = carry_out(request(tmp_path / "run", settings=settings, retrain=True, resume=True))
    assert len(taken) == looked + 11
    assert resumed.weights_sha256 == whole.weights_sha256 and resumed.metrics == whole.metrics
    assert (resumed.bounds, resumed.curves, resumed.found) == (whole.bounds, whole.curves, whole.found)
    assert not list(tmp_path.rglob("*.checkpoint.pt"))


def test_a_checkpoint_of_another_phase_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)
    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(Unlearning, "go_on", lambda *args, **how: 1 / 0)
        carry_out(request(tmp_path))
    with pytest.raises(UnlearningError, match=r"phase.checkpoint.pt is of a training by .*anchor"):
        carry_out(request(tmp_path, settings=(*SHORT, "anchor=7"), resume=True))
