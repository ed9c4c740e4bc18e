"""Relearning from rows of labels that are drawn: for every GAN the same, for every trial others."""

import torch
from torch import nn

from ignite_unlearn import GAN
from ignite_unlearn.audits import Relearning
from ignite_unlearn.recipes.tasks.relearning import FromOwnRow, with_fresh_rows

CLASSES = 4


def make(scale=1.0):
    """A GAN whose label counts as learned once its row is as long as asked for."""
    torch.manual_seed(0)
    netG, netD = nn.Embedding(CLASSES, 6), nn.Linear(6, 1)
    with torch.no_grad():
        netG.weight[2] *= scale
    return GAN(netG, netD, latents=(6,), labels=CLASSES, generate=lambda net, z, y: z + net(y))


def audit(begin=lambda gan: None):
    def learn(gan):
        begin(gan)
        return lambda: gan.generator.weight.data[2].add_(0.1)

    def level(gan):
        return float(gan.generator.weight[2].detach().sum())

    return Relearning(learn, level, reached=20.0, every=1, max_iterations=100, progress=False)


def test_fresh_rows_are_the_labels_alone_the_same_for_each_gan_and_others_in_each_trial():
    one, other = make(), make(scale=9.0)
    before = one.generator.weight.detach().clone()
    fresh = audit(lambda gan: with_fresh_rows(gan, (2,)))
    found, beside = fresh(one), fresh(other)
    assert found.details["iterations"] == beside.details["iterations"]  # where the label began plays no part
    assert len(set(found.details["iterations"])) > 1
    assert torch.equal(one.generator.weight, before)  # the audited GAN is never changed
    with torch.no_grad():
        with_fresh_rows(one, (2,))
    assert (one.generator.weight == before).all(1).tolist() == [True, True, False, True]


def test_an_own_row_is_judged_by_where_rows_of_a_retrained_gan_may_lie():
    fresh = audit(lambda gan: with_fresh_rows(gan, (2,)))
    both, retrained = FromOwnRow(audit(), fresh), make()
    judge = both(retrained)
    drawn = fresh(retrained).details["iterations"]
    assert judge.details["iterations_from_fresh_rows"] == drawn
    for gan in (make(scale=-9.0), make(scale=9.0)):  # rows from which it takes longer, or less, than from drawn ones
        found = both(gan)
        own = found.details["iterations"]
        assert (found.low, found.high) == (min(own + drawn), max(own + drawn)) and found.value == own[0]
        assert not min(drawn) <= own[0] <= max(drawn)
    with torch.no_grad():
        retrained.generator.weight[2].add_(100)  # it is there already
    assert both(retrained, retrained=judge).passed is False
    assert both(make(), retrained=judge).passed is not False
