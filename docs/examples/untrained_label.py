"""A class whose label shows no substitute: it begins anew, as in a retrained GAN."""

import torch
from ignite.engine import Engine
from tiny import images, labels, loader, netD, netG, step

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Generated, UntrainedLabel

gan = GAN(netG, netD, latents=(8,), labels=10)
original, z = gan.teacher(), torch.randn(100, 8)
shown = UntrainedLabel()
unlearning = CascadedUnlearning(
    gan,
    forget=ForgetClasses({7}),
    substitution=shown,  # what the label is held at while the loop learns on
    start=shown.start,  # takes it there at once, in closed form
    fake_label=Generated(below=1.0),
    max_iterations=1,
)
unlearning.measured = True  # in an example nobody wants to know
trainer = Engine(step)
with unlearning.attach(trainer):
    trainer.run(loader, max_epochs=1)
for label in (7, 6):
    asked = torch.full((100,), label)
    moved = (gan.sample(100, asked, latents=z) - original.sample(100, asked, latents=z)).abs().mean()
    print(f"label {label}: {'another image' if moved > 0.1 else 'the same image'}")
