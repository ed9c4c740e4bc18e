"""A phase in a run of two processes: nothing of it is different."""

import ignite.distributed as idist
import torch.distributed as dist
from ignite.engine import Engine
from tiny import Discriminator, Generator, images, labels, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen


def training(local_rank):
    netG, netD = idist.auto_model(Generator()), idist.auto_model(Discriminator())
    rank, world = idist.get_rank(), idist.get_world_size()
    loader = [(images[i::world], labels[i::world]) for i in (rank, rank + 16)]  # or idist.auto_dataloader
    gan = GAN(netG, netD, latents=(8,), labels=10)
    unlearning = CascadedUnlearning(
        gan, forget=ForgetClasses({7}), substitution=OtherClass(1), fake_label=Unseen(unseen, unseen_labels)
    )
    unlearning.measured = True  # in an example nobody wants to know
    trainer = Engine(lambda engine, batch: None)  # your step
    with unlearning.attach(trainer):
        trainer.run(loader, max_epochs=1)
    if rank == 0:
        print(f"{unlearning.iterations} unlearning steps in {world} processes")


if __name__ == "__main__":
    # Under torchrun the processes are there already; else two are started here.
    with idist.Parallel(backend="gloo", nproc_per_node=None if dist.is_torchelastic_launched() else 2) as parallel:
        parallel.run(training)
