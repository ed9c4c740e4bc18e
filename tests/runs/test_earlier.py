"""Requests in a row by the launcher: each run goes on from the one before and holds its request down."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from ignite_unlearn import UnlearningError, cli
from ignite_unlearn.gan.weights import same_weights
from ignite_unlearn.recipes.stock.digits_items import RECIPE as ITEMS
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.record.ledger import read_entries, verify_ledger
from ignite_unlearn.runs.finished import Finished
from ignite_unlearn.runs.pipeline import carry_out, original_of, retrained_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from tests.runs.test_run import SHORT, request


@pytest.fixture(autouse=True, scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 1)
        yield


def after(folder, out, *settings, **options):
    earlier = Finished.read(folder, device="cpu", progress=QUIET).as_earlier()
    return request(out, settings=(*SHORT, *settings), earlier=earlier, **options)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Three requests, of the classes 3, 5 and 7."""
    root = tmp_path_factory.mktemp("chain")
    carry_out(request(root / "1"))
    carry_out(after(root / "1", root / "2", "classes=5"))
    third = after(root / "2", root / "3", "classes=7", retrain=True)
    return root, third, carry_out(third)


def test_each_run_goes_on_from_the_one_before(chain):
    root, third, record = chain
    assert [entry.classes for entry in read_entries(root / "3")] == [(3,), (5,)]
    assert record.forget["classes"] == [3, 5, 7] and record.forget["earlier_requests"] == 2
    assert "those of 2 earlier requests among them" in record.forgotten
    second = Finished.read(root / "2", device="cpu", progress=QUIET)
    taken, left = original_of(third).gan, second.gans()["unlearned"]
    assert same_weights(taken.generator, left.generator) and same_weights(taken.discriminator, left.discriminator)
    kept = third.split.data.labels[~third.split.forgotten].unique().tolist()
    assert kept == [0, 1, 2, 4, 6, 8, 9] and "with 352 training images" not in third.plan()
    assert f"with {int(third.split.earlier.sum())} training images of 2 earlier requests" in third.plan()


def test_a_phase_knows_what_was_forgotten_before_and_what_is_asked_for_again(chain, tmp_path):
    again = after(chain[0] / "2", tmp_path, "classes=5,8")
    for run, earlier, classes in ((chain[1], (3, 5), (3, 5, 7)), (again, (3,), (3, 5, 8))):
        forget = run.recipe.task.forget(run.split, None, None, progress=False)
        assert (forget.earlier, forget.classes) == (earlier, classes)
        assert forget.regions(original_of(chain[1]).gan).earlier_classes == earlier


def test_the_retrained_gan_is_without_all_requests(chain, monkeypatch):
    import ignite_unlearn.runs.folder as module

    seen = []
    monkeypatch.setattr(module, "train_long", lambda training, images, labels, **k: seen.append(labels) or 1.0)
    retrained_of(replace(chain[1], resume=False, out=chain[0] / "elsewhere"))
    assert set(seen[0].tolist()) == set(range(10)) - {3, 5, 7}


def test_a_finished_run_of_a_chain_is_read_again_and_verified(chain):
    root = chain[0]
    finished = Finished.read(root / "3", device="cpu", progress=QUIET)
    assert finished.run.earlier.classes == (3, 5) and finished.gans().keys() == {"original", "unlearned", "retrained"}
    reported = CliRunner().invoke(cli.main, ["report", str(root / "3"), "--verify"])
    assert reported.exit_code == 0 and "left by the request before  as recorded" in reported.output
    assert "ledger.json" in reported.output


def test_a_link_that_was_changed_is_found(chain, tmp_path):
    root, _, _ = chain
    for name in ("original.pt", "ledger.json"):
        (tmp_path / name).write_bytes((root / "3" / name).read_bytes())
    assert [found for _, found in verify_ledger(tmp_path)] == ["as recorded"]
    (tmp_path / "original.pt").write_bytes((root / "1" / "original.pt").read_bytes())
    assert [found for _, found in verify_ledger(tmp_path)] == ["changed"]
    content = json.loads((tmp_path / "ledger.json").read_text())
    del content["entries"][0]
    (tmp_path / "ledger.json").write_text(json.dumps(content))
    assert "does not follow" in verify_ledger(tmp_path)[0][1]


