"""The one place that knows how a user's generator and discriminator are called."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from ignite.engine import Engine
from torch import Tensor, nn

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.averages import kept_around
from ignite_unlearn.gan.batch import BatchForm
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.calling import (
    GAN_ASKS,
    call_generator,
    call_with_labels,
    call_without_labels,
    discriminator_refused,
    generator_refused,
    shape_of,
)
from ignite_unlearn.gan.copies import frozen_copy
from ignite_unlearn.gan.fields import Accessor, Path
from ignite_unlearn.gan.heads import mean_score, read_scores, said_of_heads
from ignite_unlearn.gan.logits import logits_before_sigmoids
from ignite_unlearn.gan.nets import as_called, refuse_net, takes_labels, unwrap
from ignite_unlearn.gan.precision import as_weights, full
from ignite_unlearn.gan.state import state_kept
from ignite_unlearn.gan.streams import seeded
from ignite_unlearn.gan.trained import (
    Trained,
    decide_trained,
    declared,
    optimizers_among,
    said_of_training,
    trained_parameters,
)
from ignite_unlearn.utils.answers import CALL_ERRORS, answer, indexable, speaks_for_itself
from ignite_unlearn.utils.asked import asks, shown
from ignite_unlearn.utils.memory import FEW, images_at_once

Scores = Literal["logits", "probabilities", "critic"]


class GAN:
    """A generator and a discriminator, and how to call them.

    Args:
        generator: maps latents ``(N, *latents)``, and labels where the GAN is conditional, to images ``(N, ...)``.
        discriminator: maps images, and labels where its ``forward`` takes a second argument, to a score: a tensor of
            any shape with N rows, or a tuple or dict that holds one.
        latents: shape of one latent, drawn from N(0, 1), or a callable ``n -> latents`` of shape ``(n, ...)``.
        scores: what the discriminator returns: ``"logits"``, ``"probabilities"`` in [0, 1] or ``"critic"`` values, as
            those of a WGAN or a least-squares GAN.
        labels: the number of classes of a conditional GAN; None for an unconditional one.
        image: where the batch keeps its images; see :class:`.BatchForm`.
        label: where the batch keeps its class labels; likewise.
        generate: ``(generator, latents, labels) -> images`` where the generator is called in another way.
        discriminate: ``(discriminator, images, labels) -> scores`` likewise.
        trained: what says which parameters train: the loop's optimisers, such as ``(optG, optD)``, or the parameters
            themselves. All others stay as they are. None: a phase looks for the optimisers in the trainer that it is
            attached to; where there are none, it goes by what asks for gradients then.

    Raises:
        UnlearningError: if an argument does not fit.

    Example:
        >>> import torch
        >>> netG = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
        >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
        >>> gan = GAN(netG, netD, latents=(8,))
        >>> images = gan.sample(5)
        >>> images.shape, gan.score(images).shape
        (torch.Size([5, 1, 4, 4]), torch.Size([5]))
    """

    @asks(**GAN_ASKS)
    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        latents: tuple[int, ...] | Callable[[int], Tensor] = (100, 1, 1),
        scores: Scores = "logits",
        labels: int | None = None,
        image: Path | Sequence[Path] | Accessor | None = None,
        label: Path | Sequence[Path] | Accessor | None = None,
        generate: Callable[[nn.Module, Tensor, Tensor | None], Tensor] | None = None,
        discriminate: Callable[[nn.Module, Tensor, Tensor | None], Any] | None = None,
        trained: Trained | None = None,
    ):
        if not isinstance(scores, str) or scores not in ("logits", "probabilities", "critic"):
            raise UnlearningError(
                f"GAN(..., scores={shown(scores)}) is not known: expected 'logits', 'probabilities' or 'critic'."
            )
        if labels is not None and labels < 2:
            raise UnlearningError(f"GAN(..., labels={labels}) must be the number of classes, at least 2, or None.")
        for net, what in ((generator, "generator"), (discriminator, "discriminator")):
            refuse_net(net, what)
        self.called = as_called(generator)
        self.generator = unwrap(generator)
        self.discriminator = unwrap(discriminator)
        self.latents = latents
        self.scores = scores
        self.labels = labels
        self.batch = BatchForm(image, label, classes=labels)
        self.noise: tuple[int, int] | None = None  # a seed of the generator's noise, and rows in a call; see same_noise
        self.draws_noise: bool | None = None
        self._at_once: int | None = None  # images of this size that are made at once; None: not known yet
        self._is_teacher = False
        self._trained_declared = trained is not None
        if trained is not None:
            declared({"generator": self.generator, "discriminator": self.discriminator}, trained)
        self._generate = generate or call_generator
        self._discriminate = discriminate or (
            call_with_labels if labels is not None and takes_labels(self.discriminator) else call_without_labels
        )

    @property
    def device(self) -> torch.device:
        """The device that the generator is on."""
        return self._weight().device

    def sample_latents(self, n: int) -> Tensor:
        """Returns ``n`` latents on the generator's device, drawn on the CPU so that every device sees the same.

        They are of the generator's dtype, and of float32 where its weights have half precision: see
        :mod:`ignite_unlearn.gan.precision`.
        """
        weight = self._weight()
        if callable(self.latents):
            drawn = answer("GAN(latents=...)", indexable(n), self.latents, n)
            return full(drawn.to(weight.device)) if isinstance(drawn, Tensor) else drawn
        return full(torch.randn(n, *self.latents).to(weight.device, weight.dtype))

    def sample_labels(self, n: int) -> Tensor | None:
        """Returns ``n`` class labels, int64 of shape ``(n,)``, each class equally likely; None if unconditional."""
        return None if self.labels is None else torch.randint(self.labels, (n,)).to(self.device)

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the generator's images for ``latents``, with gradients, in the mode that the generator is in.

        Raises:
            UnlearningError: if generator and latents do not fit together, or the result is no tensor of N images.
        """
        with self.calling_generator():
            return self._made(latents, labels)

    def _made(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        try:
            given = as_weights(latents, self.generator)
            images = self._generate(self.generator, given, labels if self.labels is not None else None)
        except CALL_ERRORS as error:
            if speaks_for_itself(error):
                raise
            raise generator_refused(error, latents, labels, self.labels) from error
        if not isinstance(images, Tensor) or len(images) != len(latents):
            raise UnlearningError("The generator must return one tensor of N images; pass GAN(..., generate=...).")
        return full(images)

    def sample(
        self, n: int, labels: Tensor | None = None, *, latents: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Returns ``n`` generated images, made in eval mode and without gradients; the generator is left as it was.

        Args:
            n: how many images.
            labels: class labels ``(n,)``; drawn where None and the GAN is conditional.
            latents: latents ``(n, ...)``; drawn where None.
            batch_size: how many images are made at once; None: 256, fewer where they are large.
        """
        latents = self.sample_latents(n) if latents is None else latents
        labels = self.sample_labels(n) if labels is None else labels.to(self.device)

        def part(start: int, stop: int) -> Tensor:
            # What is borrowed is put back already.
            made = self._made if self.noise is None else self.generate
            return made(latents[start:stop], None if labels is None else labels[start:stop])

        if self.noise is not None:
            batch_size = self.noise[1]
        elif batch_size is None and self._at_once is None and n > FEW:
            with borrow(self.generator), torch.no_grad():
                self._at_once = images_at_once(part(0, FEW))
        step = batch_size or self._at_once or FEW
        with borrow(self.generator), torch.no_grad():
            return torch.cat([part(i, min(i + step, n)) for i in range(0, n, step)])

    def score(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the discriminator's scores of ``images`` as logits or critic values, shape ``(N,)``.

        Probabilities are turned into logits; maps and other dimensions are averaged per image, and so are the scales of
        a multi-scale discriminator. Of several heads the score alone is read (:func:`.heads.read_scores`).

        Raises:
            UnlearningError: if the discriminator's output cannot be read as N scores of the declared kind.
        """
        scores, logits = self._scores(images, labels)
        if self.scores == "probabilities":
            scores = [logits(self._checked(score)) for score in scores]
        return mean_score([full(score) for score in scores])

    def heads(self, images: Tensor, labels: Tensor | None = None) -> list[str]:
        """Returns sentences on what of the discriminator's output takes part in unlearning; see :mod:`.heads`."""
        with self._kept(self.discriminator):
            output = self._discriminate(self.discriminator, self._seen(images), labels)
        return said_of_heads(output, len(images), self.labels)

    def _scores(self, images: Tensor, labels: Tensor | None) -> tuple[list[Tensor], Callable[[Tensor], Tensor]]:
        try:
            with (
                self._kept(self.discriminator),
                logits_before_sigmoids(self.discriminator, self.scores == "probabilities") as logits,
            ):
                output = self._discriminate(self.discriminator, self._seen(images), labels)
        except CALL_ERRORS as error:
            if speaks_for_itself(error):
                raise
            raise discriminator_refused(error, images, labels, self.labels) from error
        scores = read_scores(output)
        if not scores or any(score.dim() == 0 or len(score) != len(images) for score in scores):
            raise UnlearningError(
                f"The discriminator returned {shape_of(output)} for {len(images)} images: expected a tensor with one "
                "row an image, or a tuple or dict that holds one. Pass GAN(..., discriminate=...)."
            )
        return scores, logits

    def _seen(self, images: Tensor) -> Tensor:
        return as_weights(images.to(self.device), self.discriminator)

    def _checked(self, scores: Tensor) -> Tensor:
        if not scores.is_cuda and (scores.min() < 0 or scores.max() > 1):  # on CUDA this would wait for the device
            raise UnlearningError(
                f"GAN(..., scores='probabilities') but the discriminator returned {scores.min():.3g} to "
                f"{scores.max():.3g}, outside [0, 1]: declare scores='logits' or scores='critic'."
            )
        return scores

    def _weight(self) -> Tensor:
        weight = next(self.generator.parameters(), None)
        if weight is None:
            raise UnlearningError("The generator has no parameters: give GAN(...) the net that is trained.")
        return weight

    def teacher(self) -> GAN:
        """Returns a frozen copy of this GAN in eval mode: what the generator and discriminator know now."""
        frozen = copy.copy(self)
        frozen._is_teacher = True
        frozen.generator = frozen_copy(self.generator, "generator")
        frozen.discriminator = frozen_copy(self.discriminator, "discriminator")
        return frozen

    @contextmanager
    def calling_generator(self) -> Iterator[None]:
        """Stands around a call of the generator, or of a part of it: a teacher's state stays, and noise is the same."""
        with (
            self._kept(self.generator),
            nullcontext() if self.noise is None else seeded(self.generator, self.noise[0]),
        ):
            yield

    def learner(self) -> GAN:
        """Returns a copy of this GAN in train mode, whose parameters that train ask for gradients."""
        copied = self.teacher()
        copied._is_teacher = False
        for net in (copied.generator, copied.discriminator):
            net.train()
            for parameter in trained_parameters(net):
                parameter.requires_grad_(True)
        return copied

    def _kept(self, net: nn.Module) -> AbstractContextManager:
        # A teacher stays what it is, however often and by whomever it is called.
        return state_kept(net, trained=trained_parameters(net)) if self._is_teacher else nullcontext()

    def decide_trained(self, trainer: Engine) -> None:
        """Decides which parameters train, by the optimisers in a trainer; ``GAN(trained=)`` is not overruled."""
        if not self._trained_declared:
            optimizers = optimizers_among(kept_around(trainer))
            for net in (self.generator, self.discriminator):
                decide_trained(net, optimizers)

    def said_of_training(self) -> list[str]:
        """Returns sentences on which parameters train, for the nets of which not all do."""
        said = (said_of_training(getattr(self, what), what) for what in ("generator", "discriminator"))
        return [sentence for sentence in said if sentence is not None]

    def rescored(self, score: Callable[[Tensor, Tensor | None], Tensor]) -> GAN:
        """Returns a GAN of the same nets whose scores are what ``(images, labels) -> (N,)`` says."""
        other = copy.copy(self)
        other.scores = "critic"
        other._discriminate = lambda discriminator, images, labels: score(images, labels)
        return other
