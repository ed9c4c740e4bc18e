from functools import partial, wraps

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.audits.membership import membership, monte_carlo, nearest_sample, set_membership
from ignite_unlearn.audits.plan import audit_gans, title
from ignite_unlearn.audits.realism import Realism
from ignite_unlearn.audits.reconstruction import reconstruction
from ignite_unlearn.audits.recovery import recovery
from ignite_unlearn.audits.relearning import relearning
from ignite_unlearn.audits.result import AuditResult, not_tested
from ignite_unlearn.forget.inversion import Inversion
from tests.audits.gans import CLASSES, PROTOTYPES, class_gan, classifier

LABELS = torch.arange(CLASSES).repeat(3)
IMAGES = PROTOTYPES[LABELS] + 0.1 * torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def gans():
    return {name: class_gan(range(CLASSES), steps=20) for name in ("original", "unlearned", "retrained")}


def audits(images, unseen):
    labels = {"labels": LABELS[: len(images)], "unseen_labels": LABELS[: len(unseen)]}
    both = {"items": images, "unseen": unseen, **labels}

    @wraps(recovery)
    def search(gan, *, judge):
        real = Realism(lambda found: found.flatten(1), images)
        return recovery(gan, classifier, [1], realistic=real, restarts=4, steps=2, judge=judge, progress=False)

    return [
        partial(membership, **both),
        partial(membership, attack=monte_carlo, **both),
        partial(membership, attack=partial(nearest_sample, samples=20), **both),
        partial(set_membership, **both),
        partial(reconstruction, inversion=Inversion(candidates=8, steps=1, progress=False), **both),
        search,
        partial(
            relearning,
            learn=lambda gan: lambda: None,
            level=lambda gan: 0.0,
            reached=1.0,
            max_iterations=1,
            progress=False,
        ),
    ]


def test_every_audit_is_called_the_same_whether_it_was_made_or_not(gans):
    plan = audits(IMAGES, IMAGES)
    made = audit_gans(gans, plan, progress=False)["original"]
    assert all(result.value is not None for result in made)
    assert [result.audit for result in made] == [title(audit) for audit in plan]


def test_an_audit_that_cannot_be_made_is_not_tested_and_the_others_are_made(gans):
    found = audit_gans(gans, audits(IMAGES[:7], IMAGES[:5]), progress=False)
    for results in found.values():
        untested = {r.audit: r for r in results if r.verdict.startswith("not tested: ")}
        assert len(results) == 7 and set(untested) == {"membership of the set, monte carlo", "recovery by search"}
        assert all((r.value, r.low, r.high, r.passed) == (None, None, None, None) for r in untested.values())
        assert untested["recovery by search"].verdict == (
            "not tested: there are fewer than ten images of the class, 7: expected ten to know others by"
        )
        assert "5 unseen images make no set of 7" in untested["membership of the set, monte carlo"].verdict
        assert all(r.value is not None for r in results if r.audit not in untested)


def test_without_unseen_images_membership_is_not_tested(gans):
    found = audit_gans(gans, audits(IMAGES, IMAGES[:0])[:2], progress=False)
    assert {r.verdict for results in found.values() for r in results} == {
        "not tested: there are 12 forgotten and 0 unseen images: a membership audit needs both"
    }


def test_a_judge_that_could_not_be_made_judges_nothing():
    def of(gan, *, judge):
        if gan == "retrained":
            raise UnlearningError("It broke.")
        assert judge.value is None
        return AuditResult("of", "u", 1.0, 0.0, 2.0, None, "no verdict")

    found = audit_gans({"original": "a", "unlearned": "b", "retrained": "retrained"}, [of], progress=False)
    assert found["retrained"] == [not_tested("of", "It broke.")]
    assert found["unlearned"][0].verdict == "no verdict"


def test_other_errors_are_not_hidden():
    def broken(gan, *, judge):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        audit_gans({"original": 1, "unlearned": 2}, [broken], progress=False)
    assert not_tested("a", "GANs differ.").verdict == "not tested: GANs differ"
