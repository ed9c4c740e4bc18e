import pytest
import torch

import ignite_unlearn.runs.checkpoints as stages
from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics.classifier import ClassifierTraining
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.pipeline import instruments_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.provenance import add_note, read_notes
from ignite_unlearn.runs.run import prepare_run
from ignite_unlearn.utils.files import read_weights, save_weights


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)


def judges_of(out, *, resume=False):
    return instruments_of(prepare_run(RECIPE, out=out, device="cpu", progress=QUIET, resume=resume))


def trained_anew(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "ignite_unlearn.runs.instruments.train_instruments",
        lambda *a, **k: calls.append(1) or instruments_module.train_instruments(*a, **k),
    )
    return calls


def test_judges_are_trained_once_for_folders_side_by_side(tmp_path, monkeypatch):
    calls = trained_anew(monkeypatch)
    first, again, beside = (judges_of(tmp_path / name) for name in ("a", "a", "b"))
    assert len(calls) == 1
    assert first.extractor.sha256 == again.extractor.sha256 == beside.extractor.sha256
    assert first.accuracy == again.accuracy == beside.accuracy
    images = torch.randn(4, 1, 16, 16)
    assert torch.equal(first.classifier(images), beside.classifier(images))
    assert not any(p.requires_grad for p in beside.guide.parameters())


def test_judges_that_somebody_changed_or_made_of_other_data_are_not_believed(tmp_path, monkeypatch):
    first = judges_of(tmp_path)
    calls = trained_anew(monkeypatch)
    state = read_weights(tmp_path / "judges.pt")
    state["guide"]["scores.bias"] += 1
    save_weights(tmp_path / "judges.pt", state)
    again = judges_of(tmp_path)
    # Trained from the same seed; the last digits may differ where a loaded machine sums in another order.
    weights = zip(again.guide.parameters(), first.guide.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in weights) and len(calls) == 1
    add_note(tmp_path, "judges", {**read_notes(tmp_path)["judges"], "fingerprint": {}})
    judges_of(tmp_path)
    save_weights(tmp_path / "judges.pt", {"guide": 1})
    judges_of(tmp_path)
    assert len(calls) == 3


class Counted:
    """Counts the learning steps of judges, and ends in an error at one of them."""

    def __init__(self, monkeypatch):
        self.steps, self.last, learn = 0, None, ClassifierTraining._learn

        def counted(training, rows):
            if self.steps == self.last:
                raise ZeroDivisionError
            self.steps += 1
            return learn(training, rows)

        monkeypatch.setattr(ClassifierTraining, "_learn", counted)

    def until(self, last, out, **how):
        self.last = last
        with pytest.raises(ZeroDivisionError):
            judges_of(out, **how)
        self.last = None


def test_judges_that_were_interrupted_go_on_where_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 2)
    counted = Counted(monkeypatch)
    (tmp_path / "whole").mkdir()
    whole = judges_of(tmp_path / "whole" / "run")
    steps, counted.steps = counted.steps, 0
    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)
    out = tmp_path / "part" / "run"
    for last in (5, steps // 4 + 3, steps // 2, steps // 2 + 7, steps - 1):  # in both nets and epochs, at ends of them
        counted.until(last, out, resume=True)
    resumed = judges_of(out, resume=True)
    assert counted.steps == steps
    for judge in ("guide", "classifier"):
        one, two = (getattr(made, judge).state_dict() for made in (whole, resumed))
        assert all(torch.equal(value, two[key]) for key, value in one.items()), judge
    assert sorted(path.name for path in out.iterdir()) == ["judges.pt", "stages.json"]


def test_judges_are_trained_from_the_start_where_nobody_asks_to_go_on(tmp_path, monkeypatch):
    counted = Counted(monkeypatch)
    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)
    counted.until(5, tmp_path)
    counted.steps = 0
    judges_of(tmp_path)
    assert counted.steps % 2 == 0  # of both nets as many
    assert sorted(path.name for path in tmp_path.iterdir()) == ["judges.pt", "stages.json"]


def test_a_checkpoint_of_other_judges_is_refused(tmp_path, monkeypatch):
    counted = Counted(monkeypatch)
    monkeypatch.setattr(stages, "_SAVE_EVERY", 0.0)
    counted.until(5, tmp_path)
    state = read_weights(tmp_path / "guide.checkpoint.pt")
    save_weights(tmp_path / "guide.checkpoint.pt", {**state, "made_by": {**state["made_by"], "data": "other"}})
    with pytest.raises(UnlearningError, match=r"guide.checkpoint.pt is of a training by data=other"):
        judges_of(tmp_path, resume=True)
