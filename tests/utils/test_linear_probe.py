import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from ignite_unlearn import UnlearningError
from ignite_unlearn.utils.linear_probe import fit_probe


@pytest.mark.parametrize("features", [5, 90])  # fewer and more than images
def test_it_is_ridge_regression_on_standardised_features(features):
    members, unseen = torch.randn(30, features).double() * 3 + 1, torch.randn(20, features).double()
    x = torch.cat([members, unseen]).numpy()
    scaled = (x - x.mean(0)) / (x.std(0, ddof=1) + 1e-6)
    reference = Ridge(alpha=0.25 * 50, fit_intercept=False).fit(scaled, np.repeat([1.0, -1.0], [30, 20]))
    expected = reference.coef_ / (x.std(0, ddof=1) + 1e-6)
    assert np.allclose(fit_probe(members, unseen).numpy(), expected)


def test_it_needs_both_kinds():
    with pytest.raises(UnlearningError, match="got 3 and 0"):
        fit_probe(torch.zeros(3, 2), torch.zeros(0, 2))
