"""Phases in loops whose global batches lie on one process, or in some layout on several; all draw the same."""

import warnings

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from torch import nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.functional import relu

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems
from ignite_unlearn.cascade import (
    KFAC,
    Between,
    ExchangeScores,
    Fixed,
    FreshDiscriminator,
    GaussNewton,
    Generated,
    LatentDirection,
    MeanImage,
    NearestEmbedding,
    Noise,
    OtherClass,
    RetainedNeighbour,
    Truncation,
    Unseen,
    UnseenQuantiles,
    UntrainedLabel,
)
from ignite_unlearn.forget import Inversion, LatentSearch
from tests.loops.nets import CLASSES, SIZE, Z, bright_corner, real_images

ROWS = 12
IMAGES, LABELS = real_images(40, seed=1000)  # unseen ones
UNSEEN = IMAGES.double(), LABELS
RETAINED, RETAINED_LABELS = (t[real_images(60, seed=1001)[1] != 2] for t in real_images(60, seed=1001))
RETAINED = RETAINED.double()


class GlobalBatchNorm(nn.BatchNorm1d):
    """BatchNorm whose statistics are those of the rows of all processes, as SyncBatchNorm's are on CUDA."""

    def forward(self, rows):
        if not self.training:
            return super().forward(rows)
        sums = torch.cat([rows.new_tensor([len(rows)]), rows.sum(0), rows.square().sum(0)])
        n, first, second = (all_reduce(sums) if idist.get_world_size() > 1 else sums).split([1, *[rows.shape[1]] * 2])
        mean, var = first / n, second / n - (first / n).square()
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * n / (n - 1), self.momentum)
        return (rows - mean) / (var + self.eps).sqrt() * self.weight + self.bias


class Generator(nn.Module):
    def __init__(self, classes, norm=False, noise=False):
        super().__init__()
        self.embed = nn.Embedding(CLASSES, Z) if classes else None
        middle = GlobalBatchNorm(16) if norm else nn.Identity()
        self.body = nn.Sequential(nn.Linear(Z, 16), middle, nn.LeakyReLU(0.2), nn.Linear(16, SIZE * SIZE), nn.Tanh())
        self.noise = noise

    def forward(self, z, y=None):
        z = z if self.embed is None else z + self.embed(y)
        if self.noise and not self.training:
            z = z + 0.3 * torch.randn(z.shape, dtype=z.dtype)
        return self.body(z).view(-1, 1, SIZE, SIZE)


def discriminator(norm):
    middle = GlobalBatchNorm(16) if norm else nn.Identity()
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(36, 16),
        middle,
        nn.LeakyReLU(0.2),
        nn.Linear(16, 16),
        nn.LeakyReLU(0.2),
        nn.Linear(16, 1),
    )


