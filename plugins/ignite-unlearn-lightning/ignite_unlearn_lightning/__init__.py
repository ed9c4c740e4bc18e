"""Lightning for ignite_unlearn: the nets of a ``LightningModule`` as a GAN, and a phase as a callback.

Example:
    >>> import lightning as L
    >>> import torch
    >>> from ignite_unlearn import CascadedUnlearning, ForgetItems
    >>> from ignite_unlearn.cascade import Generated, RetainedNeighbour
    >>> class LitGAN(L.LightningModule):
    ...     def __init__(self, latent_dim=8):
    ...         super().__init__()
    ...         self.save_hyperparameters()
    ...         self.automatic_optimization = False
    ...         self.generator = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Unflatten(1, (1, 4, 4)))
    ...         self.discriminator = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
    ...     def training_step(self, batch):
    ...         pass  # your own
    ...     def configure_optimizers(self):
    ...         return torch.optim.Adam(self.parameters())
    >>> module, images = LitGAN(), torch.rand(12, 1, 4, 4)
    >>> phase = CascadedUnlearning(
    ...     gan(module), forget=ForgetItems(images[:2]), substitution=RetainedNeighbour(), fake_label=Generated()
    ... )
    >>> quiet = dict.fromkeys(["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False)
    >>> trainer = L.Trainer(max_epochs=1, callbacks=[Unlearning(phase)], accelerator="cpu", **quiet)
    >>> trainer.fit(module, torch.utils.data.DataLoader(images, batch_size=6))
    >>> phase.iterations
    2
"""

from ignite_unlearn.toolkits import require

require("lightning", distribution="lightning", at_least="2.2", plugin="ignite-unlearn-lightning")

# The toolkit is there: what imports it comes after.
from ignite_unlearn_lightning.callback import Unlearning  # noqa: E402
from ignite_unlearn_lightning.nets import gan  # noqa: E402

__all__ = ["Unlearning", "gan"]
