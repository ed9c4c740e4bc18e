import ast
import re
from pathlib import Path

import pytest

import ignite_unlearn

PACKAGE = Path(ignite_unlearn.__file__).parent
# A file imports only from floors below its own; see docs/design.md.
FLOORS = [
    {"errors", "batch", "borrow", "distributed", "weights", "files", "content", "linear_probe", "clock"}
    | {"toolkits", "image_files", "looks"}
    | {"averages", "logits", "nets"},
    {"gan", "examples", "forget", "pictures"},
    {"substitution", "latent_substitution", "fake_labels", "unlearning_step", "gauss_newton", "score_gradients"}
    | {"closed_form", "inversion", "item_regions", "forget_items", "replay"},
    {"handlers"},
    {"metrics", "audits"},
    {"record"},
    {"recipes"},
    {"cli"},
    {"__main__"},
]


def floor(module):
    name = module.split(".")[1] if "." in module else ""
    return next((i for i, names in enumerate(FLOORS) if name in names), None)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ignite_unlearn."):
            yield node.module


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards_and_files_stay_small(path):
    name = ".".join(["ignite_unlearn", *path.relative_to(PACKAGE).with_suffix("").parts])
    assert len(path.read_text().splitlines()) <= 300
    if name != "ignite_unlearn.__init__":
        assert floor(name) is not None
        assert all(floor(module) <= floor(name) for module in imports(path))


def test_everything_that_is_promised_is_there():
    for name in ignite_unlearn.__all__:
        assert getattr(ignite_unlearn, name).__doc__
    assert set(ignite_unlearn.__all__) <= set(dir(ignite_unlearn))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
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
