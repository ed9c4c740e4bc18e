"""A learning step under autocast: the unlearning step keeps the weights' own precision, or the one that you say."""

import torch
from ignite.engine import Engine
from tiny import loader, netD, netG, optD, unseen, unseen_labels
from torch.nn.functional import softplus

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen


def step(engine, batch):
    x, y = batch
    with torch.autocast("cpu", torch.bfloat16):
        d_loss = softplus(-netD(x, y)).mean()
    optD.zero_grad()
    d_loss.backward()
    optD.step()


trainer = Engine(step)
gan = GAN(netG, netD, latents=(8,), labels=10)
unlearning = CascadedUnlearning(
    gan, forget=ForgetClasses({7}), substitution=OtherClass(1), fake_label=Unseen(unseen, unseen_labels)
)
unlearning.measured = True  # in an example nobody wants to know
with unlearning.attach(trainer):
    trainer.run(loader, max_epochs=1)
print(f"{unlearning.iterations} unlearning steps; weights are {next(netG.parameters()).dtype}")


# The unlearning step itself in lower precision: say so where the nets are called.
def generate(net, latents, labels):
    with torch.autocast("cpu", torch.bfloat16):
        return net(latents, labels).float()


gan = GAN(netG, netD, latents=(8,), labels=10, generate=generate)
print(gan.sample(3).dtype)
