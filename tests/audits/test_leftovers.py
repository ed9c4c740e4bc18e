import base64
import bz2
import copy
import functools
import gzip
import io
import json
import lzma
import tarfile
import types
import zipfile
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from ignite.handlers import EMAHandler
from PIL import Image
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetItems, Replay, UnlearningError
from ignite_unlearn.audits import Leftovers, delete, in_folder, in_objects, only_of
from ignite_unlearn.audits.near_copies import NearCopies
from ignite_unlearn.cascade import Fixed, MeanImage
from ignite_unlearn.forget import Description, Forget
from ignite_unlearn.utils.files import save_released
from ignite_unlearn.utils.pictures import side_by_side

FORGOTTEN = torch.rand(3, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
OTHERS = torch.rand(30, 1, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x, lambda x: 0.2 * x + 3, lambda x: -x, lambda x: x.half(),
        lambda x: x + 0.02 * torch.randn(x.shape),
    ],
)  # fmt: skip
def test_an_image_is_found_anywhere_whatever_was_done_to_it(change):
    search = NearCopies(FORGOTTEN)
    hidden = torch.cat([torch.randn(1001), change(FORGOTTEN[2]).float().flatten(), torch.randn(77)])
    assert search.in_tensor(hidden) and search.in_tensor(change(torch.cat([OTHERS, FORGOTTEN])))
    assert not search.in_tensor(change(OTHERS)) and not search.in_tensor(torch.randn(5000))
    assert not search.in_tensor(torch.zeros(5000)) and not search.in_tensor(torch.ones(4))


def test_an_image_is_found_across_the_seams_of_a_long_tensor(monkeypatch):
    monkeypatch.setattr("ignite_unlearn.audits.near_copies._AT_ONCE", 7 * 144)
    for start in range(0, 1000, 83):
        numbers = torch.randn(2000)
        numbers[start : start + 144] = FORGOTTEN[0].flatten()
        assert NearCopies(FORGOTTEN[:1]).in_tensor(numbers), start


def test_correlations_equal_numpys_at_every_place():
    numbers = torch.randn(400, generator=torch.Generator().manual_seed(2)) + 50
    numbers[123:267] += 4 * FORGOTTEN[1].flatten()
    best = max(
        abs(np.corrcoef(numbers[i : i + 144].numpy(), image.flatten().numpy())[0, 1])
        for i in range(400 - 143)
        for image in FORGOTTEN
    )
    assert 0.85 < best < 0.97
    assert NearCopies(FORGOTTEN, threshold=best - 1e-4).in_tensor(numbers)
    assert not NearCopies(FORGOTTEN, threshold=best + 1e-4).in_tensor(numbers)


