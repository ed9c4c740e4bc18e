"""The Inception net that FIDs of natural images are measured with, loaded by clean-fid and never downloaded unasked."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from pathlib import Path

import torch

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.resize import CleanResize
from ignite_unlearn.utils.asked import PATH, asks, maybe

_FILE = "inception-2015-12-05.pt"
# Of NVIDIA's file, as k-diffusion and others pin it: TorchScript is a program, and only this one is known.
_SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"


@asks(path=maybe(PATH))
def load_inception(path: Path | str | None = None, *, device: torch.device | str = "cpu") -> FeatureExtractor:
    """Returns clean-fid's default extractor, 2,048 features of Inception v3 (Szegedy et al. 2016; mode "clean").

    The file is a program (TorchScript), which is run. Where no path is given, it is looked for in
    :func:`cache_folder` and where clean-fid keeps it, which on Linux is a folder that everybody may write to; so it is
    taken there only if its SHA-256 is that of NVIDIA's file. A file that is given by its path is not compared: give
    none that you do not trust.

    Args:
        path: the file, or a folder with ``inception-2015-12-05.pt``; None: see above.
        device: where the net is put.

    Raises:
        UnlearningError: if the file is not there, or is no such net. Nothing is downloaded.
    """
    if path is not None:
        given = Path(path) / _FILE if Path(path).is_dir() else Path(path)
        if not given.is_file():
            raise UnlearningError(_missing(f"There is no {given}: download NVIDIA's {_FILE} into that folder"))
        return _loaded(given, given.read_bytes(), device)
    others = []
    for found in (cache_folder() / _FILE, clean_fid_folder() / _FILE):
        if found.is_file():
            content = found.read_bytes()
            if hashlib.sha256(content).hexdigest() == _SHA256:
                return _loaded(found, content, device)
            others.append(str(found))
    if others:
        raise UnlearningError(
            f"{' and '.join(others)} is not NVIDIA's {_FILE} (its SHA-256 differs), and is not run: get it again, or "
            "give load_inception(path) if you trust that file."
        )
    raise UnlearningError(_missing(f"There is no {cache_folder() / _FILE}: download NVIDIA's {_FILE} into that folder"))


def cache_folder() -> Path:
    """Returns the user's own folder for the net: ``ignite_unlearn`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ignite_unlearn"


def clean_fid_folder() -> Path:
    """Returns the folder where clean-fid keeps the net."""
    return Path("." if platform.system() == "Windows" else "/tmp")


def _loaded(path: Path, content: bytes, device: torch.device | str) -> FeatureExtractor:
    from cleanfid.inception_torchscript import InceptionV3W

    # What was hashed is what is loaded: from a copy that nobody else can write to.
    with tempfile.TemporaryDirectory() as private:
        Path(private, _FILE).write_bytes(content)
        try:
            net = InceptionV3W(private, download=False).to(device).eval()
        except (RuntimeError, AttributeError) as error:
            raise UnlearningError(f"{path} is no intact TorchScript file of Inception: get it again.") from error
    return FeatureExtractor(net, "inception-2015-12-05, clean-fid", batch_size=64, resize=CleanResize())


def _missing(reason: str) -> str:
    return (
        f"{reason} (clean-fid's documentation links it), or give load_inception(path) or a FeatureExtractor of your "
        "own. Nothing is downloaded unasked."
    )
