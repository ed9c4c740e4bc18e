import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.audits import (
    ByMonteCarlo,
    ByNearestSample,
    Membership,
    NotTested,
    Realism,
    Reconstruction,
    Recovery,
    Relearning,
    SetMembership,
    audit_gans,
)
from ignite_unlearn.audits.result import AuditResult, key_of, not_tested
from ignite_unlearn.forget import Inversion
from tests.audits.gans import CLASSES, PROTOTYPES, class_gan, classifier

LABELS = torch.arange(CLASSES).repeat(3)
IMAGES = PROTOTYPES[LABELS] + 0.1 * torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def gans():
    return {name: class_gan(range(CLASSES), steps=20) for name in ("original", "unlearned", "retrained")}


def audits(images, unseen):
    of = {"labels": LABELS[: len(images)], "unseen_labels": LABELS[: len(unseen)]}
    try:
        real = Realism(lambda found: found.flatten(1), images)
        search = Recovery(classifier, [1], realistic=real, restarts=4, steps=2, progress=False)
    except UnlearningError as error:
        search = NotTested(Recovery.key, Recovery.title, str(error))
    return [
        Membership(images, unseen, **of),
        Membership(images, unseen, attack=ByMonteCarlo(), **of),
        Membership(images, unseen, attack=ByNearestSample(samples=20), **of),
        SetMembership(images, unseen, **of),
        Reconstruction(images, unseen, inversion=Inversion(candidates=8, steps=1, progress=False), **of),
        search,
        Relearning(lambda gan: lambda: None, lambda gan: 0.0, reached=1.0, max_iterations=1, progress=False),
    ]


def test_results_are_named_as_their_audits_are(gans):
    plan = audits(IMAGES, IMAGES)
    made = audit_gans(gans, plan, progress=False)["original"]
    assert all(result.value is not None for result in made)
    assert [(result.key, result.audit) for result in made] == [(audit.key, audit.title) for audit in plan]


def test_results_in_records_from_before_there_were_keys_have_theirs_by_title(gans):
    for audit in audits(IMAGES, IMAGES):
        assert key_of({"audit": audit.title}) == key_of({"key": audit.key, "audit": "other"}) == audit.key


def test_an_audit_that_cannot_be_made_is_not_tested_and_the_others_are_made(gans):
    found = audit_gans(gans, audits(IMAGES[:7], IMAGES[:5]), progress=False)
    for results in found.values():
        untested = {r.key: r for r in results if r.verdict.startswith("not tested: ")}
        assert len(results) == 7 and set(untested) == {"set_membership_monte_carlo", "recovery"}
        assert all((r.value, r.low, r.high, r.passed) == (None, None, None, None) for r in untested.values())
        assert untested["recovery"].verdict == (
            "not tested: there are fewer than ten images of the class, 7: expected ten to know others by"
        )
        assert "5 unseen images make no set of 7" in untested["set_membership_monte_carlo"].verdict
        assert all(r.value is not None for r in results if r.key not in untested)


def test_without_unseen_images_membership_is_not_tested(gans):
    found = audit_gans(gans, audits(IMAGES, IMAGES[:0])[:2], progress=False)
    assert {r.verdict for results in found.values() for r in results} == {
        "not tested: there are 12 forgotten and 0 unseen images: a membership audit needs both"
    }


class Mine:
    """An audit of one's own."""

    key, title = "mine", "my own"

    def __init__(self, find):
        self.find = find

    def __call__(self, gan, *, retrained=None):
        return self.find(gan, retrained)


def test_a_retrained_gan_that_could_not_be_audited_gives_no_verdict():
    def find(gan, retrained):
        if gan == "retrained":
            raise UnlearningError("It broke.")
        assert retrained.value is None
        return AuditResult("mine", "my own", "u", 1.0, 0.0, 2.0, None, "no verdict")

    gans = {"original": "a", "unlearned": "b", "retrained": "retrained"}
    found = audit_gans(gans, [Mine(find)], progress=False)
    assert found["retrained"] == [not_tested(Mine, "It broke.")]
    assert found["unlearned"][0].verdict == "no verdict"


def test_other_errors_are_not_hidden():
    def broken(gan, retrained):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        audit_gans({"original": 1, "unlearned": 2}, [Mine(broken)], progress=False)
    assert not_tested(Mine, "GANs differ.").verdict == "not tested: GANs differ"


@pytest.mark.parametrize("other", [Mine, lambda gan, retrained=None: None, "recovery", None])
def test_what_is_no_audit_is_refused_before_any_is_made(other):
    def find(gan, retrained):
        raise AssertionError("an audit was made")

    with pytest.raises(UnlearningError, match="Expected audits, objects with a key and a title such as"):
        audit_gans({"original": 1, "unlearned": 2}, [Mine(find), other], progress=False)
