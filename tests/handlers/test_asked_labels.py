import copy
import pickle
import warnings

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.handlers.asked_labels import AskedLabels
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.handlers.test_phase import data
from tests.loops.nets import CLASSES, Discriminator, Generator, Z


class OneHot(nn.Module):
    """A generator that is given one-hot labels by name."""

    def __init__(self):
        super().__init__()
        self.inner = Generator(CLASSES)

    def forward(self, z, classes):
        return self.inner(z, classes.argmax(1))


def make(net, generate=None):
    gan = GAN(net, Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES, generate=generate)
    return CascadedUnlearning(
        gan, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed(), batch_size=4
    )


def loop(net, draw, call=lambda net, z, y: net(z, y)):
    """A loop that asks for drawn labels, twice an iteration."""

    def step(engine, batch):
        for _ in range(2):
            y = draw(len(batch[0]))
            call(net, torch.zeros(len(y), Z), y)

    return Engine(step)


def over_all(n):
    return torch.arange(n) % CLASSES


def test_labels_over_all_classes_are_seen_and_warned_of_once():
    net = Generator(CLASSES)
    unlearning, trainer = make(net), loop(net, over_all)
    with (
        unlearning.attach(trainer),
        pytest.warns(UserWarning, match=r"asked the generator for forgotten.*4 labels") as w,
    ):
        trainer.run(data(3), max_epochs=2)
        assert len([x for x in w if "asked" in str(x.message)]) == 1
        assert unlearning.asked_forgotten == 2 * 3 * 2 * 2  # epochs, batches, calls, labels in a batch of six
        net(torch.zeros(3, Z), over_all(3))  # a picture of all classes is none of the loop's step
        assert not net._forward_pre_hooks
    assert unlearning.asked_forgotten == 24
    resumed = make(net)
    resumed.load_state_dict(clone(unlearning.state_dict()))
    assert resumed.asked_forgotten == 24


@pytest.mark.parametrize("kind", ["batch", "phase"])
def test_labels_of_the_batch_and_of_the_phase_are_retained_ones(kind):
    net = Generator(CLASSES)
    unlearning = make(net)
    drawn = []

    def step(engine, batch):
        labels = batch[1] if kind == "batch" else unlearning.retained_labels(6)
        drawn.extend(labels.tolist())
        net(torch.zeros(6, Z), labels)

    trainer = Engine(step)
    with unlearning.attach(trainer), warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*asked the generator")
        trainer.run(data(3), max_epochs=4)
    assert unlearning.asked_forgotten == 0 and set(drawn) == {0, 1}


def test_retained_labels_need_a_conditional_gan():
    gan = GAN(Generator(), Discriminator(), latents=(Z,))
    phase = CascadedUnlearning(gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed())
    with pytest.raises(UnlearningError, match="conditional GAN"):
        phase.retained_labels(3)


def test_one_hot_labels_given_by_name_and_columns_are_read_too():
    net = OneHot()

    def hot(y):
        return nn.functional.one_hot(y, CLASSES).float()

    unlearning = make(net, generate=lambda net, z, y: net(z, classes=hot(y)))
    trainer = loop(net, over_all, lambda net, z, y: net(z, classes=hot(y)))
    with unlearning.attach(trainer), pytest.warns(UserWarning, match="asked the generator"):
        trainer.run(data(1))
    assert unlearning.asked_forgotten == 4


def test_latents_as_long_as_there_are_classes_are_no_labels():
    net = Generator(CLASSES)
    asked = AskedLabels(net, (2,), labels=Z)
    asked.begin()
    net(torch.randn(6, Z), over_all(6))
    net(torch.eye(Z)[:3] * 2, torch.tensor([0, 1, 1]))
    asked.end()
    assert asked.count() == 2


def test_wrapped_and_compiled_generators_are_watched_and_left_as_they_are():
    results = []
    for wrap in (lambda net: net, nn.DataParallel, lambda net: torch.compile(net, backend="eager")):
        for watched in (True, False):
            torch.manual_seed(0)
            net = Generator(CLASSES)
            called, out = wrap(net), []
            unlearning = make(called)
            if not watched:
                unlearning._watch._asked = None
            trainer = loop(called, over_all, lambda net, z, y, out=out: out.append(net(z, y).detach()))
            with unlearning.attach(trainer), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*asked the generator")
                trainer.run(data(2))
            assert unlearning.asked_forgotten == (8 if watched else 0)
            results.append((clone(out), clone(dict(net.state_dict()))))
    for watched, unwatched in zip(results[::2], results[1::2], strict=True):
        assert_identical(watched, unwatched)


def test_a_step_that_is_compiled_whole_is_not_disturbed():
    net = Generator(CLASSES)
    unlearning = make(net)
    forward = torch.compile(lambda z, y: net(z, y), backend="eager", fullgraph=True)
    trainer = Engine(lambda engine, batch: forward(torch.zeros(6, Z), over_all(6)))
    with unlearning.attach(trainer):
        trainer.run(data(2))
    assert unlearning.iterations == 2


def test_copies_and_saved_nets_are_not_counted(tmp_path):
    net, copies = Generator(CLASSES), []
    unlearning = make(net)

    def step(engine, batch):
        copies.append(copy.deepcopy(net))
        copies.append(pickle.loads(pickle.dumps(net)))
        for other in copies:
            other(torch.zeros(3, Z), over_all(3))

    trainer = Engine(step)
    with unlearning.attach(trainer):
        trainer.run(data(1))
    assert len(copies) == 2 and unlearning.asked_forgotten == 0


def test_a_step_that_fails_leaves_no_hook_once_the_phase_is_removed():
    net = Generator(CLASSES)
    trainer = Engine(lambda engine, batch: 1 / 0)
    with pytest.raises(ZeroDivisionError), make(net).attach(trainer):
        trainer.run(data(1))
    assert not net._forward_pre_hooks


def test_replicas_of_a_data_parallel_net_are_counted():
    net = Generator(CLASSES)
    asked = AskedLabels(net, (2,), CLASSES)
    asked.set(1)
    asked.begin()
    replicas = [net._replicate_for_data_parallel() for _ in range(2)]
    for replica in replicas:  # as DataParallel calls them, without their parameters' copies
        for module in replica.modules():
            module.__dict__["_former_parameters"] = {}
        asked.look(replica, (torch.zeros(3, Z), torch.tensor([0, 2, 2])))
    asked.end()
    assert asked.count() == 5
