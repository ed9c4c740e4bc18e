import json

import pytest

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.record.figures import FIGURES
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from tests.runs.test_run import SHORT


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch):
    monkeypatch.setattr(instruments_module, "_EPOCHS", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 1)
        carry_out(
            prepare_run(RECIPE, settings=(*SHORT, "classes=3,5"), out=out, device="cpu", progress=QUIET, retrain=True)
        )
    return out


def copied(folder, to, change=lambda content: None):
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    content = json.loads((to / "record.json").read_text())
    change(content)
    (to / "record.json").write_text(json.dumps(content))
    return to


def read(folder, **options):
    return Finished.read(folder, device="cpu", progress=QUIET, **options)


def test_all_figures_can_be_measured_again(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    finished = read(folder)
    assert finished.run.options["classes"] == (3, 5)
    measured = finished.measure()
    assert measured.keys() == {"original", "unlearned", "retrained"}
    rows = finished.differences(measured)[1:]
    named = {row[0] for row in rows}
    assert {f"{gan}: {FIGURES[key].name}" for gan in measured for key in ("fid", "kid", "forgotten_share")} <= named
    assert all(abs(float(row[3])) <= 1e-6 for row in rows)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_number_that_was_made_up_is_seen(folder, tmp_path):
    def better(content):
        content["metrics"]["unlearned"]["fid"] -= 1

    finished = read(copied(folder, tmp_path, better))
    rows = {row[0]: float(row[3]) for row in finished.differences(finished.measure())[1:]}
    assert rows.pop("unlearned: FID of retained images") == pytest.approx(1, abs=1e-6)
    assert all(abs(difference) < 1e-6 for difference in rows.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["data"].update(sha256="0" * 64), "The data is not what"),
        (lambda content: content["forget"].update(hmac_sha256="0" * 64), "another forget set"),
        (lambda content: content["forget"].pop("hmac_sha256"), "before records held keyed hashes"),
        (lambda content: content.update(recipe="mine"), "no stock recipe"),
        (lambda content: content.update(recipe=["digits-class"]), "is no erasure record of schema"),
        (lambda content: content.update(seed="0"), "is no erasure record of schema"),
        (lambda content: content.update(method=[]), "is no erasure record of schema"),
        (lambda content: content.update(data=3), "is no erasure record of schema"),
        (lambda content: content.update(forget=[]), "is no erasure record of schema"),
        (lambda content: content["data"].update(sha256=1), "is no erasure record of schema"),
        (lambda content: content["method"].pop("options"), "tells of no options"),
        (lambda content: content["method"]["options"].update(classes={"3": 1}), "classes=.* does not fit"),
        (lambda content: content["method"]["options"].update(more=1), "'more=1' is not an option"),
        (lambda content: content["method"].update(recipe_from="mine.py"), "a record makes no code run"),
    ],
)
def test_what_does_not_fit_is_refused(folder, tmp_path, change, message):
    with pytest.raises(UnlearningError, match=message):
        read(copied(folder, tmp_path, change))


@pytest.mark.parametrize("name", ["original", "unlearned", "retrained"])
def test_a_missing_gan_is_not_trained_anew(folder, tmp_path, name):
    copied(folder, tmp_path)
    (tmp_path / f"{name}.pt").unlink()
    with pytest.raises(UnlearningError, match=f"{name}.pt"):
        read(tmp_path).gans()
    assert not (tmp_path / f"{name}.pt").exists()
