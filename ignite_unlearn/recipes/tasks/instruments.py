"""What a run measures with: one classifier in whose features distances are measured, another that counts classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ignite_unlearn.metrics.classifier import ClassifierTraining
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.recipes.nets.classifier import FeatureClassifier

MakeClassifier: TypeAlias = Callable[[ImageData], FeatureClassifier]
Train: TypeAlias = "Callable[[str, ClassifierTraining], object]"
JUDGES = ("guide", "classifier")  # by seeds 1 and 2
_EPOCHS, _IMAGES = 12, 200_000  # at most so many epochs, and so many images but for the rounding to epochs
_FEW = 500  # training images; fewer are seen more often


@dataclass(frozen=True)
class Instruments:
    """What a run measures with.

    Attributes:
        extractor: the feature space of FID and KID.
        guide: the classifier whose features the extractor gives; a search may be led by it.
        classifier: says which class a generated image shows; not the extractor's net.
        untrained: makes such a net with new weights.
        accuracy: of the classifier on unseen real images.
    """

    extractor: FeatureExtractor
    guide: FeatureClassifier
    classifier: FeatureClassifier
    untrained: Callable[[], nn.Module]
    accuracy: float


def train_instruments(
    data: ImageData, make: MakeClassifier, name: str, *, train: Train = lambda name, training: training.run()
) -> Instruments:
    """Trains both classifiers on the real training images, with seeds of their own so that all runs share them.

    Args:
        data: the real data.
        make: makes an untrained classifier.
        name: of the recipe, which the extractor's begins with.
        train: takes a classifier's name and its training, and brings it to its end.
    """
    often = _EPOCHS * -(-_FEW // len(data.images))
    epochs = max(1, min(often, _IMAGES // len(data.images)))

    def trained(seed: int, judge: str) -> FeatureClassifier:
        torch.default_generator.manual_seed(seed)
        net = make(data).to(data.images.device)
        train(judge, ClassifierTraining(net, data.images, data.labels, epochs=epochs, augment=_shifted))
        return net

    with torch.random.fork_rng(devices=[]):
        guide, classifier = (trained(seed, judge) for seed, judge in enumerate(JUDGES, 1))
    return as_instruments(guide, classifier, data, make, name)


def as_instruments(
    guide: FeatureClassifier, classifier: FeatureClassifier, data: ImageData, make: MakeClassifier, name: str
) -> Instruments:
    """Returns two trained nets as instruments; see :func:`train_instruments`.

    The extractor's name in records tells the recipe, the net and how many features it has.
    """
    for net in (guide, classifier):
        net.eval().requires_grad_(False)
    with torch.no_grad():
        found = torch.cat([classifier(part).argmax(1) for part in data.unseen.split(512)])
        features = guide.features(data.unseen[:1]).shape[1]
    accuracy = (found == data.unseen_labels).float().mean().item()
    extractor = FeatureExtractor(guide.features, f"{name}-{type(guide).__name__}-{features}")
    return Instruments(extractor, guide, classifier, lambda: make(data), accuracy)


def _shifted(images: Tensor) -> Tensor:
    """Returns shifted, noisy images: a judge must not be fooled by a generator's small slips."""
    shift = tuple(torch.randint(-1, 2, (2,)).tolist())
    return torch.roll(images, shift, (2, 3)) + 0.1 * torch.randn(images.shape).to(images.device)
