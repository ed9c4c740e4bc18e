"""Files that somebody names, opened so that nothing hangs or fills the memory: regular files, of bounded size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(path: Path | str) -> BinaryIO:
    """Opens a regular file for reading; a pipe, which would wait for a writer, a device or a folder is refused.

    Raises:
        OSError: if it is none, or cannot be opened; ``strerror`` says why.

    Example:
        >>> open_file(os.devnull)
        Traceback (most recent call last):
        ...
        OSError: [Errno 22] it is a device, and no file: '/dev/null'
    """
    # Without waiting, so that what it is can be asked of what was opened.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    if Path(path).is_dir():  # not every system opens one
        raise OSError(errno.EISDIR, "it is a folder, and no file", str(path))
    handle = os.open(path, flags)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = next((words for known, words in _KINDS if known(mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, and no file", str(path))
    return os.fdopen(handle, "rb")


def read_bytes(path: Path | str, *, at_most: int) -> bytes:
    """Returns what a regular file holds.

    Args:
        path: of the file.
        at_most: bytes that it may have.

    Raises:
        OSError: if it is none, cannot be read, or is larger.
    """
    with open_file(path) as file:
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"it holds more than {at_most:,} bytes", str(path))
    return content
