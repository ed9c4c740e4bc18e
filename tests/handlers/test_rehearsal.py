"""A check goes through one whole iteration: start, optimiser, unlearning step, and a batch with one row replaced."""

import copy

import pytest
import torch

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningPhase
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.utils.identical import Streams, assert_identical, clone
from tests.handlers.test_phase import data, make
from tests.loops.nets import CLASSES, Discriminator, Generator, Z


class Fails(torch.optim.Adam):
    """An optimiser that works until it is used."""

    def step(self, closure=None):
        raise NotImplementedError("no such kernel")


def state(unlearning):
    nets = (unlearning.gan.generator, unlearning.gan.discriminator)
    grads = [p.grad for net in nets for p in net.parameters()]
    return clone([net.state_dict() for net in nets]), clone(unlearning.method_state()), grads, Streams().state_dict()


def put_all(batch, images):
    """Takes a whole batch alone: its author has tried it with nothing else."""
    if not (images != batch[0]).flatten(1).any(1).all():
        raise KeyError("only 1 of 6 rows is new")
    return (images, batch[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": Fails}, "The unlearning step ended in NotImplementedError: no such kernel."),
        ({"optimizer": lambda p: torch.optim.SGD(p, lr=float("inf")), "generator_steps": 1}, None),
        (
            {"fake_label": Fixed(float("nan"))},
            "The unlearning loss of the discriminator is not finite",
        ),
        ({"start": lambda gan, teacher, regions, substitution: gan.generator.nothing()}, "has no attribute 'nothing'"),
    ],
)
def test_what_fails_in_the_first_iteration_is_said_before_it_and_nothing_is_changed(options, message):
    unlearning = make(**options)
    before = state(unlearning)
    report = unlearning.check(data())
    assert_identical(state(unlearning), before)
    assert (message is None) == bool(report)
    assert message is None or any(message in problem for problem in report.problems), str(report)


def test_a_put_that_cannot_replace_some_of_the_rows_is_said():
    gan = make().gan
    picky = GAN(
        gan.generator, gan.discriminator, latents=(Z,), labels=CLASSES, image=(lambda batch: batch[0], put_all), label=1
    )
    unlearning = CascadedUnlearning(picky, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed(-1))
    assert any("only 1 of 6 rows is new" in problem for problem in unlearning.check(data()).problems)


class Grouped(Discriminator):
    """Scores images in groups of three, as a minibatch-stddev layer does, and takes full groups only."""

    def forward(self, images, y=None):
        groups = images.view(-1, 3, *images.shape[1:])
        spread = groups.std(1).mean((1, 2, 3)).repeat_interleave(3)
        return super().forward(images, y) + spread


def test_a_discriminator_that_needs_full_groups_is_no_problem_where_the_batches_have_them():
    gan = GAN(Generator(CLASSES), Grouped(classes=CLASSES), latents=(Z,), labels=CLASSES)
    unlearning = CascadedUnlearning(gan, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed(-1))
    report = unlearning.check(data())
    assert report, str(report)


def test_an_own_method_is_rehearsed_on_a_copy_of_itself():
    class Remembers(UnlearningPhase):
        name = "remembers"
        tried = ()

        def unlearn(self, original, rows):
            self.tried = (*self.tried, int(rows.forgotten.sum()))
            with torch.no_grad():
                self.gan.generator.body[0].weight.fill_(7)
            raise RuntimeError("halfway")

    phase = Remembers(make().gan, forget=ForgetClasses({2}))
    before, own = state(phase), copy.copy(vars(phase))
    report = phase.check(data())
    assert report.problems == ("The unlearning step ended in RuntimeError: halfway.",)
    assert_identical(state(phase), before)
    assert vars(phase) == own
