"""Ends what writes files as SIGKILL does: from one file operation on nothing is written, not even what cleans up."""

import os
import sys

WRITING = {"open": 0, "os.rename": 0, "os.remove": 0, "os.mkdir": 0, "os.chmod": 0}  # which argument is the path


class Killed(BaseException):
    """Stands for SIGKILL: from here on nothing is written, not even what cleans up."""


class Death:
    """Raises at the so manieth file operation in a folder, and at all after it."""

    folder = None

    def __call__(self, event, args):
        if self.folder is None or event not in WRITING or not str(args[0]).startswith(self.folder):
            return
        if event == "open" and not (args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        self.left -= 1
        if self.left < 0:
            raise Killed


DEATH = Death()
sys.addaudithook(DEATH)  # for good: Python takes none away


def killed_at(folder, operation, act):
    """Whether an act was killed at an operation in a folder; else it came to its end before."""
    DEATH.folder, DEATH.left = str(folder), operation
    try:
        act()
    except Killed:
        return True
    finally:
        DEATH.folder = None
    return False


def operations_of(folder, act):
    """Returns how many file operations an act takes in a folder."""
    many = 10**9
    assert not killed_at(folder, many, act)
    return many - DEATH.left
