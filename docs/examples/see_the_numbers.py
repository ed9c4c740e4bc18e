"""The numbers of a phase in trainer.state.metrics, where every Ignite logger finds them, and its events."""

from ignite.engine import Engine
from tiny import loader, netD, netG, step, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, UnlearningEvents
from ignite_unlearn.cascade import OtherClass, Unseen

gan = GAN(netG, netD, latents=(8,), labels=10)
unlearning = CascadedUnlearning(
    gan,
    forget=ForgetClasses({7}),
    substitution=OtherClass(1),
    fake_label=Unseen(unseen, unseen_labels),
    max_iterations=2,
)
unlearning.measured = True  # in an example nobody wants to know
trainer = Engine(step)
with unlearning.attach(trainer):
    trainer.add_event_handler(
        UnlearningEvents.UNLEARNING_COMPLETED, lambda engine: print("ended in iteration", engine.state.iteration)
    )
    trainer.run(loader, max_epochs=1)
    print(*sorted(trainer.state.metrics), sep="\n")
