import copy
from dataclasses import replace

import pytest
import torch

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits import LayerProbes, Membership
from tests.audits.gans import ITEMS, RETAINED, UNSEEN, item_gan

AUDIT = LayerProbes(ITEMS, UNSEEN, RETAINED)


@pytest.fixture(scope="module")
def gans():
    return {"original": item_gan(torch.cat([ITEMS, RETAINED])), "retrained": item_gan(RETAINED, seed=1)}


def fooled(gan):
    """A GAN whose last layer alone was changed, by the least that gives each item an unseen image's mean score."""
    copied = copy.deepcopy(gan)
    *below, head = copied.discriminator
    with torch.no_grad():
        known, other = (torch.nn.Sequential(*below)(images) for images in (ITEMS, UNSEEN))
        apart = known - other.mean(0)
        head.weight -= (torch.linalg.pinv(apart) @ (apart @ head.weight.T)).T
    return copied


def test_a_change_of_the_last_layer_fools_the_score_and_not_the_layers(gans):
    score = Membership(ITEMS, UNSEEN)
    assert score(fooled(gans["original"]), retrained=score(gans["retrained"])).passed is True
    beside = AUDIT(gans["retrained"])
    for gan in (gans["original"], fooled(gans["original"])):
        found = AUDIT(gan, retrained=beside)
        assert found.passed is False and "still tell" in found.verdict
    assert found.details["layer"] == "3" and found.details["layers"]["score"][0] < 0.6 < found.value
    assert AUDIT(item_gan(RETAINED, seed=2), retrained=beside).passed is True


def deep(seed):
    """A GAN that knows nothing, whose discriminator has many layers to look at."""
    torch.manual_seed(seed)
    layers = [part for _ in range(8) for part in (torch.nn.Linear(64, 64), torch.nn.LeakyReLU(0.2))]
    return GAN(torch.nn.Linear(2, 64), torch.nn.Sequential(torch.nn.Flatten(), *layers, torch.nn.Linear(64, 1)))


def test_looking_at_many_layers_finds_nothing_where_there_is_nothing():
    values = []
    for seed in range(12):
        stream = torch.Generator().manual_seed(seed)
        items, unseen, retained = (torch.randn(n, 1, 8, 8, generator=stream) for n in (30, 200, 60))
        found = LayerProbes(items, unseen, retained)(deep(seed))
        assert len(found.details["layers"]) == 9 and found.low <= 0.5 <= found.high
        values.append(found.value)
    assert sum(values) / len(values) > 0.5  # the highest of many: which is why the intervals are wide


def test_each_layer_stands_beside_the_same_of_the_retrained_gan(gans):
    """A retrained GAN's score may know more, by chance, than a layer below it that should know nothing."""
    beside = AUDIT(gans["retrained"])
    layers = {"3": beside.details["layers"]["3"], "score": [0.99, 0.95, 1.0]}
    lucky = replace(beside, value=0.99, low=0.95, high=1.0, details={"layer": "score", "layers": layers})
    found = AUDIT(gans["original"], retrained=lucky)
    assert found.passed is False and found.details["layer"] == "3" and "go into layer 3 still tell" in found.verdict
    known = replace(beside, details={"layers": {**layers, "3": [0.99, 0.98, 1.0]}})
    found = AUDIT(gans["retrained"], retrained=known)
    assert found.passed is False and "are marked in" in found.verdict


def test_images_that_teach_do_not_judge():
    seen = []

    def watch(net, images, labels):
        seen.extend(images[:, 0].tolist())
        return net(images)

    gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,), discriminate=watch)
    numbered = torch.arange(100.0)[:, None].expand(100, 4)
    found = LayerProbes(numbered[:10], numbered[10:50], numbered[50:], at_most=15)(gan)
    assert len(seen) == len(set(seen)) == 15 + 15 + 10 + 15
    assert found.details["layer"] == "score"


def test_missing_images_are_refused(gans):
    for given in ((ITEMS[:0], UNSEEN, RETAINED), (ITEMS, UNSEEN[:1], RETAINED), (ITEMS, UNSEEN, RETAINED[:0])):
        with pytest.raises(UnlearningError, match="probes need some of each"):
            LayerProbes(*given)(gans["original"])
