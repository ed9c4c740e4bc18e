"""The fake label of a class: between generated and unseen images."""

from tiny import loader, netD, netG, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Between, Generated, OtherClass, Unseen

gan = GAN(netG, netD, latents=(8,), labels=10)
fake_label = Between(Generated(), Unseen(unseen, unseen_labels))
unlearning = CascadedUnlearning(gan, forget=ForgetClasses({7}), substitution=OtherClass(1), fake_label=fake_label)
print(unlearning.check(loader))
