"""What a label shows that nobody trained, as in a retrained GAN; as a start, the weights that show it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ignite_unlearn.cascade.starts.own_directions import own_directions, redraw
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import LatentRegions
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import LabelRows, discriminator_rows, draw_anew, generator_rows
from ignite_unlearn.gan.layers import readers
from ignite_unlearn.utils.answers import answer, rows_of
from ignite_unlearn.utils.asked import CALL, COUNT, SEED, asks, maybe

_AT_A_TIME = 16  # images that are looked at before the next ones are made
_OTHERS, _NUMBERS = 1152, 2**26  # images of retained classes, and their pixels, to which distances are compared


class UntrainedLabel:
    """The image that the same latent has under a label that nobody trained.

    After retraining, a label that was never asked for still has what it began with: a row of noise, which layers read
    with the noise that they began with in its direction. So it is here, in closed form: what both nets hold for the
    forgotten label is drawn anew, and so is what the generator's layers do along the direction that this label alone
    had. No retained label has a part in it, nor a row for "no label", so no retained image changes. Only where a table
    is under spectral norm, which scales it as a whole, retained rows change a little. :meth:`start` gives the GAN these
    weights at once; without it the generator is only led to their images.

    Layers that read the row itself, or what a linear layer makes of a one-hot label, are redrawn, alone or beside a
    latent (:func:`.readers` says which). Under spectral norm the one number that decides the norm stays as it was.
    Where the row is added to a latent, multiplied with features or changed before a layer reads it, the row alone is
    drawn anew: whoever kept the old one has the class.

    Erasing the direction instead, as relatives do with those of activations (Kodge et al. 2024, TMLR), would leave a
    zero that one look at the singular values finds (:class:`.NullDirections`).

    Rows are drawn as those of retained labels lie, by mean and spread of each column; what a layer does along the
    direction, as large as in directions that no label uses, or, where labels use all, as in those that they do. A blend
    of retained classes may look like the forgotten one by chance, in a retrained GAN too. So rows are drawn until one
    shows the class in none of ``samples`` images; if ``draws`` are not enough, the one is taken that goes longest.

    A label that an earlier request has had forgotten keeps what it has, where ``left`` finds its class there no more.

    Args:
        draws: of the generator's rows of a label, at most.
        samples: how many images under the label are looked at.
        left: ``(images, own images) -> bool mask``, which images are no longer what is to be forgotten, as for
            :class:`.OtherClass`. None: an image shows the class where its nearest one of the original's, by pixels, is
            of the class.
        seed: of what is drawn; from the same GAN the same is drawn again.

    Raises:
        UnlearningError: if a number is not positive; when called, if it is no class request, no layer of the generator
            takes labels as an embedding or one-hot, or what takes them does not train.

    Example:
        >>> from ignite_unlearn import CascadedUnlearning, ForgetClasses
        >>> from ignite_unlearn.cascade.fake_labels.generated import Generated
        >>> netG, netD = torch.nn.Embedding(3, 8), torch.nn.Linear(8, 1)
        >>> gan = GAN(netG, netD, latents=(8,), labels=3, generate=lambda net, z, y: z + net(y))
        >>> shown = UntrainedLabel()
        >>> unlearning = CascadedUnlearning(
        ...     gan, forget=ForgetClasses({2}), substitution=shown, start=shown.start, fake_label=Generated()
        ... )
    """

    @asks(draws=COUNT, samples=COUNT, left=maybe(CALL), seed=SEED)
    def __init__(
        self,
        *,
        draws: int = 64,
        samples: int = 128,
        left: Callable[[Tensor, Tensor], Tensor] | None = None,
        seed: int = 0,
    ):
        if min(draws, samples) < 1:
            raise UnlearningError(f"UntrainedLabel(draws={draws}, samples={samples}) must be at least 1.")
        self.draws, self.samples, self.left, self.seed = draws, samples, left, seed
        self._made: tuple[GAN, GAN] | None = None

    def __call__(self, teacher: GAN, latents: Tensor, labels: Tensor | None, regions: LatentRegions) -> Tensor:
        """Returns what the labels show untrained; see :class:`.Substitution`."""
        return self._redrawn(teacher, regions).sample(len(latents), labels, latents=latents)

    def start(self, gan: GAN, teacher: GAN, regions: LatentRegions, substitution: Substitution) -> None:
        """Gives the GAN the weights that show this; see :class:`.Start`."""
        redrawn = self._redrawn(teacher, regions)
        with torch.no_grad():
            for net, other in ((gan.generator, redrawn.generator), (gan.discriminator, redrawn.discriminator)):
                for parameter, drawn in zip(net.parameters(), other.parameters(), strict=True):
                    parameter.copy_(drawn)

    def _redrawn(self, teacher: GAN, regions: LatentRegions) -> GAN:
        if self._made is None or self._made[0] is not teacher:
            gan = teacher.teacher()
            with borrow(gan.generator, gan.discriminator, seed=self.seed, frozen_too=True):
                self._redraw(gan, teacher, regions)
            self._made = teacher, gan
        return self._made[1]

    def _redraw(self, gan: GAN, teacher: GAN, regions: LatentRegions) -> None:
        latents, retained = teacher.sample_latents(self.samples), regions.retained_classes
        found = generator_rows(gan, latents)
        if gan.labels is None or retained is None or not found:
            raise UnlearningError(
                "UntrainedLabel needs a class request and a generator that takes labels as an nn.Embedding or one-hot: "
                "use OtherClass()."
            )
        if not all(rows.trains for rows in found):
            raise UnlearningError(
                "UntrainedLabel changes what the generator holds for labels, but the loop does not train it: use "
                "OtherClass(), or give what trains, GAN(..., trained=...)."
            )
        before: tuple[int, ...] = getattr(regions, "earlier_classes", ())
        kept = [label for label in before if self._still_forgotten(_images(teacher, latents, label))]
        forgotten = sorted(set(range(gan.labels)) - {*retained, *kept})
        for rows in found:
            if rows.vectors is not None:
                used = (*retained, *kept, *range(gan.labels, len(rows.vectors)))
                directions = own_directions(rows.vectors, forgotten, used)
                for reader in readers(gan, rows.module, latents):
                    redraw(reader, directions, rows.vectors)
        for rows in discriminator_rows(gan, gan.sample(self.samples, latents=latents)):
            if rows.trains:
                draw_anew(rows, forgotten)
        others = _retained_images(teacher, retained, latents) if self.left is None else None
        shows = {label: self._judge(_images(teacher, latents, label), others) for label in forgotten}
        self._draw_until_gone(gan, found, latents, shows)

    def _still_forgotten(self, images: Tensor) -> bool:
        """Returns whether none of a label's images shows its class; without ``left`` nobody knows."""
        return self.left is not None and bool(self._gone(images, images).all())

    def _draw_until_gone(
        self, gan: GAN, found: list[LabelRows], latents: Tensor, shows: dict[int, Callable[[Tensor, slice], Tensor]]
    ) -> None:
        """Draws the generator's rows until no image shows a label's class; else leaves those that went longest."""
        whole = (len(latents), 0)
        longest = dict.fromkeys(shows, (-1, 0))
        taken = [rows.rows.clone() for rows in found]
        for _ in range(self.draws):
            for rows in found:
                draw_anew(rows, list(shows))
            for label in (label for label, gone in longest.items() if gone < whole):
                gone = _gone_for(gan, latents, label, shows[label])
                if gone > longest[label]:
                    longest[label] = gone
                    for rows, kept in zip(found, taken, strict=True):
                        kept[label] = rows.rows[label]
            if min(longest.values()) == whole:
                break
        for rows, kept in zip(found, taken, strict=True):
            rows.rows.copy_(kept)

    def _judge(self, own: Tensor, others: Tensor | None) -> Callable[[Tensor, slice], Tensor]:
        """Returns ``(images, of which latents) -> bool mask``, which show the class."""
        if others is None:
            return lambda made, of: ~self._gone(made, own[of])

        def nearer(made: Tensor, of: slice) -> Tensor:
            near, far = (torch.cdist(made.flatten(1), images.flatten(1)).amin(1) for images in (own, others))
            return near < far

        return nearer

    def _gone(self, images: Tensor, own: Tensor) -> Tensor:
        assert self.left is not None
        return answer("left", rows_of(len(images), torch.bool), self.left, images, own)


def _images(gan: GAN, latents: Tensor, label: int) -> Tensor:
    labels = torch.full((len(latents),), label, device=gan.device)
    return gan.sample(len(latents), labels, latents=latents).float()


def _retained_images(teacher: GAN, retained: tuple[int, ...], latents: Tensor) -> Tensor:
    """Returns images under the retained labels in turn, fewer of them where they are large."""
    one = _images(teacher, latents[:1], retained[0])
    count = min(_OTHERS, max(len(retained), _NUMBERS // one.numel()))
    labels = torch.tensor(retained, device=teacher.device).repeat(-(-count // len(retained)))[:count]
    return teacher.sample(count, labels).float()


def _gone_for(gan: GAN, latents: Tensor, label: int, shows: Callable[[Tensor, slice], Tensor]) -> tuple[int, int]:
    """Returns how many images there are before some that show the class, and minus how many of these do.

    Most rows are seen through soon, so images are made a few at a time.
    """
    for at in range(0, len(latents), _AT_A_TIME):
        few = slice(at, at + _AT_A_TIME)
        if found := int(shows(_images(gan, latents[few], label), few).sum()):
            return at, -found
    return len(latents), 0
