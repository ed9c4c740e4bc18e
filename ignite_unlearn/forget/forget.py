"""What is to be forgotten: the rows of a batch that belong to the forget set, and the latents that make such images."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.description import Description
from ignite_unlearn.forget.examples import Examples
from ignite_unlearn.forget.found_regions import FoundRegions
from ignite_unlearn.forget.image_index import ImageIndex
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.precision import as_weights, full
from ignite_unlearn.utils.asked import CALL, COUNT, asks, maybe

Classifier = Callable[[Tensor], Tensor]


class LatentRegions(Protocol):
    """Where, in the latent space of the original generator, forgotten and retained images are made.

    One of your own may offer ``substitutes(n)`` too, as ``retained(n)``: latents whose images may take the place of
    forgotten ones. Without it all retained ones may.
    """

    @property
    def retained_classes(self) -> tuple[int, ...] | None:
        """The retained classes of a conditional GAN; None for an unconditional one."""

    def forgotten(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Returns ``n`` latents (and labels) whose images are to be forgotten; none where there are none."""

    def retained(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Returns ``n`` latents (and labels) whose images are to stay."""


def substitutes(regions: LatentRegions, n: int) -> tuple[Tensor, Tensor | None]:
    """Returns ``n`` latents (and labels) whose images may take the place of forgotten ones.

    These are retained ones, but where regions offer ``substitutes(n)``: not all that is to stay is so far from what is
    forgotten that it may stand for it.
    """
    offered: Callable[[int], tuple[Tensor, Tensor | None]] = getattr(regions, "substitutes", regions.retained)
    return offered(n)


class Forget(Protocol):
    """A request to forget: which rows of a batch it names, and which latents.

    One of your own inherits from this class; ``rows`` and ``regions`` are what it must say.

    Example:
        >>> class ForgetBright(Forget):
        ...     def rows(self, images, labels):
        ...         return images.flatten(1).mean(1) > 0.5
        ...     def regions(self, teacher):
        ...         ...
        >>> forget = ForgetBright()
        >>> forget.rows(torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]), None).tolist()
        [False, True]
        >>> forget.describe().kind, forget.describe().classes, forget.describe().count
        ('ForgetBright', (), None)
    """

    @abstractmethod
    def rows(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Returns a bool mask of shape ``(N,)``: True for rows of the forget set."""

    @abstractmethod
    def regions(self, teacher: GAN) -> LatentRegions:
        """Returns where the teacher makes forgotten and retained images."""

    def describe(self) -> Description:
        """Returns what the request is, for whoever looks at it; by default its class's name alone."""
        return Description(kind=type(self).__name__)

    def examples(self, n: int) -> Examples | None:
        """Returns about ``n`` images of the forget set, drawn; None where the request holds no images."""
        return None

    def find(self, images: Tensor) -> Tensor:
        """Returns which of the images that it holds each of ``images`` is, int64 ``(N,)``; -1 where it is none."""
        known = self.describe().images
        if known is None:
            return torch.full((len(images),), -1, device=images.device)
        return ImageIndex(known).find(images)

    def replacement_labels(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """Returns the class labels that images put into a batch carry there; None where nobody knows them."""
        return labels

    def together_with(self, classes: Iterable[int]) -> Forget:
        """Returns the request with classes that were forgotten before; by default itself."""
        return self

    def compared_with(self, unseen: Tensor) -> Forget:
        """Returns the request for whoever has real images that the GAN never saw, ``(K, ...)``; by default itself."""
        return self

    def trial(self, n: int) -> Forget:
        """Returns a request whose regions are found in a moment, of ``n`` images at most, for a look before a run."""
        return self


class ForgetClasses(Forget):
    """A request for class unlearning: forget every image of these classes.

    Args:
        classes: the classes, as the integers that label them.
        classifier: ``images (N, ...) -> class scores (N, K)``, for unconditional GANs (it finds the latents) and for
            batches without labels (it finds the rows). A conditional GAN with labelled batches needs none.
        pool: for unconditional GANs, how many latents of either kind are looked up when the phase begins.

    Attributes:
        classes: all of them, in order.
        earlier: those of ``classes`` that an earlier request has had forgotten.

    Raises:
        UnlearningError: if ``classes`` is empty or holds anything but integers >= 0.

    Example:
        >>> import torch
        >>> ForgetClasses({7}).rows(torch.zeros(3, 1, 8, 8), torch.tensor([7, 1, 7])).tolist()
        [True, False, True]
    """

    @asks(classifier=maybe(CALL), pool=COUNT)
    def __init__(self, classes: Iterable[int], *, classifier: Classifier | None = None, pool: int = 512):
        try:
            given = [] if isinstance(classes, (str, bytes)) else list(classes)
        except TypeError:
            given = None
        if given is None or isinstance(classes, (str, bytes)):
            raise UnlearningError(f"ForgetClasses() needs the classes in a set, such as {{7}}, not {classes!r}.")
        if not given:
            raise UnlearningError("The forget set is empty: name at least one class, such as ForgetClasses({7}).")
        self.classes = tuple(sorted({_class(c) for c in given}))
        self.earlier: tuple[int, ...] = ()
        self.classifier = classifier
        self.pool = pool

    def rows(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Returns a bool mask of shape ``(N,)``: True for rows of the forgotten classes.

        Raises:
            UnlearningError: if there are neither labels nor a classifier.
        """
        if labels is None:
            if self.classifier is None:
                raise UnlearningError(
                    "The batch holds no class labels, so the rows of the forgotten classes cannot be found: say where "
                    "the labels are with GAN(..., label=...), or pass ForgetClasses(..., classifier=...)."
                )
            labels = self.classify(images)
        mask = labels == self.classes[0]
        for forgotten in self.classes[1:]:
            mask |= labels == forgotten
        return mask

    def describe(self) -> Description:
        """Returns the classes, and the classifier that tells them."""
        return Description("classes", self.classes, None if self.classifier is None else self.classify)

    def regions(self, teacher: GAN) -> LatentRegions:
        """Returns where the teacher makes forgotten and retained images.

        Raises:
            UnlearningError: if a class is not one of the GAN's, if none would be left, if an unconditional GAN comes
                without a classifier, or if it never makes images of one of the two kinds.
        """
        if teacher.labels is not None:
            return _LabelRegions(teacher, self.classes, self.earlier)
        if self.classifier is None:
            raise UnlearningError(
                "The GAN is unconditional, so its forgotten classes must be found by a classifier: pass "
                "ForgetClasses(..., classifier=...), or GAN(..., labels=number of classes) if it is conditional."
            )
        return FoundRegions(teacher, self.rows, pool=self.pool, classes=self.classes)

    def replacement_labels(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """Returns ``labels``, or the classifier's labels of ``images``, or None where nobody knows them."""
        return labels if labels is not None or self.classifier is None else self.classify(images)

    def together_with(self, classes: Iterable[int]) -> ForgetClasses:
        """Returns a request for these classes too, so that none of them is taken for a retained one.

        Args:
            classes: that were forgotten earlier.

        Example:
            >>> ForgetClasses({7}).together_with({2}).classes
            (2, 7)
        """
        request = ForgetClasses({*self.classes, *classes}, classifier=self.classifier, pool=self.pool)
        request.earlier = tuple(sorted({*request.classes} - ({*self.classes} - {*self.earlier})))
        return request

    def classify(self, images: Tensor) -> Tensor:
        """Returns the classifier's classes of ``images``, int64 ``(N,)``."""
        return self._scores(images).argmax(1)

    def _scores(self, images: Tensor) -> Tensor:
        assert self.classifier is not None
        nets = [self.classifier] if isinstance(self.classifier, torch.nn.Module) else []
        given = as_weights(images, nets[0]) if nets else images
        weight = next(nets[0].parameters(), None) if nets else None
        with borrow(*nets), torch.no_grad():  # batches may lie where the loop has not moved them yet
            scores = self.classifier(given if weight is None else given.to(weight.device))
        return full(scores).to(images.device)


def _class(given: Any) -> int:
    try:
        number = operator.index(given)  # NumPy's and PyTorch's integers, too
    except (TypeError, ValueError):
        number = -1
    if number < 0 or isinstance(given, bool) or str(getattr(given, "dtype", "")).endswith("bool"):
        raise UnlearningError(f"Classes to forget must be integers >= 0, not {given!r}.")
    return number


class _LabelRegions:
    """A conditional GAN: the label says whether a latent's image is forgotten."""

    def __init__(self, teacher: GAN, classes: tuple[int, ...], earlier: tuple[int, ...]):
        self.earlier_classes = earlier
        assert teacher.labels is not None
        outside = [c for c in classes if c >= teacher.labels]
        if outside:
            raise UnlearningError(
                f"Class {outside[0]} is not one of the GAN's {teacher.labels} classes (0 to {teacher.labels - 1})."
            )
        self.retained_classes = tuple(c for c in range(teacher.labels) if c not in classes)
        if not self.retained_classes:
            raise UnlearningError("All classes would be forgotten: at least one must be retained.")
        self._teacher = teacher
        self._forgotten = torch.tensor(classes, device=teacher.device)
        self._retained = torch.tensor(self.retained_classes, device=teacher.device)

    def forgotten(self, n: int) -> tuple[Tensor, Tensor]:
        return self._draw(n, self._forgotten)

    def retained(self, n: int) -> tuple[Tensor, Tensor]:
        return self._draw(n, self._retained)

    def _draw(self, n: int, classes: Tensor) -> tuple[Tensor, Tensor]:
        choice = torch.randint(len(classes), (n,)).to(classes.device)
        return self._teacher.sample_latents(n), classes[choice]
