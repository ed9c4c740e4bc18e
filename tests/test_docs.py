"""What the build of the documentation would only find out in minutes."""

import importlib
import re
from pathlib import Path

import pytest

import ignite_unlearn

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
# Modules with nothing but names that the package exports, and packages that have pages of their own.
EXPORTED = {
    "__main__",
    "errors",
    "forget.items",
    "cascade.cascade",
    "cascade.gauss_newton",
    "cascade.latent_substitution",
} | {f"handlers.{name}" for name in ("average", "events", "snapshots", "stopping", "replaced_dataset", "replay")}


def test_every_public_name_is_in_the_reference():
    documented = re.findall(r"auto(?:class|function|exception):: ignite_unlearn\.(\w+)$", REFERENCE, re.M)
    assert sorted(documented) == sorted(ignite_unlearn.__all__)


def test_every_module_outside_of_the_recipes_is_in_the_reference():
    package = Path(ignite_unlearn.__file__).parent
    modules = {".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")}
    expected = {
        m for m in modules if not m.endswith("__init__") and not m.startswith(("recipes.", "runs.", "bench.", "cli."))
    } - EXPORTED
    documented = set(re.findall(r"automodule:: ignite_unlearn\.([\w.]+)$", REFERENCE, re.M))
    assert expected <= documented
    for module in documented:
        importlib.import_module(f"ignite_unlearn.{module}")


@pytest.mark.parametrize("folder", ["tutorials", "howto", "reference", "explanations", "benchmarks"])
def test_every_page_is_in_its_index(folder):
    listed = (DOCS / folder / "index.md").read_text().split("```{toctree}")[1].split("```")[0].split()
    assert {path.stem for path in (DOCS / folder).glob("*.md")} - {"index"} <= {Path(name).name for name in listed}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_code_that_people_see_names_what_is_there(page):
    code = re.search(r"```(?:\{code-block\} )?python\n(.*?)```", (DOCS.parent / page).read_text(), re.S).group(1)
    names = re.search(r"from ignite_unlearn import \(?([\w,\s]+)\)?", code).group(1).split("gan =")[0]
    for name in re.findall(r"[A-Z]\w+", names):
        assert name in ignite_unlearn.__all__
    compile(code, page, "exec")
