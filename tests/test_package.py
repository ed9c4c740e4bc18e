import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ignite_unlearn

PACKAGE = Path(ignite_unlearn.__file__).parent
# A file imports only from its own room and from floors below its own; see docs/design.md.
FLOORS = [
    {"errors", "toolkits", "utils"},
    {"gan"},
    {"forget"},
    {"handlers", "metrics"},
    {"cascade", "audits", "testing"},
    {"record"},
    {"recipes"},
    {"runs"},
    {"bench"},
    {"cli"},
    {"__main__"},
]
GROUND = FLOORS[0]
# Inside of two rooms the same holds; "" is the room's own __init__.
INNER = {
    "recipes": [
        {"settings", "audit_budget"},
        {"data"},
        {"nets"},
        {"training"},
        {"tasks", "methods"},
        {"stop", "goals"},
        {"recipe"},
        {"stock"},
        {"find"},
        {""},
    ],
    "runs": [
        {"provenance", "limits", "pictures", "interrupts", "progress", "tensorboard"},
        {"checkpoints", "earlier"},
        {"run", "long_training"},
        {"folder", "instruments", "unlearning", "rehearsal", "done"},
        {"pipeline"},
        {"finished", "audit_times"},
        {"kept_audits"},
        {"audits"},
        {""},
    ],
}


def floor(module):
    _, name, inner, *_ = [*module.split("."), "", ""]
    found = next((i for i, names in enumerate(FLOORS) if name in names), None)
    rooms = INNER.get(name)
    if found is None or rooms is None:
        return found
    known = set.union(*rooms)
    room = inner if inner in known else ""
    return found + next(i for i, names in enumerate(rooms) if room in names) / len(rooms)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ignite_unlearn."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "ignite_unlearn":
            yield from (f"ignite_unlearn.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("ignite_unlearn."))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards_and_files_stay_small(path):
    name = ".".join(["ignite_unlearn", *path.relative_to(PACKAGE).with_suffix("").parts])
    assert len(path.read_text().splitlines()) <= 300
    if name != "ignite_unlearn.__init__":
        assert floor(name) is not None
        assert all(floor(module) <= floor(name) for module in imports(path))
        room = name.split(".")[1]
        beside = next(rooms for rooms in FLOORS if room in rooms) - {room}
        assert room in GROUND or not beside & {module.split(".")[1] for module in imports(path)}


def test_everything_that_is_promised_is_there():
    for name in ignite_unlearn.__all__:
        assert getattr(ignite_unlearn, name).__doc__
    assert set(ignite_unlearn.__all__) <= set(dir(ignite_unlearn))
    with pytest.raises(AttributeError, match="nothing"):
        _ = ignite_unlearn.nothing


def test_each_distribution_says_that_it_is_typed_and_ships_what_says_so():
    top = PACKAGE.parent
    projects = [top, *sorted((top / "plugins").glob("ignite-unlearn-*"))]
    assert len(projects) == 6
    for project in projects:
        content = (project / "pyproject.toml").read_text()
        (name,) = re.findall(r'^packages = \["(\w+)"\]$', content, re.M)  # all that is in this folder is in the wheel
        assert (project / name / "py.typed").is_file(), project


def test_continuous_integration_runs_targets_that_there_are():
    top = PACKAGE.parent
    run = re.findall(r"^make (\S+)$", (top / ".ci" / "run").read_text(), re.M)
    assert {"lint", "types", "test", "bench-quick"} <= set(run)
    assert set(run) <= set(re.findall(r"^([\w-]+):", (top / "Makefile").read_text(), re.M))


@pytest.mark.skipif(not shutil.which("git") or not (PACKAGE.parent / ".git").exists(), reason="this is no git checkout")
def test_no_file_of_ours_is_ignored():
    """Git and the build back end leave ignored files out, and ruff does not look at them."""
    ours = ("ignite_unlearn", "tests", "plugins", "docs")
    listed = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", *(f"{name}/*.py" for name in ours)]
    found = subprocess.run(listed, cwd=PACKAGE.parent, capture_output=True, text=True, check=True).stdout
    assert [path for path in found.splitlines() if "/_build/" not in path and "/.venv/" not in path] == []


@pytest.mark.skipif(not shutil.which("git") or not (PACKAGE.parent / ".git").exists(), reason="this is no git checkout")
def test_git_holds_nothing_at_the_top_that_nobody_put_there():
    """A run in the checkout leaves records and keys, which are soon committed with the rest."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True, check=True).stdout
    folders = {".ci", "docs", "ignite_unlearn", "plugins", "tests"}
    files = {".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md"}
    files |= {"pyproject.toml", "setup.cfg"}
    assert {path.split("/")[0] for path in tracked.splitlines()} <= folders | files
