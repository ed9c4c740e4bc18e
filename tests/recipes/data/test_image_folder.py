import numpy as np
import pytest
import torch
from PIL import Image

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.data.image_folder import load_image_folder, read_images


def write(folder, n, value, size=(16, 16)):
    folder.mkdir(parents=True)
    for i in range(n):
        Image.new("RGB", size, (value, i, 0)).save(folder / f"{i}.png")


def test_a_tenth_of_class_folders_is_unseen_and_classes_go_by_name(tmp_path):
    write(tmp_path / "dogs", 30, 200)
    write(tmp_path / "cats", 20, 100)
    data = load_image_folder(tmp_path, size=16, channels=3)
    assert len(data.images) == 45 and len(data.unseen) == 5 and data.classes == 2
    together, labels = torch.cat([data.images, data.unseen]), torch.cat([data.labels, data.unseen_labels])
    red = ((together[:, 0, 0, 0] + 1) * 127.5).round()
    assert torch.equal(red == 200, labels == 1) and torch.equal(red == 100, labels == 0)
    assert len(together.flatten(1).unique(dim=0)) == 50
    assert "0: cats, 1: dogs" in data.name
    assert load_image_folder(tmp_path, size=16, channels=3).sha256 == data.sha256


def test_a_test_folder_is_the_unseen_set(tmp_path):
    for kind, n, value in (("train", 3, 10), ("test", 2, 100)):
        write(tmp_path / kind / "a", n, value)
        write(tmp_path / kind / "b", n, value + 20)
    data = load_image_folder(tmp_path, size=16, channels=1)
    assert data.images.shape == (6, 1, 16, 16) and data.unseen.shape == (4, 1, 16, 16)
    (tmp_path / "test" / "b").rename(tmp_path / "test" / "c")
    with pytest.raises(UnlearningError, match=r"\['a', 'c'\].*\['a', 'b'\]"):
        load_image_folder(tmp_path, size=16, channels=1)


def test_images_are_cropped_about_their_middle_and_resized(tmp_path):
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[12:52] = 255
    Image.fromarray(pixels).save(tmp_path / "tall.png")
    images, labels = read_images([(tmp_path / "tall.png", 4)], size=16, channels=3)
    assert images.shape == (1, 3, 16, 16) and labels.tolist() == [4]
    assert images.min() > 0.9  # the black bars above and below are gone


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UnlearningError, match="give --data-root"):
        load_image_folder(None, size=32, channels=3)
    with pytest.raises(UnlearningError, match="holds 0 class folders"):
        load_image_folder(tmp_path / "nowhere", size=32, channels=3)
    with pytest.raises(UnlearningError, match="size=30, channels=3"):
        load_image_folder(tmp_path, size=30, channels=3)
    with pytest.raises(UnlearningError, match="channels=2"):
        load_image_folder(tmp_path, size=32, channels=2)
    write(tmp_path / "a", 2, 1)
    write(tmp_path / "b", 2, 2)
    with pytest.raises(UnlearningError, match="too few images"):
        load_image_folder(tmp_path, size=32, channels=3)
    (tmp_path / "b" / "0.png").write_bytes(b"no image")
    with pytest.raises(UnlearningError, match=r"0\.png is no intact image"):
        read_images([(tmp_path / "b" / "0.png", 0)], size=32, channels=3)


def test_grey_images_in_the_place_of_coloured_ones_are_told_of(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.new("L", (16, 16), 20 * i + (name == "a")).save(tmp_path / name / f"{i}.png")
    (note,) = load_image_folder(tmp_path, size=16, channels=3).notes
    assert "all training images are grey: --set channels=1" in note
    assert load_image_folder(tmp_path, size=16, channels=1).notes == ()
    for i in range(10):
        Image.new("RGB", (16, 16), (200, i, 0)).save(tmp_path / "b" / f"{i}.png")
    assert load_image_folder(tmp_path, size=16, channels=3).notes == ()
