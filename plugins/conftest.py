"""What the plug-ins' tests share: real handwriting, and a classifier that is none of the toolkit's or the library's."""

import importlib
import logging
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import interpolate

from ignite_unlearn import UnlearningError, toolkits
from ignite_unlearn.recipes.data.digits import load_digits


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
