"""Folders and files that one process at a time writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ignite_unlearn.errors import UnlearningError


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds a folder, which it makes where it is missing; clears what a killed process half wrote there.

    The system lets go of the lock when the process ends, however that is.

    Args:
        folder: that files are written into.

    Raises:
        UnlearningError: if another process holds it, or it cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with locked_folder(folder), locked_folder(folder):
        ...     pass
        Traceback (most recent call last):
        ignite_unlearn.errors.UnlearningError: ... is in use by another run: wait for its end, or give another folder.
    """
    made = not folder.exists()
    try:
        with locked_file(
            folder / "run", f"{folder} is in use by another run: wait for its end, or give another folder."
        ):
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)
            yield
    finally:
        if made:  # where nothing came of it
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def locked_file(path: Path, in_use: str) -> Iterator[None]:
    """Holds a file, by a lock beside it.

    Args:
        path: of the file.
        in_use: the error's sentence if another process holds it.

    Raises:
        UnlearningError: if another process holds it, or its folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.lock")
    lock = FileLock(beside, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UnlearningError(in_use) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnlearningError(f"Cannot write into {path.parent}: {reason}. Give another folder.") from error
    try:
        yield
    finally:
        try:
            with suppress(OSError):  # Windows deletes no open file
                beside.unlink()
        finally:
            lock.release()
