import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignite_unlearn.gan.borrow import borrow, step_seed


def net():
    return nn.Sequential(spectral_norm(nn.Linear(4, 4)), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))


def disturb(module):
    """Everything that a step may do to a net."""
    module.train()
    module(torch.randn(8, 4)).sum().backward()
    for p in module.parameters():
        p.requires_grad_(False)
    random.random()
    np.random.rand()


def state(module):
    return {
        "buffers": [b.clone() for b in module.buffers()],
        "identity": [id(b) for b in module.buffers()],
        "flags": [m.training for m in module.modules()],
        "frozen": [p.requires_grad for p in module.parameters()],
        "grads": [id(p.grad) for p in module.parameters()],
        "streams": (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),
    }


@pytest.mark.parametrize("fails", [False, True])
def test_all_is_put_back_even_after_an_exception(fails):
    module = net()
    module(torch.randn(8, 4)).sum().backward()
    module[1].eval()
    module[3].bias.requires_grad_(False)
    before = state(module)
    try:
        with borrow(module, seed=0):
            disturb(module)
            if fails:
                raise KeyError
    except KeyError:
        pass
    after = state(module)
    assert all(torch.equal(a, b) for a, b in zip(before.pop("buffers"), after.pop("buffers"), strict=True))
    assert before == after


def test_parameters_keep_the_values_that_the_body_gave_them():
    module = nn.Linear(1, 1)
    with borrow(module):
        module.weight.data.fill_(7)
    assert module.weight.item() == 7


def test_inside_nets_are_in_eval_mode_without_gradients_and_thawed_if_frozen():
    module = net().requires_grad_(False)
    partly = net()
    partly[0].requires_grad_(False)
    with borrow(module, partly):
        assert not any(m.training for m in module.modules())
        assert all(p.requires_grad and p.grad is None for p in module.parameters())
        assert not any(p.requires_grad for p in partly[0].parameters())
        assert partly[3].weight.requires_grad
    assert not any(p.requires_grad for p in module.parameters())


def test_shared_buffers_stay_shared_inside():
    norm = nn.BatchNorm1d(2)
    other = nn.BatchNorm1d(2)
    other.running_mean = norm.running_mean
    with borrow(nn.ModuleList([norm, other])):
        assert norm.running_mean is other.running_mean


def test_a_seed_decides_what_is_drawn_inside_and_nothing_outside():
    with borrow(seed=5):
        first = torch.randn(3), np.random.rand(), random.random()
    torch.randn(1)
    with borrow(seed=5):
        second = torch.randn(3), np.random.rand(), random.random()
    assert torch.equal(first[0], second[0]) and first[1:] == second[1:]


def test_the_callers_autocast_and_no_grad_do_not_reach_inside():
    module = nn.Linear(2, 2)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16), borrow(module):
        out = module(torch.ones(1, 2))
        assert out.dtype == torch.float32 and out.requires_grad


def test_step_seeds_differ_and_are_stable():
    seeds = {step_seed(a, b, c) for a in range(4) for b in range(4) for c in range(4)}
    assert len(seeds) == 64
    assert step_seed(1, 2, 3) == step_seed(1, 2, 3)


@pytest.mark.cuda
def test_cuda_streams_are_put_back():
    module = nn.Linear(2, 2).cuda()
    before = torch.cuda.get_rng_state()
    with borrow(module, seed=1):
        torch.randn(3, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)
