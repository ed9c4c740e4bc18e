import math

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from ignite_unlearn import GAN, ForgetItems, UnlearningError
from ignite_unlearn.forget import ImageIndex, Inversion
from ignite_unlearn.forget.examples import Examples, draw
from ignite_unlearn.forget.item_regions import discoveries, fewest_unseen, rotated
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


class Data(Dataset):
    """Images with labels, as torchvision's; ``samples`` as its image folders have; ``noise`` is random augmentation."""

    def __init__(self, noise=0.0):
        self.images, self.labels = real_images(12, seed=0)
        self.samples = [(f"data/{'ab'[i % 2]}/{i}.png", i % 2) for i in range(12)]
        self.noise = noise

    def __len__(self):
        return 12

    def __getitem__(self, i):
        return self.images[i] + self.noise * torch.randn(1, 6, 6), int(self.labels[i])


def positions(forget, data):
    return forget.rows(data.images, None).nonzero().flatten().tolist()


def test_items_are_named_by_index_and_by_file():
    data = Data()
    by_index = ForgetItems.of_dataset(data, [7, 2, 7])
    assert positions(by_index, data) == [2, 7] and torch.equal(by_index.labels, data.labels[[2, 7]])
    assert positions(ForgetItems.of_files(data, ["a/4.png", "data/b/11.png"]), data) == [4, 11]


def test_a_request_grows():
    data = Data()
    forget = ForgetItems.of_dataset(data, [3])
    forget.add(data.images[[5, 8]], data.labels[[5, 8]])
    assert positions(forget, data) == [3, 5, 8] and len(forget) == 3
    with pytest.raises(UnlearningError, match="without labels cannot be added to a request"):
        forget.add(data.images[[1]])


def test_random_augmentation_is_refused_unless_it_is_said():
    data = Data(noise=0.1)
    with pytest.raises(UnlearningError, match="ReplacedDataset"):
        ForgetItems.of_dataset(data, [1])
    assert not ForgetItems.of_dataset(data, [1], augmented=True).rows(data.images, None).any()


def test_examples_are_drawn_without_repetition_and_carry_their_labels():
    data = Data()
    forget = ForgetItems.of_dataset(data, range(6))
    images, labels, _ = forget.examples(4)
    where = forget._index.find(images)
    assert len(where.unique()) == 4 and torch.equal(labels, data.labels[where])
    assert len(forget.examples(99)[0]) == 6


def test_images_of_every_request_take_part_in_a_step():
    data = Data()
    forget = ForgetItems.of_dataset(data, range(6))
    forget.add(data.images[[7]], data.labels[[7]])
    forget.add(data.images[[9, 8, 11]], data.labels[[9, 8, 11]])
    images, labels, requests = forget.examples(99)
    where = ImageIndex(data.images).find(images)
    assert sorted(where[requests == 0].tolist()) == [0, 1, 2, 3, 4, 5]
    assert where[requests == 1].tolist() == [7] and sorted(where[requests == 2].tolist()) == [8, 9, 11]
    assert torch.equal(labels, data.labels[where])


def test_a_large_request_leaves_no_other_out_and_fills_what_the_others_leave():
    def shares(*sizes, n):
        requests = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
        return draw(Examples(torch.zeros(len(requests), 1), None, requests), n).requests.bincount().tolist()

    assert shares(1000, 1, 1, n=64) == [62, 1, 1] and shares(500, n=64) == [64]
    assert shares(100, 100, n=64) == [32, 32] and shares(*[20] * 10, n=64) == [16] * 10
    assert shares(*[30] * 3, n=5) == [5] * 3


@pytest.mark.parametrize("classes", [None, CLASSES])
def test_regions_are_the_items_latents_and_their_neighbourhood(classes):
    gan = GAN(Generator(classes), Discriminator(), latents=(Z,), labels=classes).teacher()
    labels = None if classes is None else torch.arange(5) % classes
    images = gan.sample(5, labels)
    forget = ForgetItems(
        images, labels, inversion=Inversion(candidates=64, steps=30, progress=False), neighbourhood=0.3
    )
    regions = forget.regions(gan)
    latents, of = regions.forgotten(40)
    own = forget.inverted.latents
    cosine = torch.nn.functional.cosine_similarity(latents[:, None], own, dim=2)
    nearest = cosine.max(1)
    assert (nearest.values >= math.cos(0.3) - 1e-4).all()
    assert torch.allclose(latents.norm(dim=1), own.norm(dim=1)[nearest.indices], rtol=1e-4)
    assert (nearest.values[:20] > 1 - 1e-5).all() and (nearest.values[20:] < 1 - 1e-5).any()
    assert classes is None or torch.equal(of, labels[nearest.indices])
    kept, _ = regions.retained(200)
    assert (torch.nn.functional.cosine_similarity(kept[:, None], own, dim=2).amax(1) <= math.cos(0.3)).all()


