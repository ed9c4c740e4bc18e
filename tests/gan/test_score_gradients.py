import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.score_gradients import along, head_inputs, layer_features, score_gradients
from ignite_unlearn.gan.spectral import spectral_norm_of

IMAGES = torch.randn(7, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def gan(*layers):
    return GAN(nn.Linear(2, 2).double(), nn.Sequential(*layers).double().eval(), latents=(2,))


def one_by_one(of, weight):
    """Every image's gradient by itself: an independent computation."""
    rows = [torch.autograd.grad(of.score(image[None]).sum(), weight)[0].flatten() for image in IMAGES]
    return torch.stack(rows)


CASES = {
    "linear": (nn.Flatten(), nn.Linear(128, 5), nn.Tanh(), nn.Linear(5, 1)),
    "convolution": (nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.Tanh(),
                    nn.Flatten(), nn.Linear(36, 1)),
    "dilated": (nn.Conv2d(2, 6, 3, dilation=2, padding=1), nn.Tanh(), nn.Conv2d(6, 1, 6)),
    "rows of features": (nn.Flatten(2), nn.Linear(64, 5), nn.Tanh(), nn.Flatten(), nn.Linear(10, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_factors_are_those_of_the_gradients(name):
    of = gan(*CASES[name])
    found = score_gradients(of, IMAGES, None)
    layers = [m for m in of.discriminator if isinstance(m, (nn.Linear, nn.Conv2d))]
    assert found.layer is layers[-2]
    gradients = one_by_one(of, found.layer.weight)
    assert torch.allclose(found.scores, of.score(IMAGES))
    for gram in (found.gram(), found._gram_of_factors(), found._gram_of_gradients()):
        assert torch.allclose(gram, gradients @ gradients.T)
    shares = torch.randn(7, dtype=torch.float64)
    assert torch.allclose(found.combined(shares).flatten(), shares @ gradients)


NORMS = {"parametrization": spectral_norm, "hook": nn.utils.spectral_norm}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("convolution", [False, True])
def test_under_spectral_norm_the_factors_are_gradients_by_the_original_over_its_norm(norm, convolution):
    moved = nn.Conv2d(2, 4, 4, 2, 1) if convolution else nn.Linear(128, 5)
    torch.manual_seed(0)
    last = nn.Linear(64 if convolution else 5, 1)
    layers = (moved, nn.Tanh(), nn.Flatten(), last) if convolution else (nn.Flatten(), moved, nn.Tanh(), last)
    NORMS[norm](moved)
    of = gan(*layers)
    original = moved.weight_orig if norm == "hook" else moved.parametrizations.weight.original
    found = score_gradients(of, IMAGES, None)
    gradients = one_by_one(of, original) * spectral_norm_of(moved).sigma
    assert found.layer is moved
    for gram in (found.gram(), found._gram_of_factors(), found._gram_of_gradients()):
        assert torch.allclose(gram, gradients @ gradients.T, rtol=1e-5)
    before, shares = of.score(IMAGES), 1e-4 * torch.randn(7, dtype=torch.float64)
    found.move(found.combined(shares))
    expected = gradients @ (shares @ gradients)
    assert torch.allclose((of.score(IMAGES) - before).detach(), expected, atol=2e-2 * expected.abs().max().item())


def test_a_given_layer_is_taken():
    of = gan(*CASES["convolution"])
    first = of.discriminator[0]
    found = score_gradients(of, IMAGES, None, first)
    gradients = one_by_one(of, first.weight)
    assert found.layer is first and torch.allclose(found.gram(), gradients @ gradients.T)


def test_large_grams_are_computed_in_parts(monkeypatch):
    import ignite_unlearn.gan.score_gradients as module

    found = score_gradients(gan(*CASES["convolution"]), IMAGES, None)
    whole = found._gram_of_gradients()
    monkeypatch.setattr(module, "_FLOATS", 400)
    assert torch.allclose(found._gram_of_gradients(), whole) and torch.allclose(found._gram_of_factors(), whole)


def test_scores_along_a_direction_of_the_heads_inputs_have_gradients_too():
    of = gan(*CASES["convolution"])
    direction = torch.randn(36, dtype=torch.float64)
    features = of.discriminator[:-1](IMAGES)
    assert torch.allclose(head_inputs(of, IMAGES), features)
    rescored = along(of, direction)
    assert torch.allclose(rescored.score(IMAGES), features @ direction)
    found = score_gradients(rescored, IMAGES, None)
    gradients = one_by_one(rescored, of.discriminator[2].weight)
    assert found.layer is of.discriminator[2] and torch.allclose(found.gram(), gradients @ gradients.T)
    assert torch.allclose(of.score(IMAGES), of.discriminator(IMAGES).flatten())  # the GAN itself is as it was


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((nn.Conv2d(2, 4, 3), nn.Flatten(), weight_norm(nn.Linear(144, 3)), nn.Linear(3, 1)), 0),
        ((nn.Flatten(), weight_norm(nn.Linear(128, 3)), nn.Linear(3, 1)), 2),
        ((nn.Flatten(), spectral_norm(nn.Linear(128, 3)), nn.Linear(3, 1)), 1),
        ((nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Flatten(), nn.Linear(64, 1)), 0),
        ((nn.Flatten(), nn.Linear(128, 1)), 1),
    ],
)
def test_only_layers_with_a_plain_weight_or_one_under_spectral_norm_are_chosen(layers, expected):
    of = gan(*layers)
    assert score_gradients(of, IMAGES, None).layer is of.discriminator[expected]


def test_a_layer_that_does_not_train_is_not_chosen():
    of = gan(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(144, 3), nn.Linear(3, 1))
    of.discriminator[2].weight.requires_grad_(False)
    assert score_gradients(of, IMAGES, None).layer is of.discriminator[0]


def test_what_cannot_be_moved_is_said():
    shared = nn.Conv2d(2, 2, 3, padding=1)
    for layers in ((shared, shared, nn.Flatten(), weight_norm(nn.Linear(128, 1))), (nn.Flatten(), nn.LSTM(128, 1))):
        with pytest.raises(UnlearningError, match="no hidden layer that GaussNewton can move"):
            score_gradients(gan(*layers), IMAGES, None)
    with pytest.raises(UnlearningError, match="no layer of this kind"):
        score_gradients(gan(*CASES["linear"]), IMAGES, None, nn.Linear(1, 1))
    with pytest.raises(UnlearningError, match="calls no nn"):
        head_inputs(gan(nn.Flatten(), nn.LSTM(128, 1)), IMAGES)


@pytest.mark.parametrize("kind", CASES)
def test_features_of_layers_are_what_the_net_gives_when_it_is_cut_there(kind):
    of = gan(*CASES[kind])
    found = layer_features(of, IMAGES)
    at = [i for i, layer in enumerate(of.discriminator) if isinstance(layer, (nn.Linear, nn.Conv2d))]
    assert list(found) == [*map(str, at[1:]), "score"]
    for i in at[1:]:
        assert torch.equal(found[str(i)], of.discriminator[:i](IMAGES).flatten(1))
    assert torch.equal(found["score"][:, 0], of.score(IMAGES))


def test_a_layer_that_is_called_again_is_told_from_its_first_call():
    shared = nn.Linear(128, 128)
    assert list(layer_features(gan(nn.Flatten(), shared, nn.Tanh(), shared, shared), IMAGES)) == ["1", "1 2", "score"]
