"""Nets that no process holds whole are refused before anything is moved."""

import warnings

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import distribute_module

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass
from tests.loops.nets import CLASSES, Generator, Z, real_images
from tests.processes import in_processes


def wrap(net):
    return FullyShardedDataParallel(net, device_id=torch.device("cpu"))


SHARDED = {
    "wrapped": wrap,
    "wrapped inside": lambda net: nn.Sequential(net[0], wrap(net[1:])),
    "in place": lambda net: fully_shard(net, mesh=init_device_mesh("cpu", (2,))),
    "distributed tensors": lambda net: distribute_module(net, init_device_mesh("cpu", (2,))),
}  # fmt: skip


def refuse(rank, folder):
    for name, sharded in SHARDED.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, of versions to come
            netD = sharded(nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Linear(8, 1)))
        gan = GAN(Generator(CLASSES), netD, latents=(Z,), labels=CLASSES)
        unlearning = CascadedUnlearning(gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1))
        report = str(unlearning.check([real_images(4, seed=0)]))
        with pytest.raises(UnlearningError) as refused:
            unlearning.attach(Engine(lambda engine, batch: None))
        torch.save([report, str(refused.value)], f"{folder}/{name} {rank}.pt")


def test_a_sharded_net_is_refused_in_words(tmp_path):
    in_processes(2, refuse, str(tmp_path))
    files = list(tmp_path.glob("*.pt"))
    assert len(files) == 2 * len(SHARDED)
    for file in files:
        report, said = torch.load(file, weights_only=True)
        assert said.startswith("The discriminator is sharded (") and said in report
