"""torchgan for ignite_unlearn: an engine over its losses' ``train_ops``, and its models as a GAN.

Example:
    >>> import torch
    >>> from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
    >>> from torchgan.models import ConditionalGANDiscriminator, ConditionalGANGenerator
    >>> from ignite_unlearn import CascadedUnlearning, ForgetClasses
    >>> from ignite_unlearn.cascade import Generated, OtherClass
    >>> netG = ConditionalGANGenerator(3, encoding_dims=8, out_size=16, out_channels=1, step_channels=4)
    >>> netD = ConditionalGANDiscriminator(3, in_size=16, in_channels=1, step_channels=4)
    >>> learning = engine(
    ...     [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()],
    ...     generator=netG, optimizer_generator=torch.optim.Adam(netG.parameters()),
    ...     discriminator=netD, optimizer_discriminator=torch.optim.Adam(netD.parameters()),
    ... )
    >>> unlearning = CascadedUnlearning(
    ...     gan(learning), forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Generated()
    ... )
    >>> _ = unlearning.attach(learning)
    >>> state = learning.run([(torch.zeros(6, 1, 16, 16), torch.arange(6) % 3)] * 2)
    >>> unlearning.iterations, sorted(state.output)
    (2, ['MinimaxDiscriminatorLoss', 'MinimaxGeneratorLoss'])
"""

from ignite_unlearn.toolkits import require

require("torchgan", distribution="torchgan", at_least="0.1.0", plugin="ignite-unlearn-torchgan")

# The toolkit is there: what imports it comes after.
from ignite_unlearn_torchgan.learning import TrainOps, engine  # noqa: E402
from ignite_unlearn_torchgan.nets import gan  # noqa: E402

__all__ = ["TrainOps", "engine", "gan"]
