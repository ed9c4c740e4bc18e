"""Small GANs of several families, each with the loop that trains it: what families.py unlearns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from families_nets import CLASSES, LATENTS, Discriminator, Generator, StyleGenerator
from ignite.engine import Engine
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from ignite_unlearn import GAN

Step = Callable[[Engine, Any], dict[str, float]]


@dataclass(frozen=True)
class Family:
    """A GAN, what it is trained on, its loop, and what it is to forget.

    Attributes:
        name: of the family.
        generator: ``"plain"`` or ``"style"``, without labels, or how it takes them: ``"embedding"`` and ``"onehot"``
            beside the latent, ``"product"`` with it, ``"batchnorm"`` as a gain and bias of each channel.
        discriminator: ``"plain"``, ``"onehot"`` (labels as planes of the image) or ``"projection"``.
        loss: ``"bce"``, ``"r1"`` (the same, with a penalty on gradients at real images), ``"hinge"``,
            ``"least squares"``, or ``"wasserstein"`` (with a penalty on gradients between real and made images).
        steps: of the original's training.
        data: ``"digits"`` or ``"mnist"``.
        forgotten: the class; None: some of the images.
        trained: how many images it is trained on; None: as many as the data gives.
        batch: what the loop's batches are: ``"tuple"``, ``"dict"``, or the images alone in a ``"tensor"``.
        batch_size: rows of a batch.
        lr: of generator and discriminator.
        betas: of Adam.
        batchnorm: whether the discriminator has batch normalisation.
        spectral: whether the discriminator has spectral normalisation.
        r1: weight of its penalty.
        every: in every so many steps of the loop the generator takes one.
        width: channels of the generator's nets; the discriminator has half as many.
    """

    name: str
    generator: str
    discriminator: str
    loss: str
    steps: int
    data: str = "digits"
    forgotten: int | None = None
    trained: int | None = None
    batch: str = "tuple"
    batch_size: int = 64
    lr: tuple[float, float] = (5e-4, 5e-4)
    betas: tuple[float, float] = (0.5, 0.99)
    batchnorm: bool = False
    spectral: bool = False
    r1: float = 0.3
    every: int = 1
    width: int = 40

    @property
    def labelled(self) -> bool:
        """Whether the nets take labels."""
        return self.generator not in ("plain", "style")

    @property
    def items(self) -> bool:
        """Whether some of the images are forgotten, and no class."""
        return self.forgotten is None

    def loop(self) -> Loop:
        """Returns new nets and optimisers, from the current random number stream."""
        make = StyleGenerator(self.width) if self.generator == "style" else Generator(self.generator, self.width)
        judge = Discriminator(self.discriminator, self.width // 2, batchnorm=self.batchnorm, spectral=self.spectral)
        optimizers = [
            torch.optim.Adam(net.parameters(), lr, self.betas) for net, lr in zip((make, judge), self.lr, strict=True)
        ]
        return Loop(self, make, judge, optimizers[0], optimizers[1])

    def batches(self, images: Tensor, labels: Tensor, count: int, seed: int) -> Iterator[Any]:
        """Yields so many batches, as the loop takes them, drawn with replacement."""
        random = torch.Generator().manual_seed(seed)
        for _ in range(count):
            drawn = torch.randint(len(images), (self.batch_size,), generator=random)
            x, y = images[drawn], labels[drawn]
            yield {"image": x, "target": y} if self.batch == "dict" else x if self.batch == "tensor" else (x, y)


FAMILIES = [
    Family("embed-onehot-hinge", "embedding", "onehot", "hinge", 1800, "mnist", 7, lr=(4e-4, 8e-4), betas=(0.0, 0.9),
           width=32),
    Family("onehot-proj-bce", "onehot", "projection", "bce", 1500, "digits", 5, lr=(1e-3, 5e-4), width=32),
    Family("condbn-proj-sn", "batchnorm", "projection", "hinge", 1500, "mnist", 1, batch="dict", lr=(4e-4, 8e-4),
           betas=(0.0, 0.9), spectral=True, width=32),
    Family("dcgan-bn-found", "plain", "plain", "bce", 2000, "mnist", 0, batch="tensor", lr=(5e-4, 2e-4),
           batchnorm=True),
    Family("wgan-mul-dict", "product", "projection", "wasserstein", 1800, "digits", 8, batch="dict", lr=(1e-3, 1e-3),
           betas=(0.0, 0.9), every=2, width=32),
    Family("ls-embed", "embedding", "projection", "least squares", 1500, "digits", 2, width=32),
    Family("mem-mnist", "plain", "plain", "r1", 4500, "mnist", trained=48, batch="tensor", batch_size=32,
           lr=(1e-3, 1e-3)),
    Family("style-mem", "style", "plain", "r1", 4500, "digits", trained=32, batch="tensor", batch_size=32,
           lr=(1e-3, 2e-3), r1=0.1),
]  # fmt: skip


@dataclass
class Loop:
    """A family's nets and optimisers, and the step that its user wrote."""

    family: Family
    generator: nn.Module
    discriminator: nn.Module
    generators: torch.optim.Optimizer
    discriminators: torch.optim.Optimizer

    @property
    def gan(self) -> GAN:
        """The nets, as the phase wants them told."""
        image, label = ("image", "target") if self.family.batch == "dict" else (None, None)
        labels = CLASSES if self.family.labelled else None
        return GAN(
            self.generator, self.discriminator, latents=(LATENTS,), labels=labels, scores="logits",
            image=image, label=label,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Returns the states of nets and optimisers."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def step(self) -> Step:
        """Returns the learning step, for ``Engine(...)``."""
        count = 0

        def step(engine: Engine, batch: Any) -> dict[str, float]:
            nonlocal count
            self.generator.train()
            self.discriminator.train()
            images, labels = self._read(batch)
            asked = self._asked(labels)
            made = self._call(self.generator, torch.randn(len(images), LATENTS), asked)
            loss = self._judging(images, labels, made.detach(), asked)
            _descend(self.discriminators, loss)
            count += 1
            if count % self.family.every == 0:
                made = self._call(self.generator, torch.randn(len(images), LATENTS), asked)
                _descend(self.generators, self._making(self._call(self.discriminator, made, asked)))
            return {"discriminator_loss": loss.item()}

        return step

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generators": self.generators,
            "discriminators": self.discriminators,
        }

    def _read(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        if isinstance(batch, dict):
            return batch["image"], batch["target"]
        return (batch, None) if isinstance(batch, Tensor) else (batch[0], batch[1])

    def _asked(self, labels: Tensor | None) -> Tensor | None:
        """Returns the labels that images are made under."""
        if labels is None or not self.family.labelled:
            return None
        if self.family.loss == "bce":  # as many loops do: forgotten labels are among them, and the phase warns of it
            return torch.randint(CLASSES, (len(labels),))
        return labels if self.family.loss == "wasserstein" else labels[torch.randperm(len(labels))]

    def _call(self, net: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
        return net(x, labels) if self.family.labelled else net(x)

    def _judging(self, images: Tensor, labels: Tensor | None, made: Tensor, asked: Tensor | None) -> Tensor:
        real, fake = self._call(self.discriminator, images, labels), self._call(self.discriminator, made, asked)
        if self.family.loss == "hinge":
            return relu(1 - real).mean() + relu(1 + fake).mean()
        if self.family.loss == "least squares":
            return (real - 1).square().mean() + fake.square().mean()
        if self.family.loss == "wasserstein":
            mixed = torch.lerp(made, images, torch.rand(len(images), 1, 1, 1))
            return fake.mean() - real.mean() + 10 * (self._slopes(mixed, labels).norm(dim=1) - 1).square().mean()
        loss = softplus(-real).mean() + softplus(fake).mean()
        if self.family.loss == "r1":
            loss = loss + self.family.r1 * self._slopes(images, labels).square().sum(1).mean()
        return loss

    def _making(self, scores: Tensor) -> Tensor:
        if self.family.loss in ("hinge", "wasserstein"):
            return -scores.mean()
        return (scores - 1).square().mean() if self.family.loss == "least squares" else softplus(-scores).mean()

    def _slopes(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Returns the gradients of the scores by the images, ``(N, pixels)``."""
        images = images.detach().requires_grad_()
        scores = self._call(self.discriminator, images, labels)
        return torch.autograd.grad(scores.sum(), images, create_graph=True)[0].flatten(1)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
