"""Item unlearning in the stock recipes: inversion, then a short cascade with Gauss-Newton for the discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ignite_unlearn.gan.borrow import step_seed
from ignite_unlearn.utils.clock import wall_clock
from ignite_unlearn.forget.items import ForgetItems
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.cascade.gauss_newton import GaussNewton
from ignite_unlearn.cascade.cascade import CascadedUnlearning
from ignite_unlearn.forget.inversion import Inversion, Inverted
from ignite_unlearn.recipes.methods.choices import make_fake_label, make_substitution
from ignite_unlearn.runs.loop import PhaseResult, UnlearningLoop
from ignite_unlearn.runs.request import Request
from ignite_unlearn.cascade.step import DiscriminatorStep, OptimizerFactory

_COMPARED = 512  # unseen images whose inversion says what error is no sign of memory


class ItemPhase:
    """The unlearning phase on the original nets.

    Args:
        request: the run.
        generator: the original generator; it is changed.
        discriminator: the original discriminator; it is changed.
    """

    def __init__(self, request: Request, generator: nn.Module, discriminator: nn.Module):
        self._request = request
        options, data, forgotten = request.options, request.data, request.forgotten
        self.loop = UnlearningLoop(request, generator, discriminator)
        calibration, labels = request.calibration
        self._inversion = _Timed(
            Inversion(candidates=options["candidates"], steps=options["inversion_steps"], progress=request.progress)
        )
        self._iterations = options["unlearning_iterations"] * options["every"]
        self._unlearning = CascadedUnlearning(
            self.loop.gan,
            forget=ForgetItems(
                data.images[forgotten],
                data.labels[forgotten] if request.recipe.conditional else None,
                inversion=self._inversion if options["generator_half"] != "never" else None,
                unseen=calibration[:_COMPARED] if options["generator_half"] == "where_known" else None,
            ),
            substitution=make_substitution(options["substitution"]),
            fake_label=make_fake_label(
                options["fake_label"], calibration, labels, step_seed(request.seed, options["first_item"])
            ),
            discriminator_step=_discriminator_step(request),
            optimizer=_adam(options["unlearning_lr"]),
            anchor=options["anchor"],
            batch_size=max(options["unlearning_batch_size"], min(options["items"], 256)),
            generator_steps=options["unlearning_steps"],
            every=options["every"],
            max_iterations=options["unlearning_iterations"],
            seed=request.seed,
        )

    def run(self) -> PhaseResult:
        """Unlearns the items."""
        start = wall_clock()
        self.loop.run(self._unlearning, self._iterations)
        seconds = wall_clock() - start
        return PhaseResult(
            self.loop.released.teacher(),
            seconds - self._inversion.seconds,
            self._inversion.seconds,
            self._unlearning.iterations,
            self._unlearning.stopped_because or "the run ended",
            self.loop.curves.as_dict(),
            self._unlearning.bounds,
            self._unlearning.found,
        )

    def go_on(self, iterations: int) -> None:
        """Takes further learning steps on retained images, as the user's loop does after the phase."""
        self.loop.run(self._unlearning, iterations, title="learning on")


def _discriminator_step(request: Request) -> DiscriminatorStep | None:
    options, data, kept = request.options, request.data, ~request.forgotten
    if options["discriminator_step"] == "none":  # an ablation: the generator alone
        return lambda gan, teacher, rows, fake_label: {}
    if options["discriminator_step"] == "descent":
        return None
    calibration, labels = request.calibration
    return GaussNewton(
        data.images[kept],
        data.labels[kept],
        unseen=calibration,
        unseen_labels=labels,
        rows=options["held_rows"],
        ridge=options["ridge"],
    )


class _Timed:
    """An inversion that counts its seconds."""

    def __init__(self, inversion: Inversion):
        self._inversion = inversion
        self.seconds = 0.0

    def __call__(self, gan: GAN, images: Tensor, labels: Tensor | None = None) -> Inverted:
        start = wall_clock()
        found = self._inversion(gan, images, labels)
        self.seconds += wall_clock() - start
        return found


def _adam(lr: float) -> OptimizerFactory:
    return lambda parameters: torch.optim.Adam(parameters, lr, betas=(0.5, 0.99), eps=5e-3)
