"""A check moves nothing of a loader: neither a stream nor a sampler nor a data set that counts."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tests.handlers.test_phase import data, make


class Stateful(Dataset):
    """Counts its looks in every way that people count, and draws from streams of its own."""

    def __init__(self):
        self.rows = [(x, y) for images, labels in data() for x, y in zip(images, labels, strict=True)]
        self.looks, self.seen, self.by_index, self.last = 0, [], {}, None
        self.torch, self.numpy = torch.Generator(), np.random.default_rng(0)
        self.python, self.old = random.Random(0), np.random.RandomState(0)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.looks += 1
        self.seen.append(index)
        self.by_index[index] = self.looks
        self.last, self.new_attribute = index, True
        torch.rand(1, generator=self.torch), self.numpy.random(), self.python.random(), self.old.rand()
        return self.rows[index]


class Epochs(Sampler):
    """Goes on where it stopped, as samplers do that are resumed."""

    def __init__(self, n):
        self.n, self.epoch, self.position = n, 0, 0

    def __len__(self):
        return self.n

    def __iter__(self):
        self.epoch += 1
        for index in range(self.n):
            self.position = index
            yield index


class Wrapped(Dataset):
    def __init__(self, dataset):
        self.dataset, self.wrapped_looks = dataset, 0

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        self.wrapped_looks += 1
        return self.dataset[index]


def state(thing):
    def plain(value):
        if isinstance(value, torch.Generator):
            return value.get_state().tolist()
        if isinstance(value, random.Random):
            return value.getstate()
        if isinstance(value, np.random.Generator):
            return str(value.bit_generator.state)
        if isinstance(value, np.random.RandomState):
            return str(value.get_state())
        return repr(value)

    return {name: plain(value) for name, value in vars(thing).items() if name not in ("rows", "dataset")}


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_check_leaves_streams_sampler_and_data_set_as_they_were(wrapped):
    stateful, generator = Stateful(), torch.Generator()
    dataset, sampler = Wrapped(stateful) if wrapped else stateful, Epochs(24)
    for loader in (
        DataLoader(dataset, batch_size=6, sampler=sampler, generator=generator),
        DataLoader(dataset, batch_size=6, shuffle=True, generator=generator),
    ):
        things = [stateful, sampler, dataset]
        before = [state(thing) for thing in things], generator.get_state().tolist()
        report = make().check(loader)
        assert report, str(report)
        assert ([state(thing) for thing in things], generator.get_state().tolist()) == before
