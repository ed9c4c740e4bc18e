import ast
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from ignite_unlearn import UnlearningError, toolkits
from ignite_unlearn.cli import main

TORCH = {"module": "torch", "distribution": "torch", "plugin": "ignite-unlearn-example"}


def point(name, value):
    return EntryPoint(name, value, toolkits.GROUP)


def test_plug_ins_that_fail_do_not_hide_the_others(tmp_path, monkeypatch):
    (tmp_path / "broken_plugin.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    found = toolkits.installed([point("works", "json"), point("absent", "no_such"), point("broken", "broken_plugin")])
    assert [plugin.name for plugin in found] == ["absent", "broken", "works"]
    assert "No module named 'no_such'" in found[0].problem
    assert found[1].problem == "ZeroDivisionError: division by zero"
    assert found[2].problem is None


def test_a_toolkit_is_required_in_one_sentence(tmp_path, monkeypatch):
    assert toolkits.require(**TORCH, at_least="2.4") is sys.modules["torch"]
    with pytest.raises(UnlearningError, match=r"^ignite-unlearn-example needs torch 99.1 or newer, and found 2.*: pip"):
        toolkits.require(**TORCH, at_least="99.1")
    with pytest.raises(UnlearningError, match=r"which is not installed: ask the vendor\.$"):
        toolkits.require("x", distribution="no-such", at_least="1", plugin="p", hint="ask the vendor")
    (tmp_path / "broken_toolkit.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnlearningError, match=r"cannot be imported \(ModuleNotFoundError: No module named"):
        toolkits.require("broken_toolkit", distribution="torch", at_least="2.4", plugin="p")


PLUGINS = sorted((Path(__file__).parents[1] / "plugins").glob("ignite-unlearn-*"))


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plug_in_knows_its_toolkit_and_no_way_to_unlearn(plugin):
    (package,) = plugin.glob("ignite_unlearn_*")
    trees = {path: ast.parse(path.read_text()) for path in package.glob("*.py")}
    defined = {part.name for tree in trees.values() for part in tree.body if isinstance(part, ast.FunctionDef)}
    assert "gan" in defined and "unlearn" not in defined
    for path, tree in trees.items():
        for node in ast.walk(tree):
            # As text: docstrings may show the cascade, code may not name it.
            said = ast.unparse(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else getattr(node, "id", "")
            assert "ascade" not in said and "baselines" not in said, f"{path.name} names a method: {said}"


def test_the_launcher_lists_plug_ins(monkeypatch):
    assert "plugins/README.md" in CliRunner().invoke(main, ["plugins"]).output
    listed = toolkits.installed([point("works", "json"), point("absent", "no_such")])
    monkeypatch.setattr(toolkits, "installed", lambda: listed)
    lines = CliRunner().invoke(main, ["plugins"]).output.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["absent", "works"]  # a reason is wrapped
    assert lines[-1].endswith("imports")
