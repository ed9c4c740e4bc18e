"""A loop that draws labels for its fakes: let the phase draw them."""

from ignite.engine import Engine
from tiny import learn, loader, netD, netG, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen

gan = GAN(netG, netD, latents=(8,), labels=10)
unlearning = CascadedUnlearning(
    gan, forget=ForgetClasses({7}), substitution=OtherClass(1), fake_label=Unseen(unseen, unseen_labels)
)
unlearning.measured = True  # in an example nobody wants to know


def step(engine, batch):
    x, y = batch
    asked = unlearning.retained_labels(len(x))  # in place of torch.randint(10, (len(x),))
    return learn(x, y, asked)


trainer = Engine(step)
with unlearning.attach(trainer):
    trainer.run(loader, max_epochs=1)
print(unlearning.asked_forgotten, "labels of the forgotten class were asked for")
