"""Single inputs that would have a machine hang, fill its memory, run a program or believe a forged line."""

import gzip
import json
import os
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from ignite_unlearn import UnlearningError, cli
from ignite_unlearn.audits import in_folder
from ignite_unlearn.recipes.data.idx import read_idx, read_idx_images
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.keys import read_key
from ignite_unlearn.utils import image_files
from ignite_unlearn.utils.files import read_released, read_weights
from ignite_unlearn.utils.image_files import named_files, read_image
from ignite_unlearn.utils.json_files import read_json
from tests.fuzz.judged import assert_printable, bounded, launched
from tests.recipes.data.test_mnist import idx
from tests.record.records import record

READERS = {
    "record.json": lambda path: launched("report", path.parent),
    "forget.key": lambda path: read_key(path.parent),
    "a.pt": read_weights,
    "a.safetensors": read_released,
    "a.png": lambda path: read_image(path, "L"),
    "a.gz": read_idx,
    "a": read_idx,
    "list.txt": lambda path: named_files(f"@{path}"),
    "b.json": read_json,
    "c.npy": lambda path: in_folder(path.parent, set()),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with bounded(seconds=5):
        try:
            READERS[name](tmp_path / name)
        except (UnlearningError, OSError) as error:
            assert "pipe" in str(error) or name == "a.safetensors"


def test_a_few_megabytes_do_not_become_gigabytes(tmp_path):
    head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (60000, 28, 28))
    for name, begun in (("a.gz", b""), ("b.gz", head)):
        (tmp_path / name).write_bytes(gzip.compress(begun) + gzip.compress(bytes(1 << 26), 1) * 96)  # 6 GiB
        assert (tmp_path / name).stat().st_size < 40 << 20
        with bounded(seconds=20, more=1 << 29), pytest.raises(UnlearningError, match="get it again"):
            read_idx(tmp_path / name)


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (2**31, 2, 2), (65536, 65536, 2), (1,) * 255, (2**32 - 1,) * 255])
def test_sizes_that_a_header_makes_up_are_refused(tmp_path, shape):
    head = b"\0\0\x08" + bytes([len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    (tmp_path / "a").write_bytes(head + bytes(16))
    with bounded(seconds=5), pytest.raises(UnlearningError, match="get it again"):
        read_idx(tmp_path / "a")


def test_a_label_that_is_no_class_is_said_before_a_training(tmp_path):
    for kind, labels in (("train", [0, 9]), ("t10k", [0, 10])):
        (tmp_path / f"{kind}-images-idx3-ubyte").write_bytes(idx(torch.zeros(2, 4, 4)))
        (tmp_path / f"{kind}-labels-idx1-ubyte").write_bytes(idx(torch.tensor(labels)))
    assert read_idx_images(tmp_path, "train", "MNIST")[1].tolist() == [0, 9]
    with pytest.raises(UnlearningError, match="t10k-labels go up to 10: expected MNIST's ten classes"):
        read_idx_images(tmp_path, "t10k", "MNIST")


def test_weights_that_are_larger_than_their_file_are_refused(tmp_path):
    torch.save({"generator": {"w": torch.zeros(1).expand(10**12)}}, tmp_path / "endless.pt")
    torch.save({"generator": {"w": torch.zeros(1 << 20)}}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, zipfile.ZipFile(tmp_path / "packed.pt", "w") as packed:
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member), zipfile.ZIP_DEFLATED)
    assert read_weights(tmp_path / "plain.pt")["generator"]["w"].sum() == 0
    for name, message in (("endless.pt", "no state dict has"), ("packed.pt", "is packed")):
        with bounded(more=1 << 29), pytest.raises(UnlearningError, match=message):
            read_weights(tmp_path / name)


def test_no_program_is_started_to_draw_an_image(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr("subprocess.check_call", ran.append)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", "EPS")
    with pytest.raises(UnlearningError, match=r"a\.png is no intact image"):
        image_files.read_image(tmp_path / "a.png", "RGB")
    assert [left.what for left in in_folder(tmp_path, set())] == ["picture"] and not ran


ACTS = "\x1b[2K\x1b[31mred\x9b1m\r\nFORGOTTEN: everything\u202e\x07"


def test_what_a_record_says_moves_no_cursor_and_forges_no_line(tmp_path):
    audit = {"audit": ACTS, "unit": ACTS, "passed": False, "verdict": ACTS}
    told = record(
        recipe=ACTS, stopped_because=ACTS, limits=[ACTS], audits={"unlearned": [audit]}, created=ACTS,
        forget={"kind": ACTS, "count": 2}, metrics={"original": {ACTS: 1.0}, "unlearned": {ACTS: 0.5}},
        files={ACTS: "a"},
    )  # fmt: skip
    write_record(tmp_path, told)
    printed = launched("report", tmp_path, "--verify").output
    assert_printable(printed)
    assert "\\x1b[31mred" in printed and not any(line.startswith("FORGOTTEN") for line in printed.splitlines())
    assert json.loads(launched("report", tmp_path, "--json").output)["recipe"] == ACTS


def test_commands_print_nothing_but_what_was_made_safe():
    files = Path(cli.__file__).parent.glob("*.py")
    assert [path.name for path in files if "click.echo" in path.read_text()] == ["text.py"]


def test_names_of_files_that_are_not_utf_8_are_told(tmp_path):
    for kind in "ab":
        (tmp_path / "data" / kind).mkdir(parents=True)
        for i in range(24):
            name = os.fsdecode(b"\xff" + str(i).encode() + b".png")
            Image.new("L", (16, 16), 10 * i + ord(kind) % 2).save(tmp_path / "data" / kind / name)
    Image.new("L", (16, 16), 250).save(tmp_path / "data" / "a" / os.fsdecode(b"\xfe\x1b[31m.png"))
    shown = launched("run", "folder-items", "--data-root", tmp_path / "data", "--out", tmp_path / "out", "--dry-run",
                     "--set", "size=16", "--set", "items=1", "--set", "generator_half=never")  # fmt: skip
    assert shown.exit_code == 0, shown.output
    wrong = launched("run", "folder-items", "--data-root", tmp_path / "data", "--out", tmp_path / "out", "--dry-run",
                     "--set", "size=16", "--set", f"files={os.fsdecode(bytes([0xff]))}99.png")  # fmt: skip
    assert wrong.exit_code == 2 and "\\udcff99.png names 0 files" in wrong.output


def test_an_empty_name_is_not_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for args in (["run", "digits-class", "--out", ""], ["report", ""], ["weights", ""], ["table", "x", "--page", ""]):
        refused = launched(*args)
        assert refused.exit_code == 2 and "The name is empty" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_torch_cannot_take_is_refused(tmp_path):
    for seed in (2**63, 10**30):
        refused = launched("run", "digits-class", "--seed", seed, "--out", tmp_path / "out", "--dry-run")
        assert refused.exit_code == 2 and "--seed" in refused.output