def test_what_was_asked_for_before_is_no_new_request(chain, tmp_path):
    with pytest.raises(UnlearningError, match="have named all that is to be forgotten"):
        after(chain[0] / "2", tmp_path, "classes=5")


def test_a_folder_with_a_key_of_its_own_is_refused_before_anything_is_written(chain, tmp_path):
    (tmp_path / "forget.key").write_text("00" * 32)
    with pytest.raises(UnlearningError, match=r"forget\.key of its own"):
        carry_out(after(chain[0] / "2", tmp_path, "classes=7"))
    assert [path.name for path in tmp_path.iterdir()] == ["forget.key"]


def test_a_run_without_after_begins_anew(chain, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("ledger.json", "judges.pt"):
        (tmp_path / "run" / name).write_bytes((chain[0] / "3" / name).read_bytes())
    carry_out(request(tmp_path / "run"))
    assert not (tmp_path / "run" / "ledger.json").exists()


def test_the_launcher_goes_on_after_a_run(chain, tmp_path):
    options = [part for setting in (*SHORT, "classes=7") for part in ("--set", setting)]
    command = ["run", "digits-class", "--after", str(chain[0] / "2"), "--out", str(tmp_path / "run"), "--device", "cpu"]
    planned = CliRunner().invoke(cli.main, [*command, *options, "--quiet", "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert f"copy {chain[0] / '2' / 'unlearned.pt'}" in planned.output and not (tmp_path / "run").exists()
    other = CliRunner().invoke(cli.main, [*command[:1], "digits-items", *command[2:], "--quiet", "--dry-run"])
    assert other.exit_code == 2 and "is of the recipe 'digits-class'" in other.stderr


def test_items_of_earlier_requests_are_known_by_their_keyed_hashes(tmp_path):
    short = ("iterations=12", "batch_size=8", "items=3", "unlearning_iterations=1", "later=1", "samples=40")

    def items(out, *settings, **options):
        return prepare_run(ITEMS, settings=(*short, *settings), out=out, device="cpu", progress=QUIET, **options)

    first = items(tmp_path / "1")
    carry_out(first)
    earlier = Finished.read(tmp_path / "1", device="cpu", progress=QUIET).as_earlier()
    second = items(tmp_path / "2", "first_item=3", earlier=earlier)
    assert torch.equal(second.split.earlier, first.split.forgotten)
    forget = second.recipe.task.forget(second.split, None, None, progress=False)
    assert sorted(forget.examples(6).requests.tolist()) == [0, 0, 0, 1, 1, 1] and len(forget) == 6
    record = carry_out(second)
    assert record.forget["count"] == 6
    third = Finished.read(tmp_path / "2", device="cpu", progress=QUIET).as_earlier()
    assert [len(entry.items) for entry in third.entries] == [3, 3]


def test_a_run_without_after_that_is_refused_leaves_the_ledger_of_the_folder(chain, tmp_path):
    shutil.copytree(chain[0] / "2", tmp_path / "2")
    with pytest.raises(UnlearningError, match="after="):
        carry_out(request(tmp_path / "2", settings=(*SHORT, "classes=5", "unlearning_iterations=3"), resume=True))
    assert [entry.classes for entry in read_entries(tmp_path / "2")] == [(3,)]


def test_a_retrained_gan_that_was_deleted_is_made_again(chain, tmp_path):
    shutil.copytree(chain[0] / "3", tmp_path / "3")
    (tmp_path / "3" / "retrained.pt").unlink()
    again = retrained_of(replace(chain[1], resume=True, out=tmp_path / "3"))
    kept = Finished.read(chain[0] / "3", device="cpu", progress=QUIET).gans()["retrained"]
    assert same_weights(again.gan.generator, kept.generator)
