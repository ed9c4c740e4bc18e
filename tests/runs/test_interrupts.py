"""Signals: work is saved at once, and the process ends by the signal's status."""

import os
import signal
import threading

import pytest
import torch

import ignite_unlearn.runs.long_training as stages
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.runs.interrupts import Interrupted, heard, terminable
from ignite_unlearn.runs.long_training import checkpoint_path, train_long
from tests.runs.test_run import request


def train(asked, training, folder, **how):
    images, labels = asked.split.data.images, asked.split.data.labels
    made = asked.original.fingerprint
    return train_long(
        training, images, labels, seed=0, title="original", fingerprint=made, folder=folder, progress=False, **how
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
