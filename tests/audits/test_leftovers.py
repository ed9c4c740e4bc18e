from collections import deque

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from ignite.handlers import EMAHandler
from PIL import Image
from torch import nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits.leftovers import delete, in_folder, in_objects
from ignite_unlearn.audits.near_copies import NearCopies
from ignite_unlearn.pictures import side_by_side

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
