import errno
import os
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ignite_unlearn import UnlearningError
from ignite_unlearn.utils.files import read_released, read_weights, save_released, save_weights, write_json, write_whole


def test_an_interrupted_write_leaves_the_older_file_and_no_other(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def half(part):
        part.write_text("half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UnlearningError, match=r"Cannot write .*a\.json: No space left on device"):
        write_whole(path, half)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert '"old": 1' in path.read_text()


def test_a_full_disk_in_torch_save_is_said_in_a_sentence(tmp_path, monkeypatch):
    def full(*args):
        raise RuntimeError("[enforce fail at inline_container.cc:626] . unexpected pos 64 vs 0\nframe #0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UnlearningError, match="Cannot write") as raised:
        save_weights(tmp_path / "w.pt", {"a": torch.zeros(1)})
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_weights_come_back_as_they_went(tmp_path):
    save_weights(tmp_path / "deep" / "w.pt", {"a": torch.arange(3), "n": 2})
    content = read_weights(tmp_path / "deep" / "w.pt")
    assert content["a"].tolist() == [0, 1, 2] and content["n"] == 2


class Payload:
    def __reduce__(self):
        return os.getcwd, ()


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda p: None, "no checkpoint at"),
        (lambda p: torch.save({"net": torch.nn.Linear(1, 1)}, p), "holds pickled objects"),
        (lambda p: p.write_bytes(pickle.dumps(Payload())), "holds pickled objects"),
        (lambda p: p.write_bytes(b""), "truncated|pickled"),
        (lambda p: p.write_text("hello"), "pickled objects, or is no checkpoint|truncated"),
        (lambda p: torch.save(torch.zeros(2), p), "holds a Tensor"),
        (lambda p: (torch.save({"a": torch.zeros(999)}, p), p.write_bytes(p.read_bytes()[:1500])), "truncated"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(tmp_path, fill, message):
    path = tmp_path / "w.pt"
    fill(path)
    with pytest.raises(UnlearningError, match=message) as raised:
        read_weights(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("version", "read"), [
    ("2.4.1", False), ("2.9.1+cu128", False), ("2.10.0a0+git1", True), ("2.10.0", True), ("3.0.0", True),
])  # fmt: skip
def test_a_torch_that_may_run_code_from_a_file_reads_none(tmp_path, monkeypatch, version, read):
    save_weights(tmp_path / "w.pt", {"a": torch.zeros(1)})
    monkeypatch.setattr(torch, "__version__", version)
    if read:
        assert read_weights(tmp_path / "w.pt")["a"] == 0
    else:
        with pytest.raises(UnlearningError, match=r"CVE-2026-24747 below 2\.10.*Install torch 2\.10") as raised:
            read_weights(tmp_path / "w.pt")
        assert "\n" not in str(raised.value)


def test_released_weights_come_back_as_they_went(tmp_path):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    tied = torch.nn.Linear(2, 2).half()
    path = tmp_path / "deep" / "unlearned.safetensors"
    save_released(path, {"generator": net.state_dict(), "discriminator": {"a": tied.weight, "b.c": tied.weight}})
    found = read_released(path)
    assert found.keys() == {"generator", "discriminator"} and found["generator"].keys() == net.state_dict().keys()
    for key, tensor in net.state_dict().items():
        assert torch.equal(found["generator"][key], tensor) and found["generator"][key].dtype == tensor.dtype
    assert torch.equal(found["discriminator"]["b.c"], tied.weight) and found["discriminator"]["a"].dtype == torch.half
    with safe_open(path, "pt") as file:
        assert {"generator.0.weight", "discriminator.b.c"} <= set(file.keys())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UnlearningError, match="cannot be read as safetensors"):
        read_released(path)
    with pytest.raises(UnlearningError, match="no weights at"):
        read_released(tmp_path / "nowhere.safetensors")
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(UnlearningError, match="'weight' of no net"):
        read_released(path)


def test_json_refuses_what_is_no_number(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
