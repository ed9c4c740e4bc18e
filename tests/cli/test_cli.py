import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from ignite_unlearn.cli import main
from ignite_unlearn.recipes.tasks import instruments
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.record import GANS
from tests.record.records import record

ROOT = Path(__file__).parents[2]
SHORT = [
    part
    for setting in (
        "iterations=4", "batch_size=8", "unlearning_iterations=1", "unlearning_batch_size=4", "samples=20",
        "judge_samples=8",
    )
    for part in ("--set", setting)
]  # fmt: skip


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


def run(out, *args):
    return call("run", "digits-class", "--out", out, "--device", "cpu", "--quiet", *SHORT, *args)


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_help_is_instant_and_loads_no_torch():
    code = "import sys\nfrom ignite_unlearn.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    out = python(code + "print('torch' in sys.modules)")
    assert "Usage:" in out and out.endswith("False\n")
    assert min(_seconds(code) for _ in range(5)) < 0.3


def _seconds(code):
    """Returns the processor's time, which other work on the machine does not change, of a process."""
    spent = "\nimport time; print(time.process_time())"
    return float(python(code + spent).splitlines()[-1])


def test_importing_the_package_pulls_in_nothing_heavy():
    code = (
        "import sys, ignite_unlearn\nfor name in ignite_unlearn.__all__: getattr(ignite_unlearn, name)\n"
        "print([m for m in ('matplotlib', 'sklearn', 'cleanfid', 'scipy') if m in sys.modules])"
    )
    assert python(code) == "[]\n"


def test_recipes_and_show():
    assert "digits-class" in call("recipes").output
    shown = call("show", "digits-class").output
    assert "classes=3" in shown and "substitution=untrained_label" in shown


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path):
    result = run(tmp_path / "out", "--dry-run", "--retrain")
    assert result.exit_code == 0 and "3. retrain 4 iterations" in result.output
    assert not (tmp_path / "out").exists()


