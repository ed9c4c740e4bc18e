"""Where a batch keeps its images and labels: found by itself, by a path, or by two functions."""

import torch
from tiny import netD, netG

from ignite_unlearn import GAN

# Found by itself.
batch = {"id": ["a", "b"], "image": torch.zeros(2, 1, 8, 8), "label": torch.tensor([7, 1])}
gan = GAN(netG, netD, latents=(8,), labels=10)
print(tuple(gan.batch.images(batch).shape), gan.batch.labels(batch).tolist())

# By a path: a key, an index, or a tuple of them.
batch = {"input": {"lowres": torch.zeros(2, 1, 4, 4), "full": torch.zeros(2, 1, 8, 8)}, "meta": [torch.tensor([7, 1])]}
gan = GAN(netG, netD, latents=(8,), labels=10, image=("input", "full"), label=("meta", 0))
print(tuple(gan.batch.images(batch).shape), gan.batch.labels(batch).tolist())

# By two functions: one gets, one returns a new batch.
batch = {"bytes": torch.full((2, 1, 8, 8), 255, dtype=torch.uint8), "onehot": torch.eye(10)[[7, 1]]}
gan = GAN(
    netG,
    netD,
    latents=(8,),
    labels=10,
    image=(
        lambda b: b["bytes"].float() / 127.5 - 1,
        lambda b, images: {**b, "bytes": ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)},
    ),
    label=(
        lambda b: b["onehot"].argmax(1),
        lambda b, labels: {**b, "onehot": torch.eye(10)[labels]},
    ),
)
print(gan.batch.images(batch).max().item(), gan.batch.labels(batch).tolist())
