"""What torch_mimicry imports, but its nets do without: a stand-in for it, seen by torch_mimicry alone."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from ignite_unlearn import UnlearningError

# Modules by what to do where one is needed after all.
_SPARED = {
    "tensorflow": "pip install tensorflow",
    "tensorboard": "pip install tensorboard",
    "skimage": "pip install scikit-image",
    "torch._six": "it left torch with version 1.13",
}


class Absent:
    """Stands for a module that is missing, or for a name in it: its first use is an error.

    Args:
        sentence: the error's.
        names: that an import statement may take from it.

    Example:
        >>> io = Absent("There is no skimage.", names=("io",)).io
        >>> io.imread("digit.png")
        Traceback (most recent call last):
        ...
        ignite_unlearn.errors.UnlearningError: There is no skimage.
    """

    def __init__(self, sentence: str, names: Sequence[str] = ()):
        self._sentence = sentence
        vars(self).update({name: Absent(sentence) for name in names})

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what Python itself asks any object for
            raise AttributeError(name)
        raise UnlearningError(self._sentence)

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises the error."""
        raise UnlearningError(self._sentence)


@contextmanager
def stand_ins() -> Iterator[None]:
    """Lets ``torch_mimicry`` be imported in the body without TensorFlow, TensorBoard, scikit-image and ``torch._six``.

    What is installed is imported as ever. What is missing is replaced in those modules of torch_mimicry that import it,
    by an :class:`Absent`. ``sys.modules`` never holds one: the first import of torch_mimicry brings in others, which
    look there for TensorFlow.
    """
    imported = builtins.__import__

    def sparing(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        try:
            return imported(name, globals, locals, fromlist, level)
        except ModuleNotFoundError as error:
            importer = str((globals or {}).get("__name__"))
            if importer.partition(".")[0] != "torch_mimicry" or error.name not in _SPARED:
                raise
            sentence = f"{importer} needs {error.name}, which is not installed: {_SPARED[error.name]}."
            return Absent(sentence, fromlist or ())

    builtins.__import__ = sparing
    try:
        yield
    finally:
        builtins.__import__ = imported
