"""A phase that is interrupted, and goes on from Ignite's checkpoint."""

import tempfile

import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, DiskSaver
from tiny import loader, netD, netG, optD, optG, step, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen


def phase():
    gan = GAN(netG, netD, latents=(8,), labels=10)
    made = CascadedUnlearning(
        gan, forget=ForgetClasses({7}), substitution=OtherClass(1), fake_label=Unseen(unseen, unseen_labels)
    )
    made.measured = True  # in an example nobody wants to know
    return made


folder = tempfile.mkdtemp()
trainer, unlearning = Engine(step), phase()
objects = {"trainer": trainer, "unlearning": unlearning, "netG": netG, "netD": netD, "optG": optG, "optD": optD}
checkpoint = Checkpoint(objects, DiskSaver(folder, require_empty=False), n_saved=1)
with unlearning.attach(trainer):
    trainer.add_event_handler(Events.EPOCH_COMPLETED, checkpoint)  # after the phase, so that it sees the phase's state
    trainer.run(loader, max_epochs=1)
print(checkpoint.last_checkpoint.name)

# After a restart: make everything as before, load, attach, and run on.
trainer, unlearning = Engine(step), phase()
objects |= {"trainer": trainer, "unlearning": unlearning}
state = torch.load(f"{folder}/{checkpoint.last_checkpoint.name}", weights_only=True)
Checkpoint.load_objects(objects, state)
with unlearning.attach(trainer):
    trainer.run(loader, max_epochs=2)
print(unlearning.iterations, "unlearning steps in all")
