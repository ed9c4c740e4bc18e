"""The Inception net that FIDs of natural images are measured with, loaded by clean-fid and never downloaded unasked."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.resize import CleanResize

_FILE = "inception-2015-12-05.pt"


def inception(folder: Path | None = None, *, device: torch.device | str = "cpu") -> FeatureExtractor:
    """Returns clean-fid's default extractor, 2,048 features of Inception v3 (Szegedy et al. 2016; mode "clean").

    Args:
        folder: holds ``inception-2015-12-05.pt``; None: where clean-fid keeps it.
        device: where the net is put.

    Raises:
        UnlearningError: if the file is not there, or is no such net. Nothing is downloaded.
    """
    from cleanfid.inception_torchscript import InceptionV3W

    folder = folder or clean_fid_folder()
    path = folder / _FILE
    if not path.is_file():
        raise UnlearningError(
            f"There is no {path}: download NVIDIA's {_FILE} (clean-fid's documentation links it) into that folder, or "
            "give inception(folder) or a FeatureExtractor of your own. Nothing is downloaded unasked."
        )
    try:
        net = InceptionV3W(str(folder), download=False).to(device).eval()
    except (RuntimeError, AttributeError) as error:
        raise UnlearningError(f"{path} is no intact TorchScript file of Inception: get it again.") from error
    return FeatureExtractor(net, "inception-2015-12-05, clean-fid", batch_size=64, resize=CleanResize())


def clean_fid_folder() -> Path:
    """Returns the folder where clean-fid keeps the net."""
    return Path("." if platform.system() == "Windows" else "/tmp")
