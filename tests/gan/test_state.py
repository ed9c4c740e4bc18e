import collections
import random

import numpy as np
import pytest
import torch
from torch import nn

from ignite_unlearn.gan.borrow import borrow
from ignite_unlearn.gan.state import held, state_kept
from ignite_unlearn.gan.trained import declare_trained

COUNTS = {"calls": 0}
CALLS = 0


class Meter:
    def __init__(self):
        self.sum, self.values = 0.0, []


class Full(nn.Module):
    """Keeps state in every way that a net can."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.u = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("total", torch.zeros(3))
        self.plain, self.count, self.cache, self.features = torch.zeros(3), 0, {}, None
        self.queue, self.names, self.nested = collections.deque(maxlen=2), set(), [[torch.zeros(1)]]
        self.meter, self.array = Meter(), np.zeros(3)
        self.order = collections.OrderedDict(a=1, b=2)
        self.streams = [torch.Generator(), random.Random(0), np.random.default_rng(0), np.random.RandomState(0)]

    def forward(self, x):
        global CALLS
        CALLS += 1
        COUNTS["calls"] += 1
        self.count += 1
        self.features = self.linear(x)
        self.u.data = self.u.data * 2  # another storage
        self.u.data.add_(1)  # the same
        self.total += 1
        self.plain.add_(1)
        self.array += 1
        self.cache[self.count] = x
        self.order.move_to_end("a")
        self.queue.append(x)
        self.names.add(self.count)
        self.nested[0][0].add_(1)
        self.meter.sum += 1
        self.meter.values.append(self.features)
        torch.rand(1, generator=self.streams[0])
        self.streams[1].random(), self.streams[2].random(), self.streams[3].rand()
        return self.features + self.total + self.plain + self.u


def everything(net):
    def plain(value):
        if isinstance(value, (torch.Tensor, np.ndarray)):
            return value.tolist()
        if isinstance(value, (list, tuple, collections.deque)):
            return [plain(item) for item in value]
        return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value

    streams = net.streams
    states = streams[0].get_state().tolist(), streams[1].getstate(), streams[2].bit_generator.state
    attributes = {k: plain(v) for k, v in vars(net).items() if k in
                  {"plain", "count", "cache", "features", "queue", "names", "nested", "array"}}  # fmt: skip
    return (
        attributes, states, streams[3].get_state()[1].tolist(), list(net.order), vars(net.meter).copy(),
        plain(net.meter.values), net.u.tolist(), net.u.data_ptr(), net.total.tolist(), dict(COUNTS), CALLS,
    )  # fmt: skip


def identities(net):
    return [id(getattr(net, name)) for name in ("u", "total", "plain", "cache", "queue", "names", "array", "meter")]


@pytest.mark.parametrize("fails", [False, True])
def test_all_that_a_forward_leaves_behind_is_put_back(fails):
    net = Full()
    net(torch.ones(2, 3))  # something to put back
    before, ids, version = everything(net), identities(net), net.plain._version
    try:
        with borrow(net):
            net(torch.ones(2, 3)), net(torch.zeros(2, 3))
            assert everything(net) != before
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert str(everything(net)) == str(before)
    assert identities(net) == ids
    assert net.plain._version == version  # it was never written to


def test_what_a_closure_or_an_owner_of_a_hook_keeps_is_put_back():
    net, seen, meter, total = nn.Linear(2, 2), [], Meter(), torch.zeros(1)
    calls = 0

    def hook(module, args, output):
        nonlocal calls
        calls += 1
        seen.append(output)
        total.add_(1)

    net.register_forward_hook(hook)
    net.register_forward_pre_hook(lambda module, args: meter.values.append(1))
    with borrow(net):
        net(torch.ones(1, 2))
        assert len(seen) == calls == len(meter.values) == 1
    assert (len(seen), calls, len(meter.values), total.item()) == (0, 0, 0, 0.0)


def test_weights_move_also_where_they_are_kept_a_second_time():
    net = nn.Linear(1, 1)
    net.mine, net.view = [net.weight], net.weight.view(-1)
    with borrow(net), torch.no_grad():
        net.weight.fill_(7)
    assert net.mine[0] is net.weight and net.weight.item() == 7 == net.view.item()


def test_only_weights_that_train_keep_what_the_body_gave_them():
    net = nn.Linear(1, 1)
    declare_trained(net, {"weight"})
    for frozen_too in (False, True):
        net.bias.data.zero_()
        with borrow(net, frozen_too=frozen_too):
            assert net.weight.requires_grad and not net.bias.requires_grad
            net.weight.data.fill_(3), net.bias.data.fill_(3)
        assert net.weight.item() == 3 and net.bias.item() == (3 if frozen_too else 0)


def test_the_gradient_is_that_of_the_state_that_the_forward_used():
    net = Full()
    net.u.data.fill_(2.0)
    with borrow(net):
        product = (net.linear.weight[0] * net.u).sum()
        product.backward()
        assert net.linear.weight.grad[0].tolist() == [2, 2, 2]


def test_what_a_net_shares_it_shares_in_the_body():
    net = nn.ModuleList([nn.BatchNorm1d(2), nn.BatchNorm1d(2)])
    net.mean = net[1].running_mean = net[0].running_mean
    with state_kept(net, trained=net.parameters()):
        assert net.mean is net[1].running_mean is net[0].running_mean


def test_nets_that_only_a_hook_knows_of_keep_their_weights():
    other, net = nn.Linear(1, 1), nn.Linear(1, 1)
    net.register_forward_hook(lambda module, args, output: other(output))
    with borrow(net):
        other.weight.data.fill_(5)
    assert other.weight.item() == 5


def test_installed_packages_are_not_looked_into():
    net = nn.Linear(1, 1)
    net.loader = torch.utils.data.DataLoader([1])
    owners = [id(holder.owner) for holder in held(net)]
    assert id(net) in owners and id(net.loader) not in owners
