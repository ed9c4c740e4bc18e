"""What is asked of any input, however strange: a result or a sentence, soon, in little memory, safe to print."""

import contextlib
import os
import resource
import signal
import unicodedata
from pathlib import Path

from click.testing import CliRunner

from ignite_unlearn import UnlearningError
from ignite_unlearn.cli import main

SECONDS, BYTES = 10, 1 << 30  # the longest that an example may take, and the most that it may ask for
_LONGEST = 2000  # characters of a sentence


def judged(call):
    """Returns what a call returns, None where it ends in a sentence."""
    with bounded():
        try:
            return call()
        except UnlearningError as error:
            assert_sentence(str(error))
    return None


def launched(*args):
    """Returns the result of a command."""
    with bounded():
        result = CliRunner().invoke(main, [str(arg) for arg in args], color=True)  # as on a terminal
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in range(5), result.output
    assert_printable(result.output)
    if result.exit_code == 2:
        assert sum(line.startswith("Error: ") for line in result.output.splitlines()) == 1, result.output
    return result


def assert_sentence(text):
    assert text and len(text) <= _LONGEST, text[:200]
    assert not text.startswith("'"), text  # a KeyError's


def assert_printable(text):
    """Nothing in a text moves the cursor, changes colours, turns the direction of writing or cannot be encoded."""
    bad = [sign for sign in text if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert not bad, (bad[:5], text[:500])


@contextlib.contextmanager
def bounded(seconds=SECONDS, more=BYTES):
    """Ends what takes too long, and what takes too much memory, and says so whatever became of it."""
    late = []

    def end(*_):
        late.append(True)
        raise InterruptedError(f"not done in {seconds} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        assert not late, f"it hung for {seconds} s"


def listing(folder):
    """Returns names and contents below a folder: what a command that reads must leave as it was."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