def test_numbers_that_are_not_finite_hide_nothing():
    broken = torch.full((9,), torch.inf)
    broken[3:] = torch.nan
    assert NearCopies(FORGOTTEN).in_tensor(torch.cat([broken, FORGOTTEN[1].flatten(), -broken]))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_an_image_is_found_in_a_picture(scale):
    def pixels(images):
        picture = side_by_side({"a": images, "b": images}, 4)
        return torch.from_numpy(np.array(picture.resize((picture.width * scale // 2, picture.height * scale // 2), 0)))

    # side_by_side draws such small images at twice their size.
    search = NearCopies(FORGOTTEN)
    assert search.in_picture(pixels(torch.cat([OTHERS[:5], FORGOTTEN[:1]])).permute(2, 0, 1))
    assert not search.in_picture(pixels(OTHERS[:6]).permute(2, 0, 1))


def gan():
    return GAN(nn.Linear(4, 9), nn.Linear(9, 1), latents=(4,))


def test_a_folder_is_searched_by_kind_and_by_content(tmp_path):
    torch.save({"generator": {"w": torch.randn(9, 4)}}, tmp_path / "unlearned.pt")
    torch.save({"w": torch.randn(3)}, tmp_path / "old.ckpt")
    np.savez(tmp_path / "stats.npz", mean=np.zeros(3))
    (tmp_path / "deep").mkdir()
    torch.save({"buffer": torch.cat([OTHERS, FORGOTTEN[:1]])}, tmp_path / "deep" / "fakes.pt")
    np.save(tmp_path / "batch.npy", FORGOTTEN.numpy())
    side_by_side({"a": OTHERS[:4]}, 2).save(tmp_path / "samples.png")
    Image.new("L", (5, 5)).save(tmp_path / "empty.jpg")
    (tmp_path / "broken.pt").write_bytes(b"?")
    (tmp_path / "log.txt").write_text("fine")
    found = {left.where.removeprefix(f"{tmp_path}/"): left for left in in_folder(tmp_path, {"unlearned.pt"}, FORGOTTEN)}
    certain = {name for name, left in found.items() if left.certain}
    assert certain == {"deep/fakes.pt", "batch.npy"}
    assert found.keys() - certain == {"old.ckpt", "stats.npz", "samples.png", "empty.jpg", "broken.pt"}
    assert "could not be read" in found["broken.pt"].why
    # Without images to look for, kinds alone decide; a released file that holds an image is named all the same.
    assert len(in_folder(tmp_path, {"unlearned.pt"})) == 7
    save_released(tmp_path / "whole.safetensors", {"net": {"w": FORGOTTEN}})
    assert [left.certain for left in in_folder(tmp_path, set(), FORGOTTEN) if "whole" in left.where] == [True]
    (tmp_path / "whole.safetensors").unlink()
    torch.save({"w": FORGOTTEN}, tmp_path / "unlearned.pt")
    assert any(
        left.certain and "unlearned.pt" in left.where for left in in_folder(tmp_path, {"unlearned.pt"}, FORGOTTEN)
    )


def test_objects_are_told_apart():
    it = gan()
    optimizer, fresh = torch.optim.Adam(it.discriminator.parameters()), torch.optim.Adam(it.generator.parameters())
    it.discriminator(torch.ones(2, 9)).sum().backward()
    optimizer.step()
    ema = EMAHandler(it.generator)
    objects = {
        "D": it.discriminator, "wrapped": nn.DataParallel(it.generator), "ema": ema, "old": nn.Linear(2, 2),
        "adam": optimizer, "fresh": fresh, "fakes": deque([torch.cat([OTHERS, FORGOTTEN])]), "numbers": [1, 2],
        "noise": torch.randn(5), "data": torch.utils.data.TensorDataset(OTHERS), "engine": Engine(lambda e, b: None),
    }  # fmt: skip
    found = {left.where: left for left in in_objects(objects, it, FORGOTTEN)}
    assert found.keys() == {"ema", "old", "adam", "fakes", "noise", "data"}
    assert [name for name, left in found.items() if left.certain] == ["fakes"]
    assert found["ema"].what == "moving average of weights" and "moments" in found["adam"].what


@pytest.mark.parametrize("name", ["unlearned.pt.bak", ".original.pt.x7.part", "original (copy)", "weights.safetensors"])
def test_a_copy_of_weights_is_seen_whatever_it_is_called(tmp_path, name):
    weights = {"generator": {"w": torch.randn(9, 4)}, "image": FORGOTTEN[0]}
    if name.endswith("safetensors"):
        (tmp_path / name).write_bytes(safetensors(weights["image"]))
    else:
        torch.save(weights, tmp_path / name)
    (plain,) = in_folder(tmp_path, {"unlearned.pt"})
    assert (plain.what, plain.certain, plain.original) == ("checkpoint", False, False)
    assert in_folder(tmp_path, set(), FORGOTTEN)[0].certain and not in_folder(tmp_path, set(), OTHERS)[0].certain


def safetensors(tensor):
    numbers = tensor.numpy().tobytes()
    header = json.dumps(
        {"x": {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [0, len(numbers)]}}
    ).encode()
    return len(header).to_bytes(8, "little") + header + numbers


def png(images):
    file = io.BytesIO()
    side_by_side({"a": images}, 2).save(file, "PNG")
    return file.getvalue()


def in_zip(content, name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    return file.getvalue()


def in_tar(content, name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        packed.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def array(images):
    file = io.BytesIO()
    np.save(file, images.numpy())
    return file.getvalue()


def saved(images):
    file = io.BytesIO()
    torch.save([images], file)
    return file.getvalue()


PACKED = {
    "a.png.gz": lambda x: gzip.compress(png(x)),
    "a.npy.xz": lambda x: lzma.compress(array(x)),
    "a.pt.bz2": lambda x: bz2.compress(saved(x)),
    "a.zip": lambda x: in_zip(png(x), "deep/a.png"),
    "a.tar.gz": lambda x: in_tar(saved(x), "run/a.pt"),
    "nested.zip.old": lambda x: in_zip(gzip.compress(array(x)), "a.npy.gz"),
    "page.html": lambda x: b"<img src='data:image/png;base64," + base64.b64encode(png(x)) + b"'>",
    "page.html.gz": lambda x: gzip.compress(b"<img src=data:image/png;base64," + base64.b64encode(png(x)) + b">"),
    "book.ipynb": lambda x: json.dumps({"data": {"image/png": base64.encodebytes(png(x)).decode()}}).encode(),
    "events.out.tfevents.1": lambda x: b"before" + png(x) + b"after",
    "samples.png~": png,
}


@pytest.mark.parametrize("name", PACKED)
def test_what_is_compressed_packed_or_inside_a_page_is_seen(tmp_path, name):
    for images, certain in ((FORGOTTEN, True), (OTHERS[:6], False)):
        (tmp_path / name).write_bytes(PACKED[name](images))
        (found,) = in_folder(tmp_path, set(), FORGOTTEN)
        assert found.certain is certain and "could not be read" not in found.why


def test_what_is_too_large_or_damaged_is_listed_as_unread(tmp_path, monkeypatch):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(5000)))
    (tmp_path / "cut.tar.gz").write_bytes(in_tar(saved(FORGOTTEN), "a.pt")[:-200])
    (tmp_path / "code.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    monkeypatch.setattr("ignite_unlearn.audits.file_contents._LIMIT", 4096)
    found = in_folder(tmp_path, set(), FORGOTTEN)
    assert len(found) == 3 and all("could not be read" in left.why for left in found)


def phase():
    it = gan()
    return it, CascadedUnlearning(it, forget=ForgetItems(FORGOTTEN), substitution=MeanImage(8), fake_label=Fixed(-1))


def test_the_original_gan_is_found_in_files_nested_and_renamed(tmp_path):
    it, unlearning = phase()
    trainer = Engine(lambda engine, batch: None)
    unlearning.attach(trainer).remove()
    original = it.teacher()
    with torch.no_grad():
        it.generator.weight.add_(0.5)
    torch.save({"unlearning": unlearning.state_dict(), "trainer": {"epoch": 1}}, tmp_path / "checkpoint_1.pt")
    torch.save({"deep": [{"g": original.generator.half().state_dict()}]}, tmp_path / "unlearned.pt")
    torch.save({"g": it.generator.state_dict(), "d": it.discriminator.state_dict()}, tmp_path / "released.pt")
    released = {"unlearned.pt", "released.pt"}
    found = {Path(left.where).name: left for left in in_folder(tmp_path, released, original=only_of(original, it))}
    assert found.keys() == {"checkpoint_1.pt", "unlearned.pt"} and all(left.original for left in found.values())
    assert "phase's state" in found["checkpoint_1.pt"].why
    (state,) = in_folder(tmp_path, released)  # a phase's state says by itself what it is
    assert state.original


def test_a_request_of_ones_own_is_told_by_what_it_holds():
    class Mine(Forget):
        def rows(self, images, labels):
            return torch.zeros(len(images), dtype=torch.bool)

        def regions(self, teacher):
            raise AssertionError

        def describe(self):
            return Description("mine", images=self.held)

    mine = Mine()
    mine.held = FORGOTTEN
    (found,) = in_objects({"mine": mine}, phase()[0], FORGOTTEN)
    assert (found.what, found.why) == ("request", "it holds the forgotten images")


def test_phases_requests_teachers_and_what_holds_them_are_told():
    it, unlearning = phase()
    unlearning.attach(Engine(lambda engine, batch: None)).remove()
    objects = {
        "phase": unlearning, "request": unlearning.forget, "teacher": it.teacher(), "gan": it, "again": copy.copy(it),
        "holder": types.SimpleNamespace(deep={"unlearning": unlearning}), "loop": functools.partial(print, unlearning),
        "states": {"last": unlearning.state_dict()},
        "loader": torch.utils.data.DataLoader(torch.utils.data.TensorDataset(FORGOTTEN)), "array": [FORGOTTEN.numpy()],
    }  # fmt: skip
    found = {left.where: left for left in in_objects(objects, it, FORGOTTEN)}
    assert found.keys() == objects.keys() - {"gan", "again"}
    assert found["phase"].what == "unlearning phase" and found["teacher"].what == "another GAN"
    assert found["request"].why == "it holds the forgotten images" and found["loader"].what == "data set"
    assert {name for name, left in found.items() if left.certain} == found.keys() - {"teacher", "states"}
    assert [name for name, left in found.items() if left.original] == ["states"]
    with torch.no_grad():
        it.generator.weight.add_(1)
    weights = only_of(unlearning.original.teacher, it)
    found = {left.where for left in in_objects(objects, it, original=weights) if left.original}
    assert found == {"phase", "teacher", "holder", "loop", "states"}


def test_replay_is_told():
    it = GAN(nn.Sequential(nn.Linear(4, 144), nn.Unflatten(1, (1, 12, 12))), nn.Linear(144, 1), latents=(4,))
    (found,) = in_objects({"loader": Replay(it, ForgetItems(FORGOTTEN), like=OTHERS[:4], batches=1)}, it)
    assert found.what == "replay" and "original GAN" in found.why


def test_files_are_deleted_only_when_asked_and_only_in_the_folder(tmp_path):
    inside, outside = tmp_path / "run", tmp_path / "keep.pt"
    inside.mkdir()
    torch.save({}, outside), torch.save({}, inside / "old.pt")
    found = in_folder(tmp_path, set())
    assert len(found) == 2 and outside.exists()
    with pytest.raises(UnlearningError, match="nothing was deleted"):
        delete(found, inside)
    assert (inside / "old.pt").exists()
    assert delete(in_folder(inside, set()), inside) == [inside / "old.pt"] and outside.exists()


def test_what_is_no_folder_and_no_images_are_refused(tmp_path):
    with pytest.raises(UnlearningError, match="is no folder"):
        in_folder(tmp_path / "none", set())
    with pytest.raises(UnlearningError, match="expected images"):
        NearCopies(FORGOTTEN[0])


def test_as_an_audit_a_copy_in_a_file_that_stays_fails_and_nothing_passes(tmp_path):
    it, original = gan(), gan()
    torch.save({"w": torch.randn(9)}, tmp_path / "unlearned.pt")
    audit = Leftovers(tmp_path, stay={"unlearned.pt"}, forgotten=FORGOTTEN, original=original, at_most=2)
    clean = audit(it)
    assert (clean.value, clean.passed, clean.verdict) == (
        0, None, "found: 0 files to delete (2 of 3 images sought)",
    )  # fmt: skip
    torch.save({"g": original.generator.state_dict()}, tmp_path / "old.pt")
    kept = audit(it)
    assert (kept.value, kept.passed) == (1, None) and "old.pt (it holds the original GAN)" in kept.verdict
    assert "holds the original" not in audit(original).verdict  # what it shares with the audited GAN gives nothing away
    torch.save({"w": FORGOTTEN[2]}, tmp_path / "unlearned.pt")
    assert audit(it).passed is None  # only two of the images are looked for
    torch.save({"w": FORGOTTEN[:1]}, tmp_path / "unlearned.pt")
    failed = audit(it)
    assert failed.passed is False and failed.details == {
        "near_copies": 1, "images_sought": 2, "files": ["old.pt", "unlearned.pt"],
    }  # fmt: skip
    with pytest.raises(UnlearningError, match="at_most=0"):
        Leftovers(tmp_path, at_most=0)
    other = GAN(nn.Linear(2, 3), nn.Linear(3, 1), latents=(2,))
    with pytest.raises(UnlearningError, match="other shapes than the unlearned"):
        Leftovers(tmp_path, original=other)(it)
