import copy

import pytest
import torch

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.audits import Realism, Recovery, Relearning
from tests.audits.gans import CLASSES, PROTOTYPES, Z, class_gan, class_step, classifier, relabelled

FORGOTTEN, OTHER = 3, 0
REAL = PROTOTYPES[FORGOTTEN] + 0.3 * torch.randn(60, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def gans():
    original = class_gan(list(range(CLASSES)))
    return {
        "original": original,
        "relabelled": relabelled(original, FORGOTTEN, OTHER),
        "retrained": class_gan([0, 1, 2], seed=1),
        "another retrained": class_gan([0, 1, 2], seed=2),
    }


def share(gan, label=FORGOTTEN):
    images = gan.sample(100, torch.full((100,), label))
    return float((classifier(images).argmax(1) == FORGOTTEN).float().mean())


def searching(**options):
    return Recovery(classifier, [FORGOTTEN], restarts=32, steps=60, progress=False, **options)


LIKE_REAL = Realism(torch.nn.Flatten(), REAL, quantile=1.0)
search = searching(realistic=LIKE_REAL)


def test_a_relabelled_embedding_fools_the_share_and_not_the_recovery_audit(gans):
    assert share(gans["original"]) > 0.95 and share(gans["relabelled"]) == 0
    retrained = search(gans["retrained"])
    assert retrained.value < 0.1 and retrained.details["embedding_searched"]
    for name in ("original", "relabelled"):
        found = search(gans[name], retrained=retrained)
        assert found.passed is False and found.value > 0.2 and "still there" in found.verdict, name
    assert search(gans["another retrained"], retrained=retrained).passed is True


def test_noise_that_fools_a_classifier_is_not_taken_for_the_class(gans):
    lenient = searching()(gans["retrained"])
    assert lenient.value > search(gans["retrained"]).value


def test_a_confirming_classifier_decides(gans):
    none = searching(realistic=LIKE_REAL, confirm=lambda images: -classifier(images))(gans["original"])
    assert none.value == 0


def test_a_table_with_a_row_for_no_label_is_searched_too_and_what_is_no_table_of_labels_is_not():
    class Generator(torch.nn.Module):
        def __init__(self, rows):
            super().__init__()
            self.rows, self.body = rows, torch.nn.Linear(Z, 16)
            self.embed, self.other = torch.nn.Embedding(CLASSES + 1, 16), torch.nn.Embedding(CLASSES, 16)

        def forward(self, z, y):
            looked_up = self.embed(y) if self.rows else self.other(torch.zeros_like(y))
            return (self.body(z) + looked_up).view(-1, 1, 4, 4)

    for rows in (True, False):
        gan = GAN(Generator(rows), torch.nn.Linear(16, 1), latents=(Z,), labels=CLASSES)
        before = torch.get_rng_state()
        assert searching()(gan).details["embedding_searched"] is rows
        assert torch.equal(torch.get_rng_state(), before)


def test_without_an_embedding_the_search_says_so():
    plain = torch.nn.Sequential(torch.nn.Linear(Z, 16), torch.nn.Unflatten(1, (1, 4, 4)))
    found = search(GAN(plain, torch.nn.Linear(16, 1), latents=(Z,)))
    assert found.details["embedding_searched"] is False


def pushed_over_the_border(gan):
    """A weak method: the class's embedding is moved just as far as the share needs to fall."""
    pushed = copy.deepcopy(gan)
    table = pushed.generator.embed.weight.data
    step = (table[OTHER] - table[FORGOTTEN]) / 20
    while share(pushed) > 0.05:
        table[FORGOTTEN] += step
    return pushed


def learn(copied):
    return class_step(copied.generator, range(CLASSES), lr=1e-3)


relearn = Relearning(learn, share, reached=0.9, every=1, max_iterations=200, progress=False)


def test_what_was_only_pushed_away_comes_back_faster_than_it_is_learned(gans):
    retrained = relearn(gans["retrained"])
    assert retrained.value > 0 and retrained.details["not_reached"] == 0
    found = relearn(pushed_over_the_border(gans["original"]), retrained=retrained)
    assert found.passed is False and "traces are left" in found.verdict
    assert found.details["share_of_retrained"] == pytest.approx(found.value / retrained.value)
    assert relearn(gans["another retrained"], retrained=retrained).passed is True
    assert relearn(gans["original"], retrained=retrained).value == 0


def test_trials_that_never_get_there_are_named(gans):
    audit = Relearning(lambda copied: lambda: None, share, reached=0.9, max_iterations=7, seeds=(0, 1), progress=False)
    found = audit(gans["retrained"])
    assert found.value == 7 and found.details["not_reached"] == 2 and "2 of 2 trials did not reach" in found.verdict


@pytest.mark.parametrize("audit", [search, relearn])
def test_audits_are_repeatable_and_change_nothing(gans, audit):
    gan = gans["relabelled"]
    weights, state = copy.deepcopy(gan.generator.state_dict()), torch.get_rng_state()
    assert audit(gan) == audit(gan)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, weights[key]) for key, value in gan.generator.state_dict().items())
    assert not any(table._forward_hooks for table in gan.generator.modules())


@pytest.mark.parametrize(
    "call",
    [
        lambda: Recovery(classifier, []),
        lambda: Recovery(classifier, [1], restarts=1),
        lambda: Relearning(learn, share, reached=1, seeds=()),
        lambda: Realism(lambda x: x, REAL[:3]),
    ],
)
def test_what_makes_no_audit_is_refused(call):
    with pytest.raises(UnlearningError, match="expected"):
        call()


def test_relearning_that_no_gan_achieves_compares_nothing():
    gan = GAN(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1), latents=(1,))

    def never(retrained=None, back=False):
        audit = Relearning(
            lambda copy: lambda: None, lambda copy: float(back), reached=1.0, max_iterations=10, progress=False
        )
        return audit(gan, retrained=retrained)

    retrained = never()
    assert never(retrained).passed is None and "3 of 3 trials did not reach" in never(retrained).verdict
    assert never(retrained, back=True).passed is False
    assert never(never(back=True)).passed is False
