"""Arguments of the launcher as anybody may give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.recipe import with_settings
from ignite_unlearn.recipes.settings import settings_of
from tests.fuzz.judged import judged, launched, listing
from tests.fuzz.values import TEXTS

STOCK = list(stock_recipes())
KEYS = sorted({one.key for name in STOCK for one in settings_of(load_recipe(name))})
VALUES = (
    st.sampled_from(
        [
            "0",
            "1",
            "-1",
            "2",
            "3",
            "1e9",
            "1e-300",
            "nan",
            "inf",
            "-inf",
            "",
            " ",
            "1,2",
            "1,1",
            "3,",
            ",",
            "#1",
            "true",
            "1_0",
            "9" * 5000,
            "99999999999999999999",
            "0x10",
            "1.5",
            "none",
            "other_class",
            "noise",
            "fixed",
            "cascade",
            "@none.txt",
            "@",
            "@/dev/zero",
            "@.",
            "@list.txt",
            "a.png",
            "٣",
            "²",
        ]
    )
    | TEXTS
)
SETTINGS = st.tuples(st.sampled_from(KEYS) | TEXTS, VALUES).map("=".join) | VALUES
NAMES = (
    st.sampled_from(
        [
            *STOCK,
            "digits-class",
            "digits-class",
            "",
            ".",
            "..",
            "a.b",
            ".a",
            "a..b",
            "os",
            "os.path",
            "/",
            "./none.py",
            "./notes.txt",
            "./bad.py",
            "./sub",
            "./none/x.py",
            "sys.none",
        ]
    )
    | TEXTS
)
PATHS = (
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "/",
            "/proc/x",
            "/dev/null",
            "/dev/zero/x",
            "notes.txt",
            "notes.txt/x",
            "sub",
            "new",
            "a" * 300,
            "a/" * 3000,
            "~",
            "-",
            "--",
            "pipe",
            "loop",
            "nowhere",
            "sub/../new",
            "\udcff\udcfe",
            "\x1b[31m",
        ]
    )
    | TEXTS
)
OPTIONS = {
    "--out": PATHS,
    "--seed": VALUES,
    "--set": SETTINGS,
    "--device": st.sampled_from(["cpu", "cuda", "cuda:99", "meta", "mps", "cpu:1", "cuda:-1"]) | VALUES,
    "--data-root": PATHS,
    "--request-id": TEXTS,
    "--asked-by": TEXTS,
    "--run-by": TEXTS,
    "--recipe": NAMES,
    "--classes": VALUES,
    "--seeds": VALUES,
    "--runs": PATHS,
    "--page": PATHS,
    "--title": TEXTS,
    "--fail-on": st.sampled_from(["not-tested", "x"]),
}
COMMANDS = {
    "run": (
        NAMES,
        ["--out", "--seed", "--set", "--device", "--data-root", "--request-id", "--asked-by", "--run-by"],
        ["--dry-run"],
    ),
    "table": (
        NAMES,
        ["--classes", "--seeds", "--runs", "--page", "--title", "--set", "--device", "--data-root"],
        ["--dry-run", "--page", "page.md"],
    ),
    "show": (NAMES, [], []),
    "report": (PATHS, ["--fail-on"], []),
    "weights": (PATHS, [], []),
    "evaluate": (PATHS, ["--recipe", "--data-root", "--device"], []),
    "audit": (PATHS, ["--recipe", "--data-root", "--device"], []),
}


@st.composite
def arguments(draw):
    command = draw(st.sampled_from(["run", "run", "table", *COMMANDS]))
    first, options, always = COMMANDS[command]
    names = draw(st.lists(st.sampled_from(options), max_size=4)) if options else []
    given = [part for name in names for part in (name, draw(OPTIONS[name]))]
    flags = draw(
        st.lists(st.sampled_from(["--json", "--resume", "--retrain", "--quiet", "--verify", "--open"]), max_size=1)
    )
    return [command, *always, *given, *(flag for flag in flags if flag != "--open"), "--", draw(first)]


@pytest.fixture
def here(in_an_empty_folder):
    import os

    (in_an_empty_folder / "notes.txt").write_text("notes")
    (in_an_empty_folder / "bad.py").write_text("raise ValueError('\\x1b[31mbad')")
    (in_an_empty_folder / "list.txt").write_bytes(b"a.png\n\xff\n")
    (in_an_empty_folder / "sub").mkdir()
    (in_an_empty_folder / "loop").symlink_to("loop")
    (in_an_empty_folder / "nowhere").symlink_to("none")
    os.mkfifo(in_an_empty_folder / "pipe")
    return in_an_empty_folder


@pytest.mark.fuzz
@given(args=arguments())
def test_arguments_are_taken_or_refused_and_nothing_is_written(here, args):
    there = set(here.rglob("*"))
    if "\0" not in "".join(args):  # no shell passes it on
        launched(*args)
    assert set(here.rglob("*")) == there


@pytest.mark.fuzz
@given(name=st.sampled_from(STOCK), asked=st.lists(SETTINGS, min_size=1, max_size=3))
def test_settings_are_taken_or_refused(name, asked):
    judged(lambda: with_settings(load_recipe(name), tuple(asked)))


@pytest.mark.fuzz
@given(name=NAMES, to=PATHS)
def test_copies_of_recipes_are_written_or_refused(tmp_path_factory, name, to):
    folder = tmp_path_factory.mktemp("copy")
    if "\0" not in name + to and "/" not in to[:1] and ".." not in to:
        launched("recipes", "--copy", name, f"{folder}/{to}")
    assert all(path.suffix == ".py" for path in listing(folder) and folder.rglob("*") if path.is_file())
