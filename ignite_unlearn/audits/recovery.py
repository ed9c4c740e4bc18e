"""Audit: can a search over latents, labels and a new label embedding bring the forgotten class back?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.forget.forget import Classifier
from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.label_rows import LabelRows, label_embeddings
from ignite_unlearn.metrics.intervals import wilson
from ignite_unlearn.utils.answers import answer, rows_of, scores_of
from ignite_unlearn.utils.asked import BOOL, CALL, CLASSES, COUNT, SEED, asks, maybe, number


@asks(
    classifier=CALL,
    classes=CLASSES,
    confirm=maybe(CALL),
    realistic=maybe(CALL),
    restarts=COUNT,
    steps=COUNT,
    lr=number(at_least=0),
    seed=SEED,
    progress=BOOL,
)
@dataclass(frozen=True, eq=False, repr=False)
class Recovery:
    """The share of searches that end at an image of a forgotten class.

    Half of the restarts of a conditional GAN optimise the latent under a random label; the other half optimise the
    latent and a label embedding that starts at random, at the spread of the trained ones: what was erased from the
    table alone is still in the layers behind it. An unconditional GAN, or one without an ``nn.Embedding`` of its
    labels, is searched by latents (and labels) alone, which ``details`` says. Latents stay on their shell.

    Args:
        classifier: guides the search, ``images -> class scores (N, K)``, differentiable.
        classes: the forgotten classes.
        confirm: says what was found; better not the guide, which the search may fool. None: the guide.
        realistic: ``images (N, ...) -> bool mask (N,)``, such as :class:`~ignite_unlearn.audits.realism.Realism`.
        restarts: searches, all in one batch.
        steps: of Adam.
        lr: its learning rate.
        seed: of the starts.
        progress: whether to show a bar.

    Raises:
        UnlearningError: if there are no classes, or fewer than two restarts.

    Example:
        >>> netG = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        >>> gan = GAN(netG, nn.Linear(3, 1), latents=(2,))
        >>> found = Recovery(lambda images: 9 * images, [1], restarts=4, steps=5, progress=False)(gan)
        >>> found.unit, 0 <= found.value <= 1
        ('share recovered', True)
    """

    classifier: Classifier
    classes: Sequence[int]
    _: KW_ONLY
    confirm: Classifier | None = None
    realistic: Callable[[Tensor], Tensor] | None = None
    restarts: int = 64
    steps: int = 100
    lr: float = 0.05
    seed: int = 0
    progress: bool = True
    key: ClassVar[str] = "recovery"
    title: ClassVar[str] = "recovery by search"

    def __post_init__(self) -> None:
        if not self.classes or self.restarts < 2 or self.steps < 1:
            raise UnlearningError(
                f"Recovery() of classes {list(self.classes)}, {self.restarts} restarts of {self.steps} steps: expected "
                "a class, two restarts and a step at least."
            )

    def __call__(self, gan: GAN, *, retrained: AuditResult | None = None) -> AuditResult:
        """Audits a GAN."""
        tables = label_embeddings(gan)
        nets = [net for net in (self.classifier, self.confirm) if isinstance(net, nn.Module)]
        with borrow(gan.generator, *nets, seed=self.seed):
            wanted = torch.tensor(self.classes).repeat(self.restarts)[: self.restarts].to(gan.device)
            images = _search(gan, self.classifier, wanted, tables, self.steps, self.lr, self.progress)
            with torch.no_grad():
                classes = answer("the classifier", scores_of(len(images)), self.confirm or self.classifier, images)
                hits = classes.argmax(1) == wanted
                if self.realistic is not None:
                    hits &= answer("realistic", rows_of(len(images), torch.bool), self.realistic, images)
        low, high = wilson(int(hits.sum()), self.restarts)
        return verdict(
            self,
            "share recovered",
            float(hits.double().mean()),
            low,
            high,
            retrained,
            more="the forgotten class is still there to be found",
            less="less is found than in a GAN that never saw the class, which marks it",
            details={"restarts": self.restarts, "steps": self.steps, "embedding_searched": bool(tables)},
        )


def _search(
    gan: GAN, classifier: Classifier, wanted: Tensor, tables: list[LabelRows], steps: int, lr: float, progress: bool
) -> Tensor:
    n, half = len(wanted), len(wanted) // 2 if tables else len(wanted)
    latents = gan.sample_latents(n)
    radius = latents.flatten(1).norm(dim=1).view(-1, *[1] * (latents.dim() - 1))
    labels = None if gan.labels is None else torch.randint(gan.labels, (n,)).to(gan.device)
    latents = latents.requires_grad_(True)
    own = [_start(table, n - half) for table in tables]
    optimizer = torch.optim.Adam([latents, *own], lr)

    def images() -> Tensor:
        on_shell = latents * (radius / latents.flatten(1).norm(dim=1).view_as(radius))
        with _in_place_of(tables, own, half):
            return gan.generate(on_shell, labels)

    for _ in tqdm(range(steps), desc="recovery", disable=not progress):
        scores = answer("the classifier", scores_of(n), classifier, images())
        loss = cross_entropy(scores, wanted, reduction="sum")
        gradients = torch.autograd.grad(loss, [latents, *own])
        for variable, gradient in zip([latents, *own], gradients, strict=True):
            variable.grad = gradient
        optimizer.step()
    with torch.no_grad():
        return images()


def _start(table: LabelRows, n: int) -> Tensor:
    """Returns ``n`` new embeddings ``(n, E)``, spread as those of the table are."""
    assert isinstance(table.module, nn.Embedding)
    weight = table.module.weight.detach()[: len(table.rows)]  # as the generator uses it, under spectral norm too
    return (weight.mean(0) + weight.std(0) * torch.randn(n, weight.shape[1]).to(weight)).requires_grad_(True)


@contextmanager
def _in_place_of(tables: list[LabelRows], own: list[Tensor], first: int) -> Iterator[None]:
    """Has the tables answer with our embeddings for all rows from ``first`` on."""
    handles = [
        table.module.register_forward_hook(lambda module, given, made, ours=ours: torch.cat([made[:first], ours]))
        for table, ours in zip(tables, own, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
