"""The law of the seam, and one property of the cascade, for every loop of the zoo."""

import contextlib
import warnings

import pytest
import torch

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.handlers import Rows
from ignite_unlearn.testing import (
    assert_bit_identical,
    assert_forgotten_rows_replaced,
    assert_leaves_nothing,
    assert_resumable,
)
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.loops import batches, nets_in_the_wild, schedules, scores, surroundings  # noqa: F401 - they fill the zoo
from tests.loops import rows as whole_rows  # noqa: F401
from tests.loops.case import ZOO, law_of

every_loop = pytest.mark.parametrize("name", sorted(ZOO))


@contextlib.contextmanager
def expected_warning(name):
    warns = ZOO[name]().warns
    if warns is None:
        yield
    else:
        with pytest.warns(UserWarning, match=warns):
            yield


@every_loop
def test_with_lr_0_the_run_is_bit_identical(name):
    with expected_warning(name):
        assert_bit_identical(*law_of(name))


@every_loop
def test_no_row_of_the_forget_set_reaches_the_step(name):
    with expected_warning(name):
        assert_forgotten_rows_replaced(*law_of(name))


@every_loop
def test_resumed_equals_uninterrupted(name):
    with expected_warning(name):
        assert_resumable(*law_of(name))


@every_loop
def test_detached_leaves_nothing_behind(name):
    with expected_warning(name):
        assert_leaves_nothing(*law_of(name))


def test_the_law_fails_when_borrow_does_nothing(monkeypatch):
    @contextlib.contextmanager
    def nothing(*modules, seed=None, frozen_too=False):
        yield

    for module in ("gan.gan", "forget.forget", "handlers.replicas", "handlers.original"):
        monkeypatch.setattr(f"ignite_unlearn.{module}.borrow", nothing)
    held = []
    for name in sorted(ZOO):
        with contextlib.suppress(AssertionError, RuntimeError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_bit_identical(*law_of(name))
            held.append(name)
    assert held == []


@every_loop
def test_each_half_moves_only_its_own_net(name):
    case = ZOO[name]()
    unlearning = case.unlearning(lr=1e-2)
    unlearning.attach(case.trainer).remove()
    nets = {"generator": case.gan.generator, "discriminator": case.gan.discriminator}
    form, batch = case.gan.batch, case.data()[0]
    images, labels = form.images(batch), form.labels(batch)
    rows = Rows(images, labels, unlearning.forget.rows(images, labels))
    original = unlearning.original
    for half, act in {
        "generator": lambda: unlearning.step.generator_half(original.teacher, original.regions),
        "discriminator": lambda: unlearning.step.discriminator_half(original.teacher, original.regions, rows),
    }.items():
        before = {net: clone(dict(module.named_parameters())) for net, module in nets.items()}
        buffers = {net: clone(dict(module.named_buffers())) for net, module in nets.items()}
        with borrow(*nets.values(), seed=0):
            act()
        for net, module in nets.items():
            moved = [not torch.equal(p, before[net][key]) for key, p in module.named_parameters()]
            assert any(moved) if net == half else not any(moved)
            assert_identical(clone(dict(module.named_buffers())), buffers[net])
