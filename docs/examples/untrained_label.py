"""A class whose label shows no substitute: it begins anew, as in a retrained GAN."""

import torch
from ignite.engine import Engine
from tiny import loader, netD, netG, step, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import UntrainedLabel

gan = GAN(netG, netD, latents=(8,), labels=10)
original, z = gan.teacher(), torch.randn(100, 8)
unlearning = CascadedUnlearning(
    gan,
    forget=ForgetClasses({7}),
    unseen=(unseen, unseen_labels),
    start=UntrainedLabel(),  # takes the label there at once, in closed form, and is what it is held at afterwards
)
trainer = Engine(step)
with unlearning.attach(trainer):
    trainer.run(loader, max_epochs=1)
for label in (7, 6):
    asked = torch.full((100,), label)
    moved = (gan.sample(100, asked, latents=z) - original.sample(100, asked, latents=z)).abs().mean()
    print(f"label {label}: {'another image' if moved > 0.1 else 'the same image'}")
