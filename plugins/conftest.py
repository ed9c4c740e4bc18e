"""What the plug-ins' tests share: handwriting and a classifier that is nobody's, and two ways to unlearn."""

import importlib
import logging
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import interpolate

from ignite_unlearn import CascadedUnlearning, ErasureRecord, UnlearningError, UnlearningPhase, toolkits
from ignite_unlearn.cascade import Generated, OtherClass
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn.record.record import Record
from ignite_unlearn.testing import assert_law


@pytest.fixture(autouse=True)
def seeded(tmp_path, monkeypatch):
    torch.manual_seed(0)
    np.random.seed(0)
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
    monkeypatch.chdir(tmp_path)  # toolkits like to write beside the script


class Digits:
    """Digits of the first ``classes`` classes, ``(N, 1, size, size)`` in [-1, 1], and who tells them apart."""

    def __init__(self, size=16, classes=10):
        data = load_digits()
        known = data.labels < classes
        self.images = interpolate(data.images[known], size=(size, size), mode="bilinear", align_corners=False)
        self.labels = data.labels[known]
        self.unseen = interpolate(data.unseen[data.unseen_labels < classes], size=(size, size), mode="bilinear")
        self.unseen_labels = data.unseen_labels[data.unseen_labels < classes]
        self._judge = LogisticRegression(C=0.01, max_iter=2000).fit(self.images.flatten(1), self.labels)

    def share(self, images, label):
        """Returns the share of ``images`` ``(N, C, size, size)`` that show ``label``."""
        grey = images.detach().cpu().mean(1).flatten(1)
        return float((self._judge.predict(grey) == label).mean())


@pytest.fixture(scope="session")
def digits():
    """Makes :class:`Digits`."""
    return Digits


class Climbing(UnlearningPhase):
    """Knows nothing of the cascade: each net climbs a loss of its own for what is to be forgotten."""

    name = "climbing"

    def __init__(self, gan, *, forget, lr, **options):
        super().__init__(gan, forget=forget, **options)
        self.lr = lr

    def unlearn(self, original, rows):
        """Climbs once."""
        latents, labels = original.regions.forgotten(self.batch_size)
        away = self.gan.generate(latents, labels) - original.teacher.sample(len(latents), labels, latents=latents)
        numbers = {"distance": self._climb(self.gan.generator, away.square().mean() + away.mean())}
        images, given, forgotten = rows.on(self.gan.device)
        if forgotten.any():
            numbers["score"] = self._climb(self.gan.discriminator, -self.gan.score(images, given)[forgotten].mean())
        return numbers

    def _climb(self, net, loss):
        asking = [p for p in net.parameters() if p.requires_grad]
        with torch.no_grad():
            for p, slope in zip(asking, torch.autograd.grad(loss, asking, allow_unused=True), strict=True):
                if slope is not None:
                    p.add_(slope, alpha=self.lr)
        return float(loss.detach())


class Way:
    """A way to unlearn: makes phases of it, and asserts what must hold of each on an engine of a toolkit's."""

    def __init__(self, kind):
        self.kind = kind

    def phase(self, gan, forget, lr=1e-3, **parts):
        """Returns a phase; ``parts`` are those of a cascade, where they are not these."""
        if self.kind is Climbing:
            return Climbing(gan, forget=forget, lr=lr, batch_size=4)
        parts = {"substitution": OtherClass(), "fake_label": Generated(samples=8), **parts}
        return CascadedUnlearning(
            gan, forget=forget, optimizer=lambda p: torch.optim.Adam(p, lr=lr), batch_size=4, **parts
        )

    def assert_law(self, make_loop, forget, **parts):
        """Asserts the law of the seam; see :func:`ignite_unlearn.testing.assert_law`."""
        assert_law(make_loop, lambda loop, lr: self.phase(loop.gan, forget, lr, **parts))

    def assert_recorded(self, loop, forget, folder, **parts):
        """Asserts that a record of a run on ``loop`` names the method."""
        phase = self.phase(loop.gan, forget, **parts)
        record = ErasureRecord(phase, folder, measure=lambda gan: {"made": float(len(gan.sample(2)))})
        with phase.attach(loop.trainer), record.attach(loop.trainer):
            loop.trainer.run(loop.batches, max_epochs=1)
        assert phase.iterations > 0
        assert Record.read(folder).method["name"] == self.kind.name


@pytest.fixture(params=[CascadedUnlearning, Climbing], ids=lambda kind: kind.name)
def way(request):
    """Each :class:`Way` in turn."""
    return Way(request.param)


@pytest.fixture
def sentence(monkeypatch):
    """Imports a plug-in where its toolkit has a version, or None where it is missing, and returns what is said."""

    def said(module, there):
        def version(distribution):
            if there is None:
                raise PackageNotFoundError(distribution)
            return there

        monkeypatch.setattr(toolkits, "version", version)
        for name in [name for name in sys.modules if name.partition(".")[0] == module]:
            monkeypatch.delitem(sys.modules, name)
        with pytest.raises(UnlearningError) as raised:
            importlib.import_module(module)
        return str(raised.value)

    return said
