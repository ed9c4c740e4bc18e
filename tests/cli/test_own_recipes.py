"""Recipes in files and modules of the user's, outside of the package."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ignite_unlearn.cli import main
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.tasks import instruments
from tests.cli.test_cli import SHORT
from tests.recipes.data.test_mnist import write

MINE = '''\
"""Forget one of two sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from beside import WIDTH
from ignite_unlearn.recipes.data import ImageData
from ignite_unlearn.recipes.nets import StridedGAN
from ignite_unlearn.recipes.settings import setting
from ignite_unlearn.recipes.stock.mnist_class import RECIPE as MNIST_CLASS
from ignite_unlearn.recipes.tasks import Classes


@dataclass(frozen=True)
class TwoSides:
    count: int = setting(60, "images", at_least=40)

    def load(self, root, named=()):
        made = torch.Generator().manual_seed(0)
        images, labels = torch.rand(self.count, 1, 16, 16, generator=made) - 1, torch.arange(self.count) % 2
        images[labels == 0, :, :, :8] += 0.9
        seen = self.count // 2
        return ImageData("two sides", images[:seen], labels[:seen], images[seen:], labels[seen:], 2)


NETS = StridedGAN(g_width=WIDTH, d_width=4)
RECIPE = replace(MNIST_CLASS, name="two-sides", data=TwoSides(), nets=NETS, task=Classes(classes=(1,)))
'''


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("recipe_of_") or name in ("beside", "theirs", "theirs.recipe"):
            del sys.modules[name]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A recipe, and what it imports, in a folder of the user's that the launcher is called from."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("WIDTH = 8\n")
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


def ran(*args):
    """What a short run says; whether it forgot is not asked here."""
    result = call("run", *args, "--device", "cpu", "--quiet", *SHORT)
    assert result.exit_code in (0, 3), result.output
    return result.output


def refused(result):
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    return line


def test_a_recipe_in_a_file_runs_resumes_and_is_looked_at_again(mine):
    ran("./mine.py", "--retrain")
    out = mine / "runs" / "two-sides"
    record = json.loads((out / "record.json").read_text())
    assert record["recipe"] == "two-sides" and record["method"]["recipe_from"] == "mine.py"
    assert record["method"]["options"]["count"] == 60 and str(mine) not in (out / "record.json").read_text()
    assert "1. load " in ran("./mine.py", "--retrain", "--resume")
    resumed = json.loads((out / "record.json").read_text())
    assert resumed["weights_sha256"] == record["weights_sha256"]
    assert resumed["seconds"]["retraining"] == record["seconds"]["retraining"]
    assert call("report", out, "--verify").exit_code == 0
    measured = call("evaluate", out, "--recipe", "./mine.py", "--device", "cpu", "--quiet", "--json")
    found = json.loads(measured.output)
    assert found["measured"]["unlearned"]["fid"] == pytest.approx(found["recorded"]["unlearned"]["fid"], rel=1e-3)


@pytest.mark.parametrize("command", ["audit", "evaluate"])
def test_a_record_alone_makes_no_code_run(mine, command):
    ran("./mine.py")
    out = mine / "runs" / "two-sides"
    (mine / "mine.py").write_text("raise SystemExit('run')")
    told = refused(call(command, out, "--device", "cpu", "--quiet"))
    assert "'two-sides' of mine.py, and a record makes no code run" in told and "--recipe ./mine.py" in told
    assert "it is run" not in told
    # Nor is another recipe taken for it.
    told = refused(call(command, out, "--recipe", "digits-class", "--device", "cpu", "--quiet"))
    assert "is of the recipe 'two-sides', but digits-class holds 'digits-class'" in told


def test_a_recipe_in_a_file_is_audited(mine):
    few = MINE.replace("data=TwoSides()", "data=TwoSides(), audits=AuditBudget(restarts=2, give_up=2)")
    (mine / "mine.py").write_text(
        few.replace("from ignite", "from ignite_unlearn.recipes.audit_budget import AuditBudget\nfrom ignite", 1)
    )
    ran("./mine.py")
    done = call("audit", "runs/two-sides", "--recipe", "./mine.py", "--device", "cpu", "--quiet", "--json")
    assert done.exit_code in (0, 3), done.output
    assert {found["audit"] for found in json.loads(done.stdout)["audits"]["unlearned"]} >= {"relearning"}


def test_a_recipe_in_a_module_runs(mine):
    (mine / "theirs").mkdir()
    (mine / "theirs" / "__init__.py").write_text("")
    (mine / "theirs" / "recipe.py").write_text(MINE)
    ran("theirs.recipe")
    record = json.loads((mine / "runs" / "two-sides" / "record.json").read_text())
    assert record["method"]["recipe_from"] == "theirs.recipe"
    shown = call("show", "theirs.recipe").output
    assert shown.startswith("two-sides: Forget one of two sides\n") and "count=60" in shown
    again = call("evaluate", "runs/two-sides", "--recipe", "theirs.recipe", "--device", "cpu", "--quiet")
    assert again.exit_code == 0, again.output


def test_a_copy_of_a_stock_recipe_runs_unchanged_and_does_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("recipes", "--copy", "digits-class", "mine.py").exit_code == 0
    made = []
    for recipe in ("digits-class", "mine.py"):
        ran(recipe)
        made.append(json.loads((tmp_path / "runs" / Path(recipe).stem / "record.json").read_text()))
    assert made[0]["weights_sha256"] == made[1]["weights_sha256"]
    assert made[0]["method"]["options"] == made[1]["method"]["options"] and made[1]["recipe"] == "mine"


def test_the_copy_of_a_recipe_with_data_of_its_own_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data", 60, kind="t10k")
    write(tmp_path / "data", 100)
    assert call("recipes", "--copy", "mnist-class", "mine.py").exit_code == 0
    ran("./mine.py", "--data-root", "data", "--set", "g_width=4", "--set", "d_width=4")
    assert call("report", "runs/mine").exit_code == 0


@pytest.mark.parametrize("name", list(stock_recipes()))
def test_every_stock_recipe_can_be_copied(tmp_path, name):
    assert call("recipes", "--copy", name, tmp_path / "mine.py").exit_code == 0
    copied, stock = load_recipe(str(tmp_path / "mine.py")), load_recipe(name)
    assert (copied.name, copied.source, stock.source) == ("mine", "mine.py", "")
    assert copied.options == stock.options and copied.made_of() == stock.made_of()
    assert copied.summary == stock.summary == stock_recipes()[name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no file mine.py: give a recipe's name, or a file that holds RECIPE."),
        ("x = 1\n", "./mine.py holds no recipe: expected RECIPE = Recipe(...)"),
        ("RECIPE = 3\n", "./mine.py holds no recipe"),
        ("x = 1\ny = x / 0\n", "./mine.py cannot be run as a recipe, line 2: ZeroDivisionError: division by zero"),
        ("x = (\n", "./mine.py cannot be run as a recipe"),
        ("import nothing_such\n", "line 1: ModuleNotFoundError: No module named 'nothing_such'"),
        ("raise SystemExit(3)\n", "line 1: SystemExit: 3"),
        (MINE.replace('name="two-sides"', 'name="a/b"'), "A recipe cannot be called 'a/b'"),
    ],
)
def test_a_file_that_holds_no_recipe_is_one_sentence(mine, content, message):
    (mine / "mine.py").unlink()
    if content is not None:
        (mine / "mine.py").write_text(content)
    for command in ("run", "show"):
        told = refused(call(command, "./mine.py"))
        assert message in told
    assert not (mine / "runs").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.such", "There is no module 'nothing': give a recipe's name, a file, or package.module."),
        ("json.nothing", "There is no module 'json.nothing'"),
        ("json.decoder", "json.decoder holds no recipe"),
        ("mine", "There is no recipe 'mine': choose of digits-class, "),
        ("stock/__init__", "There is no file stock/__init__"),
        ("__init__", "There is no recipe '__init__'"),
        ("../stock", "There is no file ../stock"),
        (".", "cannot be run as a recipe"),
        ("", "There is no recipe ''"),
    ],
)
def test_a_name_that_is_none_is_one_sentence(mine, name, message):
    assert message in refused(call("show", name))


def test_a_copy_overwrites_nothing_and_its_name_is_one_that_runs(tmp_path):
    (tmp_path / "mine.py").write_text("mine")
    assert "mine.py is there already" in refused(call("recipes", "--copy", "digits-class", tmp_path / "mine.py"))
    assert (tmp_path / "mine.py").read_text() == "mine"
    assert "There is no stock recipe 'digits'" in refused(call("recipes", "--copy", "digits", tmp_path / "new.py"))
    assert "let it end in .py" in refused(call("recipes", "--copy", "digits-class", tmp_path / "new"))
    assert "Cannot write" in refused(call("recipes", "--copy", "digits-class", tmp_path / "no" / "new.py"))
