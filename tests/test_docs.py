"""What the build of the documentation would only find out in minutes."""

import importlib.util
import logging
import re
import sys
from pathlib import Path

import pytest

import ignite_unlearn

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
ROOMS = ("", ".cascade", ".forget", ".gan", ".handlers")  # those of which single names are in the reference
TOLD = ("recipes", "runs", "bench", "cli", "__main__")  # on pages of their own


def public(module):
    """Returns the names that a module defines for others."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    }


def exported():
    rooms = [importlib.import_module(f"ignite_unlearn{room}") for room in ROOMS]
    return {f"{room.__name__}.{name}" for room in rooms for name in room.__all__}


def test_every_public_name_is_in_the_reference():
    documented = set(re.findall(r"auto(?:class|function|exception|data):: (ignite_unlearn[\w.]*)$", REFERENCE, re.M))
    top = set(ignite_unlearn.__all__)
    assert documented == {name for name in exported() if name.count(".") == 1 or name.rpartition(".")[2] not in top}


def test_every_module_outside_of_the_recipes_is_in_the_reference():
    package = Path(ignite_unlearn.__file__).parent
    names = {name.rpartition(".")[2] for name in exported()}
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py") if path.stem != "__init__"]
    modules = [
        importlib.import_module(".".join(("ignite_unlearn", *path.parts)))
        for path in paths
        if path.parts[0] not in TOLD
    ]
    expected = {module.__name__ for module in modules if public(module) - names}
    documented = set(re.findall(r"automodule:: (ignite_unlearn\.[\w.]+)$", REFERENCE, re.M))
    assert expected <= documented
    for module in documented:
        importlib.import_module(module)


@pytest.mark.parametrize("folder", ["tutorials", "howto", "reference", "explanations", "benchmarks"])
def test_every_page_is_in_its_index(folder):
    listed = (DOCS / folder / "index.md").read_text().split("```{toctree}")[1].split("```")[0].split()
    assert {path.stem for path in (DOCS / folder).glob("*.md")} - {"index"} <= {Path(name).name for name in listed}


def test_every_column_of_a_table_has_a_head_that_a_screen_reader_can_say():
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md", *(DOCS.parent / "plugins").rglob("*.md")]
    heads = [
        (page.name, head)
        for page in pages
        for head in re.findall(r"^(\|.*\|)\n\|(?: *:?-+:? *\|)+$", page.read_text(), re.M)
    ]
    assert len(heads) > 50
    assert not [(name, head) for name, head in heads if not all(cell.strip() for cell in head[1:-1].split("|"))]


@pytest.mark.parametrize("page", sorted(path.name for path in (DOCS / "tutorials").glob("0*.md")))
def test_a_notebook_that_was_downloaded_alone_finds_what_it_imports(page, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_extensions")
    text = importlib.import_module("standalone").standalone(DOCS / "tutorials" / page)
    first, *cells = re.findall(r"```{code-cell}\n(.*?)```", text, re.S)
    written = first.startswith("%%writefile ")
    if written:
        command, _, content = first.partition("\n")
        (tmp_path / command.split()[1]).write_text(content)
    imports = re.findall(r"^(?:from|import) (\w+)", "\n".join([*cells] if written else [first, *cells]), re.M)
    monkeypatch.setattr("sys.path", [str(tmp_path), *(path for path in sys.path if "tutorials" not in path)])
    for name in imports:
        assert importlib.util.find_spec(name), name
    assert written == ("digits_gan" in imports)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_code_that_people_see_names_what_is_there(page):
    code = re.search(r"```(?:\{code-block\} )?python\n(.*?)```", (DOCS.parent / page).read_text(), re.S).group(1)
    names = re.search(r"from ignite_unlearn import \(?([\w,\s]+)\)?", code).group(1).split("gan =")[0]
    for name in re.findall(r"[A-Z]\w+", names):
        assert name in ignite_unlearn.__all__
    compile(code, page, "exec")


def test_the_line_that_has_measurements_printed_does_so_after_the_package_is_imported():
    pages = [DOCS.parent / "README.md", *DOCS.glob("*/*.md"), *DOCS.parent.glob("plugins/*/README.md")]
    lines = {line for page in pages for line in re.findall(r'setup_logger\("ignite_unlearn".*?\)', page.read_text())}
    assert lines
    logger = logging.getLogger("ignite_unlearn")
    for line in lines:
        try:
            exec(f"import ignite.utils\nignite.utils.{line}")
            assert logger.level == logging.INFO and any(type(h) is logging.StreamHandler for h in logger.handlers), line
        finally:
            logger.handlers.clear()
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
