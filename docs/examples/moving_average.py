"""A script that releases a moving average of its generator."""

from ignite.engine import Engine
from ignite.handlers import EMAHandler
from tiny import loader, netD, netG, step, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, OtherClass, RestartAverage, Unseen

trainer = Engine(step)
average = EMAHandler(netG, momentum=0.005)  # as your script has it, with the average that you released
average.attach(trainer)

netG.load_state_dict(average.ema_model.state_dict())  # 1. begin where the released generator is
gan = GAN(netG, netD, latents=(8,), labels=10)
unlearning = CascadedUnlearning(
    gan, forget=ForgetClasses({7}), substitution=OtherClass(1), fake_label=Unseen(unseen, unseen_labels)
)
released = GAN(average.ema_model, netD, latents=(8,), labels=10)
unlearning.released, unlearning.measured = released, True  # 2. StopWhenForgotten and ErasureRecord do this
with unlearning.attach(trainer):
    RestartAverage(unlearning, average.ema_model).attach(trainer)  # 3. the average forgets with the generator
    trainer.run(loader, max_epochs=1)
gap = sum((a - b).abs().sum() for a, b in zip(average.ema_model.parameters(), netG.parameters(), strict=True))
print(f"between the average and the generator, after {unlearning.iterations} iterations: {gap.item():.1f}")
