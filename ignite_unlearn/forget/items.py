"""Item unlearning: a request to forget single images, found in batches by content and in latent space by inversion."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.description import Description
from ignite_unlearn.forget.examples import Examples, draw
from ignite_unlearn.forget.forget import Forget, LatentRegions
from ignite_unlearn.forget.image_index import ImageIndex, refuse_overlap
from ignite_unlearn.forget.inversion import FewSteps, Inverted, Inverter
from ignite_unlearn.forget.item_regions import ItemRegions, discoveries
from ignite_unlearn.forget.latent_search import LatentSearch
from ignite_unlearn.forget.looks import changes, with_mirrored
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.calling import outside
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.asked import BOOL, CALL, IMAGES, LABELS, asks, kind, maybe, number
from ignite_unlearn.utils.image_files import find_files

logger = logging.getLogger(__name__)


class ForgetItems(Forget):
    """A request for item unlearning: forget these images.

    Rows of a batch are recognised by content (:class:`.ImageIndex`), so order,
    batching, dtype and device do not matter. Random augmentation does: augmented images are not recognised. Then say
    so with ``augmented=True`` and give the loop :class:`~ignite_unlearn.ReplacedDataset`, which goes by index.

    Args:
        images: the forget set, shape ``(M, ...)``, in the value range of the images that ``GAN(..., image=...)`` gets
            from the loop's batches.
        labels: their class labels ``(M,)``; needed where the GAN is conditional.
        inversion: finds their latents when the phase begins, such as :class:`.Inversion`; None: they are
            not looked for, the generator is left to the loop, and only the discriminator is unlearned.
        search: finds all the latents that make them, where the generator reproduces its images, such as
            :class:`.LatentSearch`; in place of ``inversion``, and with ``unseen``.
        unseen: real images that the GAN was never trained on, at least eight, better 500. They say what error inversion
            has for images that the generator cannot know; items that it reproduces no better are not in its memory, and
            their latents are left alone. None: every latent found is given a substitute.
        neighbourhood: latents within this angle (radians) of an item's latent are given substitutes together with it.
        augmented: whether the loop augments at random; see above.

    Raises:
        UnlearningError: if there are no images, the labels do not fit, or an unseen image is one of the items.

    Example:
        >>> import torch
        >>> images = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> forget = ForgetItems(images[[1, 4]])
        >>> forget.rows(images.half(), None).tolist()
        [False, True, False, False, True, False]
        >>> forget.add(images[[0]])
        >>> len(forget)
        3
    """

    @asks(
        images=IMAGES,
        labels=maybe(LABELS),
        inversion=maybe(CALL),
        search=maybe(kind("a LatentSearch", LatentSearch)),
        unseen=maybe(IMAGES),
        neighbourhood=number(),
        augmented=BOOL,
    )
    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        inversion: Inverter | None = None,
        search: LatentSearch | None = None,
        unseen: Tensor | None = None,
        neighbourhood: float = 0.2,
        augmented: bool = False,
    ):
        if search is not None and (unseen is None or inversion is not None):
            raise UnlearningError(
                "ForgetItems(search=...) takes the place of inversion=, and needs unseen images, unseen=..., to tell "
                "how near is too near."
            )
        if unseen is not None and len(unseen) < 8:
            raise UnlearningError(
                f"ForgetItems(unseen=...) needs at least eight images to compare with: {len(unseen)}."
            )
        if not 0 <= neighbourhood < 1.5:
            raise UnlearningError(f"ForgetItems(neighbourhood={neighbourhood}) must be an angle in [0, 1.5) radians.")
        self.inversion = inversion
        self.search = search
        self.unseen = unseen
        self.neighbourhood = neighbourhood
        self.augmented = augmented
        self.inverted: Inverted | None = None
        self._set(images, labels, torch.zeros(len(images), dtype=torch.int64))

    @classmethod
    def of_dataset(cls, dataset: Any, indices: Iterable[int], **options: Any) -> ForgetItems:
        """Returns a request for the items of a map-style dataset at ``indices``.

        Args:
            dataset: gives an image tensor, or a tuple of an image tensor and perhaps a class label.
            indices: the forget set. An item's mirror image half the dataset away joins it, as in data sets that are
                doubled by mirroring (StyleGAN's ``mirror=1``).
            options: of :class:`ForgetItems`.

        Raises:
            UnlearningError: if an index is outside the dataset, or if an item changes from one look to the next, as
                under random augmentation, and ``augmented=True`` is not given. Items are looked at 512 times in all,
                each 2 to 256 times; an augmentation that changes one image in a hundred may still pass unnoticed.
        """
        chosen = sorted(set(indices))
        outside = [i for i in chosen if not 0 <= i < len(dataset)]
        if not chosen or outside:
            raise UnlearningError(
                f"Indices must be in 0 to {len(dataset) - 1}: got {outside[0] if outside else 'none'}."
            )
        if not options.get("augmented"):
            chosen = with_mirrored(lambda i: _image(dataset[i]), len(dataset), chosen)
        with borrow():  # an augmentation must not take from the streams of the user's run
            items = [dataset[i] for i in chosen]
        images = torch.stack([_image(item) for item in items])
        if not options.get("augmented") and changes(lambda i: _image(dataset[i]), chosen):
            raise UnlearningError(
                "The dataset's images change from one look to the next: random augmentation is at work, and forgotten "
                "images cannot be recognised in a batch. Wrap the dataset in ReplacedDataset(dataset, indices, ...) "
                "and pass augmented=True."
            )
        labels = [_label(item) for item in items]
        return cls(images, None if None in labels else torch.tensor(labels), **options)

    @classmethod
    def of_files(cls, dataset: Any, files: Iterable[str | Path], **options: Any) -> ForgetItems:
        """Returns a request for the items that an image folder loads from ``files``.

        Args:
            dataset: has ``samples`` of ``(path, class)``, as torchvision's ``ImageFolder``.
            files: paths; relative ones are matched by their ends, such as ``"cats/12.jpg"``.
            options: of :class:`ForgetItems`.

        Raises:
            UnlearningError: if the dataset has no list of files, or a file is not exactly one of them.
        """
        samples = getattr(dataset, "samples", None)
        if not samples:
            raise UnlearningError("The dataset has no list `samples` of (path, class): give indices, of_dataset(...).")
        return cls.of_dataset(dataset, find_files([path for path, *_ in samples], files), **options)

    def __len__(self) -> int:
        return len(self.images)

    def add(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Adds images of a later request; give the grown request to a new phase, so that the earlier ones stay away.

        What is added by one call is a request of its own: its images are to be like unseen ones by themselves, whatever
        has become of the earlier ones (:class:`.FakeLabel`).

        Raises:
            UnlearningError: if shapes or labels do not fit to those of the request.
        """
        if images.shape[1:] != self.images.shape[1:] or (labels is None) != (self.labels is None):
            raise UnlearningError(
                f"Images of shape {tuple(images.shape[1:])} {'without' if labels is None else 'with'} labels cannot be "
                f"added to a request of {tuple(self.images.shape[1:])} {'without' if self.labels is None else 'with'}."
            )
        both = None if labels is None or self.labels is None else torch.cat([self.labels, labels.to(self.labels)])
        added = torch.full((len(images),), int(self._requests.max()) + 1)
        self._set(torch.cat([self.images, images.to(self.images)]), both, torch.cat([self._requests, added]))

    def rows(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Returns a bool mask ``(N,)``: True for images of the forget set; all False where the loop augments."""
        if images.shape[1:] != self.images.shape[1:]:
            raise UnlearningError(
                f"The batch's images have shape {tuple(images.shape[1:])}, those to be forgotten "
                f"{tuple(self.images.shape[1:])}: give the items as the loop's batches hold them."
            )
        if self.augmented:
            return torch.zeros(len(images), dtype=torch.bool, device=images.device)
        return self._index.find(images) >= 0

    def describe(self) -> Description:
        """Returns the images, and what else the request was given."""
        return Description("items", images=self.images, labels=self.labels, unseen=self.unseen, by_index=self.augmented)

    def find(self, images: Tensor) -> Tensor:
        """Returns which item each of ``images`` is, int64 ``(N,)``: the first of equal ones, -1 where it is none."""
        return self._index.find(images)

    def examples(self, n: int) -> Examples:
        """Returns ``n`` images of the forget set (all, if it is smaller), of every added request its share."""
        return draw(Examples(self.images, self.labels, self._requests), n)

    def regions(self, teacher: GAN) -> LatentRegions:
        """Inverts the images and returns the regions around their latents.

        Raises:
            UnlearningError: if the images do not fit the generator.
        """
        if teacher.labels is not None and self.labels is None:
            raise UnlearningError("The GAN is conditional: give the items' class labels, ForgetItems(images, labels).")
        if (said := outside(self.labels, teacher.labels)) is not None:
            raise UnlearningError(f"The items' {said}: give them as the loop's batches hold them.")
        if self.search is not None and self.unseen is not None:
            found_regions = self.search(teacher, self.images, self.labels, self.unseen)
            logger.info("Search: %d of %d latents drawn make an item.", found_regions.found, self.search.draws)
            return found_regions
        if self.inversion is None:
            return ItemRegions(teacher, None, self.neighbourhood)
        images, labels = self.images.to(teacher.device), self.labels
        if self.unseen is not None:  # together: all in one search
            images = torch.cat([images, self.unseen.to(images)])
            labels = (
                None if labels is None else torch.cat([labels, labels[torch.arange(len(self.unseen)) % len(labels)]])
            )
        found = self.inversion(teacher, images, labels)
        n = len(self)
        self.inverted = _rows(found, torch.arange(n))
        if self.unseen is None:
            return ItemRegions(teacher, self.inverted, self.neighbourhood)
        known = discoveries(self.inverted.errors, found.errors[n:])
        logger.info(
            "Inversion: %d of %d items are reproduced more closely than unseen images are (mean errors %.3g and %.3g).",
            int(known.sum()), n, float(self.inverted.errors.mean()), float(found.errors[n:].mean()),
        )  # fmt: skip
        return ItemRegions(teacher, _rows(self.inverted, known.nonzero().flatten()), self.neighbourhood)

    def compared_with(self, unseen: Tensor) -> ForgetItems:
        """Returns a copy that looks for all latents that make the items, where nothing else was asked for.

        Raises:
            UnlearningError: if there are fewer than eight unseen images, or one of them is one of the items.
        """
        if self.inversion is not None or self.search is not None or self.unseen is not None:
            return self
        compared = ForgetItems(self.images, self.labels, search=LatentSearch(), unseen=unseen, augmented=self.augmented)
        compared._requests = self._requests
        return compared

    def trial(self, n: int) -> ForgetItems:
        """Returns a request whose inversion is tried on ``n`` images in a step; nothing of it is kept in this one."""
        if self.inversion is None and self.search is None:
            return self
        tried = copy.copy(self)
        if self.search is not None:
            tried.search = self.search.briefly()
            return tried
        assert self.inversion is not None
        # Without unseen images every item counts as known, so that the generator's half is tried too.
        tried.inversion, tried.unseen = FewSteps(self.inversion, n), None
        return tried

    def _set(self, images: Tensor, labels: Tensor | None, requests: Tensor) -> None:
        if labels is not None and len(labels) != len(images):
            raise UnlearningError(
                f"ForgetItems() got {len(images)} images but {len(labels)} labels: give one an image."
            )
        labels = None if labels is None else labels.reshape(len(images), -1)
        if labels is not None and labels.shape[1] != 1:
            raise UnlearningError(
                f"ForgetItems() got labels of shape {(len(images), labels.shape[1])}: give one class an image, such as "
                "labels.argmax(1) of one-hot ones."
            )
        labels = None if labels is None else labels[:, 0]
        index = ImageIndex(images)
        if self.unseen is not None:
            refuse_overlap(self.unseen, images)
        self.images, self.labels, self._requests, self._index = images.detach(), labels, requests, index


def _rows(inverted: Inverted, rows: Tensor) -> Inverted:
    rows = rows.to(inverted.latents.device)
    labels = None if inverted.labels is None else inverted.labels[rows]
    return Inverted(inverted.latents[rows], labels, inverted.errors[rows], inverted.steps)


def _label(item: Any) -> int | None:
    """Returns an item's class label; None where it has none, or what it has is no whole number."""
    given = item[1] if isinstance(item, (tuple, list)) and len(item) > 1 else None
    try:
        number = math.nan if given is None or isinstance(given, (str, bytes)) else float(given)
    except (TypeError, ValueError, RuntimeError):  # several numbers, such as attributes, or none
        return None
    return int(number) if number.is_integer() else None


def _image(item: Any) -> Tensor:
    image = item[0] if isinstance(item, (tuple, list)) else item
    if not isinstance(image, Tensor):
        raise UnlearningError(f"Items of the dataset are {type(item).__name__}: expected an image tensor or a pair.")
    return image
