from contextlib import contextmanager

import pytest
from ignite.engine import Engine, Events

from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.tasks import instruments
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET, Progress
from ignite_unlearn.runs.run import prepare_run
from tests.cli.test_cli import SHORT


class Loops:
    """Keeps what it saw of each loop: how many iterations were announced, and which were seen."""

    def __init__(self):
        self.seen = {}

    @contextmanager
    def follow(self, engine, iterations, title):
        assert title not in self.seen, f"two loops are called {title}"
        found = self.seen[title] = []
        with engine.add_event_handler(Events.ITERATION_COMPLETED, lambda e: found.append(e.state.iteration)):
            yield
        self.seen[title] = (iterations, found)


def test_all_observers_see_every_loop_of_a_run_under_a_name_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    one, other = Loops(), Loops()
    progress = Progress(bars=False, observers=(one, other))
    asked = (*(part for part in SHORT if part != "--set"), "later=1,3")
    carry_out(prepare_run(RECIPE, settings=asked, out=tmp_path, device="cpu", retrain=True, progress=progress))
    loops = ["judge (guide)", "judge (classifier)", "unlearning", "learning on to 1", "learning on to 3"]
    assert set(one.seen) == {"original", "retrained", *loops} and one.seen == other.seen
    assert all(seen == list(range(1, total + 1)) for total, seen in one.seen.values())


def test_the_bar_of_a_phase_says_that_it_may_end_sooner(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    titles, bar = [], Progress.bar
    monkeypatch.setattr(
        Progress, "bar", lambda self, total, title, **how: titles.append(title) or bar(self, total, title, **how)
    )
    asked = (*(part for part in SHORT if part != "--set"), "later=1")
    carry_out(prepare_run(RECIPE, settings=asked, out=tmp_path, device="cpu", progress=QUIET))
    assert {"unlearning, at most", "learning on to 1", "original"} <= set(titles) and "unlearning" not in titles


def test_an_observer_is_taken_off_when_the_loop_ends_or_breaks():
    loops, engine = Loops(), Engine(lambda engine, batch: 1 / batch)
    with pytest.raises(ZeroDivisionError), Progress(bars=False, observers=[loops]).of(engine, 2, "x"):
        engine.run([1, 0])
    engine.run([1, 1])
    assert loops.seen == {"x": [1]}


@pytest.mark.parametrize("progress", [QUIET, Progress()])
def test_bars_show_nothing_where_they_are_off_or_nobody_sits_at_a_terminal(progress, capsys):
    engine = Engine(lambda engine, batch: None)
    with progress.of(engine, 2, "x"):
        engine.run([0, 0])
    assert capsys.readouterr() == ("", "")
