import functools
import threading

import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.gan.copies import frozen_copy
from ignite_unlearn.gan.trained import declare_trained, trained_names

X = torch.ones(3, 2)


def make():
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))


def decorated(forward):
    @functools.wraps(forward)
    def twice(*args, **kwargs):
        return 2 * forward(*args, **kwargs)

    return twice


class Wrapped:
    def __init__(self, forward):
        self.forward = forward

    def __call__(self, x):
        return self.forward(x)


class Trainer:
    def __init__(self, net):
        self.net, self.seen, self.old = net, [], net.forward

    def look(self, module, args, output):
        self.seen.append(output)

    def forward(self, x):
        return self.old(x)


def replaced(net, by):
    net.forward = by(net.forward)
    return net


NETS = {
    "autocast": lambda: replaced(make(), torch.autocast("cpu", dtype=torch.bfloat16)),
    "no_grad": lambda: replaced(make(), torch.no_grad()),
    "decorator": lambda: replaced(make(), decorated),
    "decorated twice": lambda: replaced(replaced(make(), decorated), decorated),
    "lambda": lambda: replaced(make(), lambda old: lambda x: old(x) + 1),
    "default": lambda: replaced(make(), lambda old: lambda x, old=old: old(x) + 1),
    "partial": lambda: replaced(make(), functools.partial),
    "object": lambda: replaced(make(), Wrapped),
    "compile": lambda: replaced(make(), lambda old: torch.compile(old, backend="eager")),
    "compiled child": lambda: nn.Sequential(torch.compile(make(), backend="eager"), nn.Tanh()),
    "another object's method": lambda: replaced(net := make(), lambda old: Trainer(net).forward),
    "list of layers": lambda: with_attribute(make(), lambda net: [net[0], net[2]]),
    "activation": lambda: with_attribute(make(), lambda net: [net(X)]),
    "old spectral norm": lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(2, 1))),
    "generator": lambda: with_attribute(make(), lambda net: torch.Generator().manual_seed(3)),
}  # fmt: skip


def with_attribute(net, value):
    net.kept = value(net)
    return net


@pytest.mark.parametrize("name", NETS)
def test_a_copy_answers_as_the_original_did_whatever_becomes_of_that(name):
    net = NETS[name]()
    net.train()(X).sum()
    copied = frozen_copy(net)
    before = copied(X)
    assert torch.allclose(before, net.eval()(X), atol=1e-6)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert torch.equal(copied(X), before)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.mul_(0.5)
    assert not torch.equal(copied(X), before)
    assert not before.requires_grad


def test_a_copys_hook_appends_to_a_list_of_its_own():
    net, seen = make(), []
    net[0].register_forward_hook(lambda module, args, output: seen.append(output))
    net(X)
    frozen_copy(net)(X)
    assert len(seen) == 1


def test_what_a_teacher_is_asked_leaves_no_trace_on_it_or_elsewhere():
    net, seen = make(), []
    net.calls = 0
    net.forward = counted(net, net.forward)
    trainer = Trainer(net)
    net[0].register_forward_hook(trainer.look)
    net[0].register_forward_hook(lambda module, args, output: seen.append(output))
    teacher = GAN(nn.Linear(1, 2), net, latents=(1,)).teacher()
    scores = teacher.score(X), teacher.score(X)
    assert torch.equal(*scores) and teacher.discriminator.calls == net.calls == 0
    assert not seen and not trainer.seen


def counted(net, forward):
    def counting(x):
        net.calls += 1
        return forward(x) + net.calls

    return counting


def test_a_compiled_forward_is_copied_as_it_was_before():
    net = replaced(make(), lambda old: torch.compile(old, backend="eager"))
    assert not hasattr(frozen_copy(net).forward, "_torchdynamo_orig_callable")


NET = make()


def of_a_global_name(x):
    return NET[2](NET[1](NET[0](x)))


def test_a_forward_that_names_the_net_is_refused_in_words():
    NET.forward = of_a_global_name
    with pytest.raises(
        UnlearningError, match=r"copy of the generator would still call the original, by forward: .* Let"
    ):
        GAN(NET, make(), latents=(2,)).teacher()


def test_what_cannot_be_copied_is_refused_by_its_name():
    net = make()
    net[0].extra = {"inside": threading.Lock()}
    with pytest.raises(UnlearningError, match=r"its attribute 0\.extra ends in TypeError: .* Take this off the net"):
        GAN(make(), net, latents=(2,)).teacher()


def test_a_copy_trains_in_the_same_parts():
    net = make()
    declare_trained(net, {"0.weight"})
    assert trained_names(frozen_copy(net)) == {"0.weight"}
