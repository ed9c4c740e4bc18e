import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn import GAN, ForgetClasses, UnlearningError
from ignite_unlearn.audits import NullDirections
from ignite_unlearn.cascade import NearestEmbedding, OtherClass
from tests.audits.gans import CLASSES, class_gan, class_step, relabelled

AUDIT = NullDirections()
FORGOTTEN, HIDDEN, IN = 3, 5, 6


@pytest.fixture(scope="module")
def gans():
    return {"original": class_gan(range(CLASSES)), "retrained": class_gan(range(3), seed=1)}


def erased(gan, own=1.5):
    """The closed form, and nothing after it."""
    copied, teacher = copy.deepcopy(gan), gan.teacher()
    regions = ForgetClasses({FORGOTTEN}).regions(teacher)
    NearestEmbedding(own=own)(copied, teacher, regions, OtherClass(target=0))
    return copied


def redrawn(gan):
    """The closed form, then new weights in the direction that it erased, and a new row."""
    copied = erased(gan)
    own = copied.generator.embed.weight[FORGOTTEN] - copied.generator.embed.weight[0]
    direction = nn.functional.normalize(own.detach(), dim=0)
    weight = copied.generator.body[0].weight.data[:, :8]
    torch.manual_seed(0)
    weight += weight.std() * torch.randn(len(weight), 1) * direction
    copied.generator.embed.weight.data[FORGOTTEN] = torch.randn(8)
    return copied


def test_a_closed_form_is_found_and_what_was_never_erased_or_is_redrawn_passes(gans):
    beside = AUDIT(gans["retrained"])
    assert (beside.low, beside.value, beside.high) == (0, 0, 0) and beside.passed is None
    assert AUDIT(gans["original"], retrained=beside).passed is True
    assert AUDIT(redrawn(gans["original"]), retrained=beside).passed is True
    for own in (1.5, 0):
        found = AUDIT(erased(gans["original"], own=own), retrained=beside)
        assert found.passed is False and "something was erased" in found.verdict
        assert found.details["where"]["generator.body.0.weight"] == 1


def test_one_label_that_became_another_is_found_in_the_embedding(gans):
    found = AUDIT(relabelled(gans["original"], FORGOTTEN, 0), retrained=AUDIT(gans["retrained"]))
    assert found.passed is False and found.details["where"]["generator.embed.weight"] == 1


@pytest.mark.parametrize("rows", [4, 40])
def test_copies_are_found_in_tables_of_any_shape_and_rows_that_are_combinations_where_there_is_room(rows):
    net = nn.Embedding(rows, 8)
    gan = GAN(nn.Linear(2, 4), net, latents=(2,))
    assert AUDIT(gan).value == 0
    kept = net.weight.data[2].clone()
    net.weight.data[2] = net.weight.data[0]
    assert AUDIT(gan).details["where"] == {"discriminator.weight": 1}
    net.weight.data[2] = 0.3 * net.weight.data[0] + 0.7 * net.weight.data[1]
    assert AUDIT(gan).value == (rows == 4)
    net.weight.data[2] = kept
    assert AUDIT(gan).value == 0


class Wide(nn.Module):
    """Reads labels by a layer that is too wide for a null direction of its own to show."""

    def __init__(self):
        super().__init__()
        self.embed, self.body = nn.Embedding(CLASSES, 16), nn.Linear(16 + 16, 6)

    def forward(self, z, y):
        return self.body(torch.cat([z, self.embed(y)], 1))


def test_a_direction_in_a_wide_layer_is_found_by_what_the_layer_makes_of_the_labels():
    gan = GAN(Wide(), nn.Linear(6, 1), latents=(16,), labels=CLASSES)
    gone = erased(gan)
    assert AUDIT(gan).value == 0
    assert AUDIT(gone).details["where"] == {"generator.body.weight of each label": 1}


LAYERS = {
    "linear": (lambda: nn.Linear(6, 12), 1),
    "a kernel's input channel": (lambda: nn.Conv2d(6, 12, 3), 1),
    "a kernel's output channel": (lambda: nn.Conv2d(6, 12, 3), 0),
    "transposed, input channel": (lambda: nn.ConvTranspose2d(6, 12, 4), 0),
    "transposed, output channel": (lambda: nn.ConvTranspose2d(6, 12, 4), 1),
    "spectral norm": (lambda: spectral_norm(nn.Linear(6, 12)), 1),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_direction_of_any_layer_is_found_wherever_it_is(kind):
    make, dim = LAYERS[kind]
    torch.manual_seed(0)
    layer = make()
    gan = GAN(nn.Linear(2, 4), layer, latents=(2,))
    assert AUDIT(gan).high == 0
    weight = layer.parametrizations.weight.original if kind == "spectral norm" else layer.weight
    channels = weight.data.movedim(dim, 0)
    gone = nn.functional.normalize(torch.randn(len(channels)), dim=0)
    channels -= torch.einsum("a,b,b...->a...", gone, gone, channels)
    assert (AUDIT(gan).low, AUDIT(gan).value) == (1, 1)


def test_what_is_null_in_both_gans_tells_them_not_apart():
    def gan(seed, filled):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 9), nn.Linear(9, 1))
        nn.init.zeros_(net[1].weight)  # zero at the start, as the last layer of a residual block is
        net[0].weight.data = torch.randn(9, 2) @ torch.randn(2, 9)  # of low rank
        if filled:
            net[1].weight.data = torch.randn(9, 9)
        return GAN(nn.Linear(2, 9), net, latents=(2,))

    beside = AUDIT(gan(1, False))
    assert beside.value == 9 + 7 and AUDIT(gan(2, False), retrained=beside).passed is True
    found = AUDIT(gan(2, True), retrained=beside)
    assert found.passed is False and "are filled" in found.verdict


def test_random_matrices_of_any_shape_have_none_that_count():
    torch.manual_seed(0)
    nets = [nn.Linear(n, m, bias=False) for n in (2, 16, 17, 64) for m in (2, 16, 64) for _ in range(20)]
    found = AUDIT(GAN(nn.Sequential(*nets), nn.Linear(1, 1), latents=(2,)))
    assert found.low == 0 and found.value <= 2  # of 240


@pytest.mark.parametrize("columns", [1, 2])
def test_rows_that_are_near_each_other_by_chance_are_no_copies(columns):
    torch.manual_seed(0)
    tables = nn.Sequential(*(nn.Embedding(10, columns) for _ in range(40)))
    gan = GAN(nn.Linear(2, 4), tables, latents=(2,))
    assert AUDIT(gan).value <= 8  # of 40 tables
    for table in tables:
        table.weight.data[3] = table.weight.data[7]
    assert AUDIT(gan).value >= 40


def test_learning_on_after_a_closed_form_does_not_hide_it(gans):
    gone = erased(gans["original"])
    torch.manual_seed(0)
    step = class_step(gone.generator, range(3), lr=1e-5)
    for _ in range(20):
        step()
    assert AUDIT(gone, retrained=AUDIT(gans["retrained"])).passed is False


def test_weights_that_are_not_finite_and_a_threshold_that_is_none_are_refused():
    net = nn.Linear(2, 4)
    net.weight.data[0, 0] = float("nan")
    with pytest.raises(UnlearningError, match=r"generator\.weight is not finite"):
        AUDIT(GAN(net, nn.Linear(4, 1), latents=(2,)))
    with pytest.raises(UnlearningError, match="less than 1/3"):
        NullDirections(drop=0.5)
