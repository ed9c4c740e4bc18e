import sys
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine, Events

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.runs.progress import Progress
from ignite_unlearn.runs.tensorboard import TensorBoard
from tests.cli.test_cli import SHORT, assert_refused, call

WRITERS = ("tensorboardX", "torch.utils.tensorboard")


class Writer:
    """Keeps what it is told, in place of a file."""

    def __init__(self, purge_step):
        self.points, self.purge_step, self.open = [], purge_step, True

    def add_scalar(self, tag, value, step):
        assert self.open
        self.points.append((tag, value, step))

    def close(self):
        self.open = False


@pytest.fixture
def made(monkeypatch):
    found = {}

    def make(log_dir, purge_step):
        return found.setdefault(log_dir, Writer(purge_step))

    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=make))
    return found


def shown(folder, step, batches, title="original", iterations=2, before=0):
    engine = Engine(step)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda e: e.state.metrics.update(forgotten_share=0.5))
    engine.state.iteration = before
    with Progress(bars=False, observers=[TensorBoard(folder)]).of(engine, iterations, title):
        engine.run(batches, max_epochs=1)
    return engine


def test_losses_and_numbers_of_each_loop_are_written_into_a_folder_of_its_own(tmp_path, made):
    engine = shown(tmp_path, lambda engine, batch: {"loss": torch.tensor(float(batch))}, [3, 4])
    shown(tmp_path, lambda engine, batch: torch.tensor(7.0), [0], "judge (guide)")
    assert set(made) == {tmp_path / "original", tmp_path / "judge_guide"}
    assert made[tmp_path / "original"].points == [
        ("loop/forgotten_share", 0.5, 1), ("loop/loss", 3.0, 1), ("loop/forgotten_share", 0.5, 2), ("loop/loss", 4.0, 2)
    ]  # fmt: skip
    assert ("loop/loss", 7.0, 1) in made[tmp_path / "judge_guide"].points
    engine.run([5], max_epochs=2)
    assert len(made[tmp_path / "original"].points) == 4  # the loop was left


@pytest.mark.parametrize("output", [None, "words", {"said": "words", "none": None}])
def test_what_is_no_number_is_left_out_without_a_warning(tmp_path, made, output):
    shown(tmp_path, lambda engine, batch: output, [0])
    assert made[tmp_path / "original"].points == [("loop/forgotten_share", 0.5, 1)]


def test_long_loops_are_written_at_a_thousand_places(tmp_path, made):
    shown(tmp_path, lambda engine, batch: 1.0, [0] * 5000, iterations=5000)
    steps = {step for _, _, step in made[tmp_path / "original"].points}
    assert steps == set(range(5, 5001, 5))


def test_a_loop_that_is_taken_up_replaces_what_lies_after_its_checkpoint(tmp_path, made):
    shown(tmp_path, lambda engine, batch: 1.0, [0], iterations=10, before=7)
    assert made[tmp_path / "original"].purge_step == 8


def test_the_file_is_closed_when_a_loop_breaks(tmp_path, made):
    with pytest.raises(ZeroDivisionError):
        shown(tmp_path, lambda engine, batch: 1 / batch, [0])
    assert not made[tmp_path / "original"].open


@pytest.fixture
def nothing_installed(monkeypatch):
    for name in WRITERS:
        monkeypatch.setitem(sys.modules, name, None)


def test_without_the_package_one_sentence_says_what_to_install(tmp_path, nothing_installed):
    with pytest.raises(UnlearningError, match=r"pip install 'ignite-unlearn\[tensorboard\]'"):
        TensorBoard(tmp_path)
    asked = ("run", "digits-class", "--out", tmp_path / "out", "--tensorboard", tmp_path / "board")
    assert_refused(call(*asked, *SHORT), "pip install 'ignite-unlearn[tensorboard]'")
    assert not list(tmp_path.iterdir())  # before anything was trained


def test_a_run_writes_its_loops_and_a_dry_run_nothing(tmp_path, made):
    asked = ("run", "digits-class", "--out", tmp_path / "out", "--device", "cpu", "--tensorboard", tmp_path / "board")
    assert call(*asked, *SHORT, "--dry-run").exit_code == 0 and made == {}
    assert call(*asked, *SHORT).exit_code == 0
    tags = {folder.name: {tag for tag, _, _ in writer.points} for folder, writer in made.items()}
    assert {"original", "unlearning", "judge_guide", "judge_classifier"} <= set(tags)
    assert "loop/unlearning/substitution_loss" in tags["unlearning"]
    assert all(tag in tags["original"] for tag in ("loop/g_loss", "loop/d_loss"))


def test_the_real_package_writes_files_that_it_can_read(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    shown(tmp_path, lambda engine, batch: {"loss": torch.tensor(float(batch))}, [3, 4])
    written = accumulator.EventAccumulator(str(tmp_path / "original"))
    written.Reload()
    assert [(point.step, point.value) for point in written.Scalars("loop/loss")] == [(1, 3.0), (2, 4.0)]