def test_a_run_prints_the_three_gans_and_the_speedup(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    result = run(tmp_path / "out", "--retrain")
    assert result.exit_code == 0, result.output
    for text in ("original  unlearned  retrained", "forgotten share", "speed-up over retraining:", "samples.png"):
        assert text in re.sub(" {2,}", "  ", result.output)
    assert (tmp_path / "out" / "record.html").exists()


def assert_refused(result, message):
    """One sentence, status 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and message in errors[0]
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "numerals"], "There is no recipe 'numerals': choose of digits-class"),
        (["run", "digits-clas"], "There is no recipe 'digits-clas': did you mean digits-class"),
        (["run", "Digits-Class"], "did you mean digits-class"),
        (["recipes", "--copy", "digits-clas", "mine.py"], "no stock recipe 'digits-clas': did you mean digits-class"),
        (["run", "digits-class", "--set", "iteration=3"], "did you mean iterations"),
        (["run", "digits-class", "--set", "iterations"], "--set iterations has no value"),
        (["run", "digits-items", "--set", "generator_half=phse"], "generator_half=phse is not known: did you mean"),
        (["run", "digits-class", "--set", "start=nearest_embeding"], "did you mean nearest_embedding?"),
        (["show", "digits"], "There is no recipe"),
        (["run", "digits-class", "--set", "speed=3"], "is not an option of digits-class"),
        (["run", "digits-class", "--set", "iterations=x"], "expected a whole number"),
        (["run", "digits-class", "--set", "classes=12"], "is not in the data"),
        (["run", "digits-class", "--set", "classes=0,1,2,3,4,5,6,7,8,9"], "All classes"),
        (["run", "digits-class", "--set", "classes="], "forget set is empty"),
        (["run", "digits-class", "--seed", "-1"], "-1 is not in the range"),
        (["run", "digits-class", "--device", "quantum"], "--device quantum"),
    ],
)
def test_bad_input_ends_in_one_sentence(tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(*args), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "meant"),
    [(["evalute"], "evaluate"), (["recipe"], "recipes"), (["run", "digits-class", "--sed=1"], "--seed")],
)
def test_a_mistyped_command_or_option_is_told_with_the_one_that_is_like_it(args, meant):
    result = call(*args)
    assert result.exit_code == 2 and "Did you mean" in result.output and meant in result.output.splitlines()[-1]


def test_cuda_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert_refused(
        call("run", "digits-class", "--out", tmp_path / "o", "--device", "cuda"), "torch sees 0 CUDA devices"
    )


def test_an_output_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *args: False)  # root may write everywhere
    assert_refused(run(tmp_path / "out"), "not a folder that you may write to")
    assert not (tmp_path / "out").exists()


def test_checkpoints_that_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    net = torch.nn.Linear(2, 2)
    for content, message in (
        ({"generator": net, "discriminator": net}, "holds pickled objects"),
        ({"generator": net.state_dict(), "discriminator": net.state_dict()}, "another generator"),
        ({"g": 1}, "no weights of a generator"),
    ):
        torch.save(content, tmp_path / "original.pt")
        assert_refused(run(tmp_path), message)
        assert [path.name for path in tmp_path.iterdir()] == ["original.pt"]


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    assert_refused(run(tmp_path / "out"), "No space left on device")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_nan_in_the_loss_ends_in_one_sentence_on_stderr(tmp_path):
    command = [
        sys.executable,
        "-m",
        "ignite_unlearn",
        "run",
        "digits-class",
        "--out",
        str(tmp_path),
        "--quiet",
        *SHORT,
    ]
    done = subprocess.run(
        # Led to substitutes: with the untrained label there is no way to go.
        [*command, "--set", "unlearning_lr=1e38", "--set", "substitution=other_class", "--set", "start=none",
         "--set", "judge_every=5", "--device", "cpu"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "not finite" in done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing was trained for it


def test_an_interrupted_run_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("ignite_unlearn.runs.pipeline.kept_instruments", interrupt)
    result = run(tmp_path / "out")
    assert result.exit_code == 130 and "--resume" in result.output


def test_report_and_evaluate_of_a_finished_run(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    assert run(tmp_path).exit_code == 0
    shown = call("report", tmp_path, "--verify")
    assert shown.exit_code == 0, shown.output
    assert "class 3 (147 training images)" in shown.output and "forgotten share" in shown.output
    assert shown.output.count("as recorded") == 6
    again = call("evaluate", tmp_path, "--device", "cpu", "--quiet")
    assert again.exit_code == 0, again.output
    assert "unlearned: forgotten share " in again.output and "retrained" not in again.output
    (tmp_path / "samples.png").write_bytes(b"")
    changed = call("report", tmp_path, "--verify")
    assert changed.exit_code == 1 and "changed" in changed.output
    # A file that was changed is not taken into the record by an audit.
    assert_refused(call("audit", tmp_path, "--device", "cpu", "--quiet"), "is not what was there when the run ended")
    hashed = call("weights", tmp_path / "unlearned.pt")
    content = json.loads((tmp_path / "record.json").read_text())
    assert hashed.output.splitlines() == [f"{content[n]}  {n}" for n in ("weights_sha256", "generator_sha256")]


def test_audit_says_what_it_will_do_and_makes_only_what_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    assert run(tmp_path).exit_code == 0
    asked = ("audit", tmp_path, "--device", "cpu", "--quiet")
    assert_refused(call(*asked, "--only", "nul_directions"), "did you mean null_directions?")
    result = call(*asked, "--only", "null_directions", "--only", "leftovers")
    assert result.exit_code == 0, result.output
    for text in (
        "null_directions  not timed here yet",
        "left out: membership_discriminator_score, membership_other_labels, recovery",
        "Audits that were not made: membership",
        "not tested  relearning: not tested: it was left out",
    ):
        assert text in result.output
    again = CliRunner().invoke(main, [str(a) for a in (*asked, "--only", "null_directions", "--json")])
    assert "null_directions  " in again.stderr and "not timed" not in again.stderr
    assert {found["key"] for found in json.loads(again.stdout)["audits"]["unlearned"]} > {
        "null_directions",
        "leftovers",
    }


def test_the_verdict_comes_first_and_decides_the_status(tmp_path, monkeypatch):
    # A phase of one iteration whose bound is out of reach: what it says is what it measured.
    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    result = run(
        tmp_path, "--set", "share_tolerance=-2", "--set", "judge_every=1", "--request-id", "R-9", "--asked-by", "Ada"
    )
    assert result.exit_code == 3, result.output
    assert result.output.index("NOT FORGOTTEN: class 3") < result.output.index("accuracy of the other classes")
    shown = call("report", tmp_path)
    assert shown.exit_code == 0 and shown.output.startswith("NOT FORGOTTEN: class 3")
    assert shown.output.index("No formal guarantee") < shown.output.index("accuracy of the other classes")
    assert call("report", tmp_path, "--fail-on", "not-forgotten").exit_code == 3
    content = json.loads(call("report", tmp_path, "--json").output)
    assert content["verdict"] == "not-forgotten" and content["request"]["id"] == "R-9" and content["reasons"]
    written = json.loads((tmp_path / "record.json").read_text())
    assert content == {key: value for key, value in written.items() if key != "page_sha256"}
    again = json.loads(call("evaluate", tmp_path, "--device", "cpu", "--quiet", "--json").output)
    assert again["recorded"]["unlearned"]["fid"] == pytest.approx(again["measured"]["unlearned"]["fid"], rel=1e-3)


@pytest.mark.parametrize(
    ("metrics", "statuses"),
    [
        ({"original": {"forgotten_share": 1.0}, "unlearned": {"forgotten_share": 1.0}}, (0, 3, 3)),
        ({"original": {}, "unlearned": {}}, (0, 0, 4)),
        ({gan: {"forgotten_share": float(gan == "original")} for gan in GANS}, (0, 0, 0)),
    ],
)  # fmt: skip
def test_a_pipeline_chooses_what_it_fails_on(tmp_path, metrics, statuses):
    write_record(tmp_path, record(metrics=metrics))
    asked = ((), ("--fail-on", "not-forgotten"), ("--fail-on", "not-tested"))
    assert tuple(call("report", tmp_path, *more).exit_code for more in asked) == statuses


def test_lists_are_there_as_json_too():
    assert {"name", "summary"} == json.loads(call("recipes", "--json").output)[0].keys()
    assert isinstance(json.loads(call("plugins", "--json").output), list)


def test_report_opens_the_page_only_when_asked(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    write_record(tmp_path, record())
    call("report", tmp_path)
    assert not opened
    call("report", tmp_path, "--open")
    assert opened == [str(tmp_path / "record.html")]


@pytest.mark.parametrize("command", ["report", "evaluate"])
def test_a_folder_without_a_record_is_one_sentence(tmp_path, command):
    result = call(command, tmp_path)
    assert result.exit_code == 2 and "holds no record.json" in result.output and "Traceback" not in result.output


def test_whoever_has_read_enough_hears_no_error():
    command = [sys.executable, "-m", "ignite_unlearn", "recipes", "--json"]
    launched = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    launched.stdout.close()
    assert launched.communicate()[1] == ""
