"""Finds recipes: stock ones by name, a user's by the file or the module that holds ``RECIPE``.

Stock recipes are listed by the first line of their files, which are not run for that.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.utils.choices import advice

if TYPE_CHECKING:
    from ignite_unlearn.recipes.recipe import Recipe

_STOCK = Path(__file__).parent / "stock"


def stock_recipes() -> dict[str, str]:
    """Returns what each stock recipe does, in a line, by the recipes' names.

    Example:
        >>> list(stock_recipes())[0]
        'digits-class'
    """
    texts = {p.stem.replace("_", "-"): p.read_text(encoding="utf-8") for p in _STOCK.glob("[!_]*.py")}
    found = {name: _first_line(ast.get_docstring(ast.parse(text))) for name, text in texts.items()}
    # What needs no data comes first.
    return dict(sorted(found.items(), key=lambda item: ("--data-root" in item[1], item[0])))


def load_recipe(name: str) -> Recipe:
    """Returns a recipe.

    A file or module is run as Python runs it: name only those that you trust.

    Args:
        name: of a stock recipe; of a file, such as ``./mine.py``; or of a module, such as ``package.module``.

    Raises:
        UnlearningError: if there is none, it raises, or it holds no ``RECIPE``.
    """
    stock = _stock_path(name) is not None
    module = importlib.import_module(f"ignite_unlearn.recipes.stock.{_stem(name)}") if stock else _module(name)
    from ignite_unlearn.recipes.recipe import Recipe

    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise UnlearningError(f"{name} holds no recipe: expected RECIPE = Recipe(...), as `recipes --copy` writes it.")
    # Of a file its name alone: a record goes to others.
    source = "" if stock else Path(name).name if _is_path(name) else name
    return replace(recipe, source=source, summary=_first_line(module.__doc__))


def copy_recipe(name: str, to: Path) -> None:
    """Writes a stock recipe's file to where it can be changed, under a name of its own; it runs as it is.

    Raises:
        UnlearningError: if there is no such recipe, or the file is there already or cannot be written.
    """
    path = _stock_path(name)
    if path is None:
        raise UnlearningError(f"There is no stock recipe {name!r}: {advice(name, stock_recipes())}")
    if to.exists():
        raise UnlearningError(f"{to} is there already: give another name.")
    if to.suffix != ".py":
        raise UnlearningError(f"{to} is no name of a recipe's file: let it end in .py.")
    text = path.read_text(encoding="utf-8").replace(f'name="{name}"', f'name="{to.stem}"', 1)
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnlearningError(f"Cannot write {to} ({error.strerror}): give another name.") from error


def _stem(name: str) -> str:
    return name.replace("-", "_")


def _stock_path(name: str) -> Path | None:
    path = _STOCK / f"{_stem(name)}.py"
    return path if not _is_path(name) and not name.startswith("_") and path.is_file() else None


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].rstrip(".")


def _module(name: str) -> ModuleType:
    """Returns a user's module, run."""
    try:
        if _is_path(name):
            return _of_file(Path(name))
        if "." in name:
            return _of_module(name)
    except UnlearningError:
        raise
    except (Exception, SystemExit) as error:
        told = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        raise UnlearningError(f"{name} cannot be run as a recipe{_where(error, name)}: {told}") from error
    raise UnlearningError(
        f"There is no recipe {name!r}: {advice(name, stock_recipes())} Or give a file of your own, ./mine.py, or a "
        "module, package.module."
    )


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UnlearningError(f"There is no file {path}: give a recipe's name, or a file that holds RECIPE.")
    spec = importlib.util.spec_from_file_location(f"recipe_of_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UnlearningError(f"{path} is no file of Python: let its name end in .py.")
    module = importlib.util.module_from_spec(spec)
    # As for a script, what lies beside the file can be imported, also later.
    _can_import(path.resolve().parent)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _of_module(name: str) -> ModuleType:
    _can_import(Path.cwd())
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        part = ".".join(parts[:i])
        if importlib.util.find_spec(part) is None:
            raise UnlearningError(f"There is no module {part!r}: give a recipe's name, a file, or package.module.")
    return importlib.import_module(name)


def _can_import(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _where(error: BaseException, name: str) -> str:
    """Returns the line of the user's file in which an error was raised."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).name == Path(name).name
    ]
    return f", line {lines[-1]}" if lines else ""
