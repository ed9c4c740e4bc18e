"""Features of the real images, computed once and kept in a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.utils.asked import IMAGES, PATH, Asked, asks, kind
from ignite_unlearn.utils.files import write_whole
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.image_files import image_files
from ignite_unlearn.utils.opened import open_file

_SOURCE = Asked("images as a tensor, or a folder of them", lambda value: IMAGES.fits(value) or PATH.fits(value))


@asks(extractor=kind("a FeatureExtractor", FeatureExtractor), images=_SOURCE, folder=PATH)
def cached_features(extractor: FeatureExtractor, images: Tensor | Path | str, folder: Path | str) -> np.ndarray:
    """Returns the extractor's features of real images, from a file if they were computed before.

    The file's name holds a hash of the net, of how it resizes, and of the images: any other leads to another file. The
    features derive from the images: where an image is forgotten, the file of a set that held it must go too.

    Args:
        extractor: the feature space.
        images: ``(N, C, H, W)``, or a folder of image files.
        folder: where the files are kept.

    Returns:
        Features ``(N, F)``.

    Raises:
        UnlearningError: if the file that is there holds none.

    Example:
        >>> import tempfile, torch
        >>> extractor = FeatureExtractor(torch.nn.Flatten(), "pixels")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first = cached_features(extractor, torch.ones(3, 1, 2, 2), Path(folder))
        ...     again = cached_features(extractor, torch.ones(3, 1, 2, 2), Path(folder))
        ...     print(len(list(Path(folder).iterdir())), bool((first == again).all()))
        1 True
    """
    resized = "" if extractor.resize is None else f"{type(extractor.resize).__name__}{vars(extractor.resize)}"
    key = hashlib.sha256(f"{extractor.sha256}{resized}{_sha256(images)}".encode()).hexdigest()
    path = Path(folder) / f"features-{key[:32]}.npy"
    if path.is_file():
        try:
            with open_file(path) as file:
                return np.asarray(np.load(file, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise UnlearningError(f"{path} holds no features ({error}): delete it, to have them made again.") from error
    features = extractor(images)

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, features, allow_pickle=False)

    write_whole(path, write)
    return features


def _sha256(images: Tensor | Path | str) -> str:
    if isinstance(images, Tensor):
        return tensors_sha256(images)
    digest = hashlib.sha256()
    for path in image_files(images):
        with open_file(path) as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
