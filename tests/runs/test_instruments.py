import pytest
import torch

from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.pipeline import instruments_of
from ignite_unlearn.runs.provenance import add_note, read_notes
from ignite_unlearn.runs.run import prepare_run
from ignite_unlearn.utils.files import read_weights, save_weights


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)


def judges_of(out):
    return instruments_of(prepare_run(RECIPE, out=out, device="cpu", progress=False))


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
