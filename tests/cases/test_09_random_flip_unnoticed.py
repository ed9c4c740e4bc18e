"""Two looks at an item do not notice a flip, or a rarer augmentation; mirrored copies were not looked for."""

import random

import pytest
import torch
from torchvision.transforms import RandomErasing, RandomHorizontalFlip, RandomVerticalFlip

from ignite_unlearn import ForgetItems, UnlearningError

IMAGES = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Augmented(torch.utils.data.Dataset):
    def __init__(self, change):
        self.change = change

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, i):
        return self.change(IMAGES[i]), 0


def turned(image):
    return image.rot90(random.randrange(4), (1, 2))


@pytest.mark.parametrize("n", [1, 2, 8])
@pytest.mark.parametrize(
    "change",
    [RandomHorizontalFlip(), RandomVerticalFlip(p=0.05), RandomErasing(p=0.1), turned],
    ids=lambda change: getattr(change, "__name__", str(change)),
)
def test_every_augmentation_of_few_outcomes_is_noticed(change, n):
    for seed in range(20):
        torch.manual_seed(seed)
        with pytest.raises(UnlearningError, match="random augmentation is at work"):
            ForgetItems.of_dataset(Augmented(change), range(n))


def test_looking_leaves_the_streams_as_they_were():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with pytest.raises(UnlearningError):
        ForgetItems.of_dataset(Augmented(RandomHorizontalFlip()), [0])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("chosen", "expected"), [([1], [1, 9]), ([9], [1, 9]), ([1, 9, 3], [1, 3, 9, 11])])
def test_a_mirror_image_half_the_dataset_away_joins_the_request(chosen, expected):
    doubled = torch.cat([IMAGES, IMAGES.flip(3)])
    request = ForgetItems.of_dataset([(image, 0) for image in doubled], chosen)
    assert request.rows(doubled, None).nonzero().flatten().tolist() == expected
    assert len(ForgetItems.of_dataset([(image, 0) for image in IMAGES], [1])) == 1
