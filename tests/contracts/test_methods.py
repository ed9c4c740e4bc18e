"""The contract of a way to unlearn, on each that there is."""

import json
import re

import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import ErasureRecord, ForgetClasses, ForgetItems, StopWhenForgotten, UnlearningError
from ignite_unlearn.record.record import Record
from ignite_unlearn.testing import assert_law
from ignite_unlearn.utils.identical import Streams, assert_identical, clone
from tests.contracts.found import METHODS, a_gan, built
from tests.loops import batches, schedules, scores, surroundings  # noqa: F401 - they fill the zoo
from tests.loops.case import ZOO, law_of
from tests.loops.nets import real_images

every_method = pytest.mark.parametrize("kind", METHODS.values(), ids=METHODS.keys())
# Of each kind one: what a batch is, what a score is, which schedule, what surrounds the nets.
LOOPS = ("dict_a_and_b_with_patch_map", "wgan_with_k_critic_steps_and_clipping", "amp_with_a_shared_grad_scaler")


def make(kind, gan=None, lr=1e-2, forget=None, **options):
    given = {"optimizer": lambda parameters: torch.optim.Adam(parameters, lr=lr), "batch_size": 8, **options}
    return built(kind, gan=gan or a_gan(), forget=forget or ForgetClasses({2}), **given)


def data(n=3):
    return [real_images(6, seed=i) for i in range(n)]


@every_method
@pytest.mark.parametrize("name", LOOPS)
def test_the_law_of_the_seam_holds(kind, name):
    def method(case, lr):
        unlearning = case.unlearning(lr=lr)
        parts = {"substitution": unlearning.step.substitution, "fake_label": unlearning.step.fake_label}
        return make(kind, case.gan, lr, case.forget(), **parts)

    assert ZOO[name]().warns is None
    assert_law(*law_of(name, method))


def test_each_method_has_a_name_of_its_own_that_can_stand_in_a_file_and_a_table():
    names = [kind.name for kind in METHODS.values()]
    assert len(set(names)) == len(names) >= 3
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    assert all(kind.__doc__ for kind in METHODS.values())


@every_method
def test_a_record_says_its_name_and_settings_and_is_read_again(kind, tmp_path):
    unlearning, trainer = make(kind), Engine(lambda engine, batch: None)
    with (
        unlearning.attach(trainer),
        ErasureRecord(unlearning, tmp_path, measure=lambda gan: {"a": 1.0}).attach(trainer),
    ):
        trainer.run(data())
    written = Record.read(tmp_path).method
    assert written == json.loads(json.dumps({"name": kind.name, **unlearning.settings()}))
    assert written["options"] | {"every": 1, "batch_size": 8} == written["options"]


@every_method
def test_the_request_may_be_items(kind):
    images = torch.cat([images for images, _ in data()])
    unlearning = make(kind, a_gan(), forget=ForgetItems(images[[1, 8]], torch.tensor([2, 2])))
    seen = []
    trainer = Engine(lambda engine, batch: seen.append(batch[0]))
    unlearning.measured = True
    with unlearning.attach(trainer):
        trainer.run(data())
    assert unlearning.found["items"] == 2
    assert not any(torch.equal(row, image) for row in torch.cat(seen) for image in images[[1, 8]])


@every_method
def test_a_check_passes_and_changes_nothing(kind):
    unlearning = make(kind)
    nets = (unlearning.gan.generator, unlearning.gan.discriminator)

    def state():
        return clone([net.state_dict() for net in nets]), clone(unlearning.method_state()), Streams().state_dict()

    before = state()
    report = unlearning.check(data())
    assert report, str(report)
    assert_identical(state(), before)


@every_method
def test_it_ends_by_budget_by_bounds_and_by_word(kind):
    for options, bounds, ended in (
        ({"max_iterations": 2}, None, "its budget of 2 iterations is spent"),
        ({}, {"a": 5.0}, "its bounds were reached: a 1"),
        ({}, None, "enough"),
    ):
        unlearning, trainer = make(kind, **options), Engine(lambda engine, batch: None)
        with unlearning.attach(trainer):
            if bounds is not None:
                StopWhenForgotten(unlearning, lambda gan: {"a": 1.0}, at_most=bounds).attach(trainer)
            elif not options:
                unlearning.stop("enough")
            unlearning.measured = True
            trainer.run(data())
        assert unlearning.stopped_because == ended


@every_method
def test_a_state_of_another_method_or_of_other_nets_is_refused(kind):
    with pytest.raises(UnlearningError, match=f"not one of {kind.__name__}"):
        make(kind).load_state_dict({})
