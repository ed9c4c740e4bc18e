import pytest
from click.shell_completion import ShellComplete

from ignite_unlearn.cli import main
from ignite_unlearn.recipes import stock_recipes


def offered(*args):
    """What a shell is told to offer for the last of some arguments."""
    complete = ShellComplete(main, {}, "ignite-unlearn", "_IGNITE_UNLEARN_COMPLETE")
    return complete.get_completions(list(args[:-1]), args[-1])


@pytest.mark.parametrize("command", ["run", "show", "table"])
def test_names_of_recipes_are_offered_with_what_they_do(command):
    assert {item.value: item.help for item in offered(command, "")} == stock_recipes()
    assert [item.value for item in offered(command, "digits-c")] == ["digits-class"]


def test_files_are_offered_where_a_path_is_begun():
    assert [(item.value, item.type) for item in offered("run", "./mi")] == [("./mi", "file")]


def test_keys_of_the_named_recipe_are_offered_with_what_they_mean():
    keys = {item.value: item.help for item in offered("run", "digits-class", "--set", "")}
    assert {"classes=", "iterations=", "substitution="} <= keys.keys() and "at least" in keys["iterations="]
    assert [item.value for item in offered("run", "digits-class", "--set", "subst")] == ["substitution="]
    assert [item.value for item in offered("run", "digits-class", "--set", "seed")] == []


def test_no_file_of_a_person_is_run_to_complete_a_word(tmp_path):
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    assert offered("run", str(tmp_path / "mine.py"), "--set", "") == []
    assert not (tmp_path / "run").exists()


def test_commands_are_offered():
    assert {item.value for item in offered("re")} == {"recipes", "report"}