def global_batch(i, rows=ROWS):
    """Images and labels; those of class 2 come first, and the first two images are to be forgotten."""
    images, labels = real_images(rows, seed=i)
    images = images.double()
    labels[: rows // 2].clamp_(max=1)
    labels[: 1 + i % (rows // 3)] = 2
    labels[rows // 2 :].clamp_(max=1)
    if i % 2 == 0:
        images[:2], labels[:2] = ITEMS, 2
    images[:, 0, 0, 0] = torch.where(labels == 2, 0.8, -0.8)
    return images, labels


ITEMS = real_images(2, seed=5)[0].double()
ITEMS[:, 0, 0, 0] = 0.8
ITEM_LABELS = torch.tensor([2, 2])


def parts(i, world, layout):
    """Returns which rows of the i-th global batch each process has; one process has all of them, in the same order."""
    places, rows = torch.arange(ROWS), ROWS
    lacking = layout in ("empty", "lacks") and i % 5 == 4  # the last process has no row of each fifth batch
    if lacking and world > 1:
        return [*parts(0, world - 1, "even"), places[:0]]
    if layout.startswith("random"):  # as chance has it, none at all too
        stream = torch.Generator().manual_seed(int(layout.split()[1]) * 1000 + i)
        ends = [0, *sorted(torch.randint(rows + 1, (world - 1,), generator=stream).tolist()), rows]
        return [places[ends[rank] : ends[rank + 1]] for rank in range(world)]
    if layout == "even, spread":  # those to be forgotten on every process
        places = places.view(2, -1).T.flatten()
    if layout.startswith("even"):  # else the first process has all of those
        return [places[rows * rank // world : rows * (rank + 1) // world] for rank in range(world)]
    weights = torch.arange(world, 0, -1) if layout != "uneven, few first" else torch.arange(1, world + 1)
    ends = [0, *(weights.cumsum(0) * rows // weights.sum()).tolist()]
    return [places[ends[rank] : ends[rank + 1]] for rank in range(world)]


LAYOUTS = ("even", "even, spread", "uneven", "uneven, few first", "empty", "lacks")


def items():
    return ForgetItems(ITEMS, ITEM_LABELS, inversion=Inversion(candidates=32, steps=3, progress=False))


def two_requests():
    """One request after the other."""
    request = items()
    request.add(global_batch(1)[0][:3], torch.tensor([2, 2, 2]))
    return request


BASE = {
    "class": lambda: {"forget": ForgetClasses({2}), "substitution": OtherClass(), "fake_label": Fixed(-1)},
    "items": lambda: {"forget": items(), "substitution": RetainedNeighbour(16), "fake_label": Fixed(-1)},
    "found": lambda: {
        "forget": ForgetClasses({2}, classifier=bright_corner, pool=64), "substitution": RetainedNeighbour(16),
        "fake_label": Fixed(-1),
    },
}  # fmt: skip
PARTS = {
    "substitution": {
        "RetainedNeighbour": lambda: RetainedNeighbour(16), "MeanImage": lambda: MeanImage(16), "Noise": Noise,
        "LatentDirection": lambda: LatentDirection(samples=16, steps=3), "Truncation": lambda: Truncation(samples=16),
        "UntrainedLabel": UntrainedLabel,
    },
    "fake_label": {
        "Generated": lambda: Generated(samples=8), "Generated below": lambda: Generated(below=1, live=False),
        "Unseen": lambda: Unseen(*UNSEEN, samples=8), "UnseenQuantiles": lambda: UnseenQuantiles(*UNSEEN, samples=8),
        "Between": lambda: Between(Generated(samples=8), UnseenQuantiles(*UNSEEN, samples=8)),
    },
    # With a large ridge: tiny nets that nobody trained make rounding errors grow without.
    "discriminator_step": {
        "GaussNewton": lambda: GaussNewton(unseen=UNSEEN[0], unseen_labels=UNSEEN[1], rows=24, ridge=0.3),
        "GaussNewton given": lambda: GaussNewton(RETAINED, RETAINED_LABELS, rows=6),
        "KFAC": lambda: KFAC(unseen=UNSEEN[0], unseen_labels=UNSEEN[1], rows=24, ridge=0.3, damping=0.1),
        "ExchangeScores": lambda: ExchangeScores(steps=2, batch_size=9),
    },
    "start": {
        "NearestEmbedding": NearestEmbedding,
        "FreshDiscriminator": lambda: FreshDiscriminator(RETAINED, RETAINED_LABELS, steps=3, batch_size=8),
        "UntrainedLabel.start": lambda: UntrainedLabel().start,
    },
}  # fmt: skip
OF_LABELS = {"UntrainedLabel", "NearestEmbedding", "UntrainedLabel.start"}
OTHERS = {
    "every third": {"every": 3}, "few latents": {"batch_size": 3}, "one latent": {"batch_size": 1},
    "noisy generator": {"noise": True}, "norms": {"norm": True},
}  # fmt: skip


def _cases():
    for kind, base in BASE.items():
        yield f"{kind}: base", base
        for what, makes in PARTS.items():
            for name, make in makes.items():
                if kind == "class" or name not in OF_LABELS:
                    yield f"{kind}: {name}", lambda base=base, what=what, make=make: base() | {what: make()}
        for name, more in OTHERS.items():
            yield f"{kind}: {name}", lambda base=base, more=more: base() | more
        for name, more in {
            "by itself": {"unseen": UNSEEN}, "by itself, nothing unseen": {},
            "norms, by itself": {"unseen": UNSEEN, "norm": True},
        }.items():  # fmt: skip
            yield f"{kind}: {name}", lambda kind=kind, more=more: by_itself(kind) | more
    quantiles = PARTS["fake_label"]["UnseenQuantiles"]
    yield "items: two requests", lambda: BASE["items"]() | {"forget": two_requests(), "fake_label": quantiles()}
    search = {"search": LatentSearch(draws=500), "unseen": UNSEEN[0]}
    yield "items: search", lambda: BASE["items"]() | {"forget": ForgetItems(ITEMS, ITEM_LABELS, **search)}


def by_itself(kind):
    """A phase that chooses, looks again, measures and ends by itself."""
    request = ForgetItems(ITEMS, ITEM_LABELS) if kind == "items" else BASE[kind]()["forget"]
    return {"forget": request, "max_iterations": 25}


CASES = dict(_cases())


def run(case, layout, iterations=50, dtype=torch.float64):
    """Runs a case in the processes that there are; returns the weights of both nets, and the phase."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    options = CASES[case]()
    norm, noise = options.pop("norm", False), options.pop("noise", False)
    conditional = not case.startswith("found")
    netG, netD = Generator(conditional, norm, noise).to(dtype), discriminator(norm).to(dtype)
    world, rank = idist.get_world_size(), idist.get_rank()
    if norm:  # statistics of its own in each replica, but for the first one's, as after a loop without SyncBatchNorm
        for net in (netG, netD):
            for buffer in net.buffers():
                buffer.add_(rank)
    learns = layout in ("even", "even, spread", "uneven", "uneven, few first")
    optG, optD = torch.optim.SGD(netG.parameters(), 0.02), torch.optim.SGD(netD.parameters(), 0.02)

    def descend(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            for p in group["params"]:
                if world > 1:
                    p.grad = idist.all_reduce(p.grad)
        optimizer.step()

    def mean(values):
        return values.sum() / ROWS  # of the global batch: the others' rows come in with their gradients

    def step(engine, batch):
        if not learns:
            return
        (real, labels), mine = batch, places[engine.state.iteration - 1]
        stream = torch.Generator().manual_seed(engine.state.iteration)
        z = torch.randn(ROWS, Z, generator=stream).to(dtype)[mine]
        fake = netG(z, labels)
        descend(optD, mean(relu(1 - netD(real))) + mean(relu(1 + netD(fake.detach()))))
        descend(optG, -mean(netD(netG(z, labels))))

    gan = GAN(netG, netD, latents=(Z,), labels=CLASSES if conditional else None, image=0, label=1, trained=(optG, optD))
    unlearning = CascadedUnlearning(gan, **{"batch_size": 10, "generator_steps": 2, **options})
    unlearning.measured = True
    batches, places = [], []
    for i in range(iterations):
        images, labels = global_batch(i)
        rows = parts(i, world, layout)[rank]
        if layout == "lacks" and not len(rows):
            continue
        batches.append((images[rows].to(dtype), labels[rows]))
        places.append(rows)
    trainer = Engine(step)
    with unlearning.attach(trainer):
        if layout == "lacks":  # five global batches an epoch, of which the last one is the one that a process lacks
            mine = 4 if world > 1 and rank == world - 1 else 5
            trainer.run(Epochs(batches, mine), max_epochs=iterations // 5)
        else:
            trainer.run(batches)
    return {"g": netG.state_dict(), "d": netD.state_dict()}, unlearning


class Epochs:
    """Goes on where the last epoch left it."""

    def __init__(self, batches, length):
        self.batches, self.length, self.begun = batches, length, 0

    def __len__(self):
        return self.length

    def __iter__(self):
        begin, self.begun = self.begun, self.begun + self.length
        return iter(self.batches[begin : begin + self.length])


def apart(one, other):
    """Returns the largest difference of two nets' weights."""
    return max(
        float((value.double() - other[net][key].double()).abs().max())
        for net in ("g", "d")
        for key, value in one[net].items()
        if "num_batches" not in key
    )


def save(rank, folder, pairs, iterations):
    """Runs cases in layouts, and saves what each process ends with."""
    torch.set_num_threads(1)
    for case, layout in pairs:
        weights, unlearning = run(case, layout, iterations)
        told = unlearning.iterations, unlearning.stopped_because, unlearning.metrics, unlearning.rows_found
        torch.save({"weights": weights, "told": told}, f"{folder}/{case} {layout} {rank}.pt")
