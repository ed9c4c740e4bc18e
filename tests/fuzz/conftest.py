import shutil

import pytest

from ignite_unlearn.recipes.tasks import instruments
from tests.cli.test_cli import run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """A folder of a finished run of digits-class, as small as it gets, with a checkpoint beside what it made."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(instruments, "_EPOCHS", 1)
        made = run(folder, "--retrain", "--set", "later=1")
    assert made.exit_code in (0, 3), made.output
    return folder


@pytest.fixture(scope="session")
def copied(finished_run, tmp_path_factory):
    """Returns a function that makes a folder like the finished run's, of links to its files."""

    def copy():
        folder = tmp_path_factory.mktemp("copied") / "run"
        folder.mkdir()
        for path in finished_run.iterdir():
            (folder / path.name).symlink_to(path)
        yield_to.append(folder.parent)
        while len(yield_to) > 3:
            shutil.rmtree(yield_to.pop(0))
        return folder

    yield_to = []
    return copy


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path