def test_items_that_the_generator_never_made_leave_it_alone():
    gan = GAN(Generator(), Discriminator(), latents=(Z,)).teacher()
    images, _ = real_images(60, seed=3)
    forget = ForgetItems(images[:10], inversion=Inversion(candidates=64, steps=0, progress=False), unseen=images[10:])
    assert len(forget.regions(gan).forgotten(8)[0]) == 0
    made = gan.sample(10)
    known = ForgetItems(made, inversion=Inversion(candidates=64, steps=200, progress=False), unseen=images[10:])
    assert len(known.regions(gan).forgotten(8)[0]) == 8
    assert len(ForgetItems(images[:10]).regions(gan).forgotten(8)[0]) == 0


def test_discoveries_are_few_without_memory_and_complete_with_it():
    stream = torch.Generator().manual_seed(0)
    share = []
    for _ in range(200):
        errors, unseen = torch.rand(64, generator=stream), torch.rand(500, generator=stream)
        share.append(bool(discoveries(errors, unseen).any()))
    assert sum(share) <= 200 * 0.16  # the rate is 0.1 where nothing is known
    unseen = torch.rand(500, generator=stream) + 1
    known = discoveries(torch.cat([torch.full((10,), 0.5), torch.full((30,), 1.5)]), unseen)
    assert known[:10].all() and not known[10:].any()


def test_rotation_keeps_the_norm_and_turns_by_the_angle():
    latents = torch.randn(50, 3, 4, dtype=torch.float64)
    angles = torch.linspace(0, 1.4, 50, dtype=torch.float64)
    turned = rotated(latents, angles)
    a, b = latents.flatten(1), turned.flatten(1)
    assert torch.allclose(a.norm(dim=1), b.norm(dim=1))
    assert torch.allclose(torch.nn.functional.cosine_similarity(a, b), angles.cos())


IMAGES = torch.rand(10, 1, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ForgetItems(IMAGES[:0]), "no images"),
        (lambda: ForgetItems(IMAGES, torch.zeros(3)), "10 images but 3 labels"),
        (lambda: ForgetItems(IMAGES[:1], unseen=IMAGES[1:3]), "at least eight"),
        (lambda: ForgetItems(IMAGES[:2], unseen=IMAGES), "2 of 10 unseen images are in"),
        (lambda: ForgetItems(IMAGES, neighbourhood=2), "angle"),
        (lambda: ForgetItems(IMAGES).rows(torch.zeros(2, 1, 5, 5), None), r"shape \(1, 5, 5\)"),
        (
            lambda: ForgetItems(IMAGES).regions(GAN(Generator(2), Discriminator(), latents=(Z,), labels=2)),
            "class labels",
        ),
        (lambda: ForgetItems.of_dataset(Data(), []), "got none"),
        (lambda: ForgetItems.of_dataset(Data(), [12]), "0 to 11: got 12"),
        (lambda: ForgetItems.of_dataset([("text", 1)], [0]), "expected an image tensor"),
        (lambda: ForgetItems.of_files(Data(), ["9.jpg"]), "names 0 files"),
        (lambda: ForgetItems.of_files([1], ["9.jpg"]), "no list `samples`"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()


@pytest.mark.parametrize(
    ("labels", "known"),
    [
        ([1, 0], [1, 0]),
        ([np.int64(1), np.int64(0)], [1, 0]),
        ([torch.tensor(1), torch.tensor([0])], [1, 0]),
        ([torch.tensor(1.0), 0.0], [1, 0]),
        ([torch.tensor([0, 1]), torch.tensor([1, 0])], None),
        ([0.5, 0.25], None),
        (["cat", "dog"], None),
        (["1", "0"], None),
        ([None, 1], None),
    ],
)
def test_a_label_is_taken_where_it_is_one_whole_number(labels, known):
    request = ForgetItems.of_dataset(list(zip(torch.rand(2, 1, 4, 4), labels, strict=True)), [0, 1])
    assert known == (None if request.labels is None else request.labels.tolist())


def test_labels_in_a_column_are_labels_and_one_hot_ones_are_refused():
    images = torch.rand(2, 1, 4, 4)
    assert ForgetItems(images, torch.tensor([[2], [0]])).labels.tolist() == [2, 0]
    with pytest.raises(UnlearningError, match=r"labels of shape \(2, 3\): give one class an image"):
        ForgetItems(images, torch.eye(3)[:2].long())


@pytest.mark.parametrize("items", [1, 3, 8, 64])
def test_a_single_remembered_item_is_named_beside_so_many_unseen_images_and_not_beside_fewer(items):
    errors = torch.full((items,), 5.0)
    errors[0] = 0  # nearer than any unseen image
    most = fewest_unseen(items)
    named = [bool(discoveries(errors, torch.linspace(1, 2, unseen))[0]) for unseen in (most - 1, most)]
    assert named == [False, True]
