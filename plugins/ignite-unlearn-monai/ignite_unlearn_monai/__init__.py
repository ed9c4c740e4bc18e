"""MONAI for ignite_unlearn: the nets of a ``GanTrainer`` or ``AdversarialTrainer`` as a GAN.

Example:
    >>> import torch
    >>> from monai.data import DataLoader
    >>> from monai.engines import GanTrainer
    >>> from ignite_unlearn import CascadedUnlearning, ForgetItems
    >>> from ignite_unlearn.cascade import Generated, RetainedNeighbour
    >>> netG = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
    >>> netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
    >>> images = torch.rand(12, 1, 4, 4)
    >>> trainer = GanTrainer(
    ...     "cpu", 1, DataLoader([{"reals": image} for image in images], batch_size=6), latent_shape=8,
    ...     g_network=netG, g_optimizer=torch.optim.Adam(netG.parameters()),
    ...     g_loss_function=lambda fakes: -netD(fakes).mean(),
    ...     d_network=netD, d_optimizer=torch.optim.Adam(netD.parameters()),
    ...     d_loss_function=lambda fakes, reals: netD(fakes.detach()).mean() - netD(reals).mean(),
    ... )
    >>> unlearning = CascadedUnlearning(
    ...     gan(trainer), forget=ForgetItems(images[:2]), substitution=RetainedNeighbour(), fake_label=Generated()
    ... )
    >>> _ = unlearning.attach(trainer)
    >>> trainer.run()
    >>> unlearning.iterations
    2
"""

from ignite_unlearn.toolkits import require

require("monai", distribution="monai", at_least="1.5", plugin="ignite-unlearn-monai")

# The toolkit is there: what imports it comes after.
from ignite_unlearn_monai.nets import gan  # noqa: E402

__all__ = ["gan"]
