"""torch-mimicry for ignite_unlearn: an engine over its nets' ``train_step``, and its nets as a GAN.

``torch_mimicry`` taken from here needs no TensorFlow; imported by itself it needs this to be imported before.

Example:
    >>> import torch
    >>> from ignite_unlearn import CascadedUnlearning, ForgetClasses
    >>> from ignite_unlearn.cascade import Generated, OtherClass
    >>> cgan_pd = torch_mimicry.nets.cgan_pd
    >>> netG = cgan_pd.CGANPDGenerator32(3, nz=8, ngf=8, bottom_width=2)
    >>> netD = cgan_pd.CGANPDDiscriminator32(3, ndf=8)
    >>> optG, optD = (torch.optim.Adam(net.parameters(), betas=(0.0, 0.9)) for net in (netG, netD))
    >>> learning = engine(netG, netD, optG, optD, n_dis=2)
    >>> unlearning = CascadedUnlearning(
    ...     gan(learning), forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Generated()
    ... )
    >>> _ = unlearning.attach(learning)
    >>> state = learning.run([(torch.zeros(6, 3, 16, 16), torch.arange(6) % 3)] * 2)
    >>> unlearning.iterations, sorted(state.output)
    (2, ['D(G(z))', 'D(x)', 'errD', 'errG'])
"""

from ignite_unlearn.toolkits import require
from ignite_unlearn_mimicry.absent import stand_ins

with stand_ins():
    torch_mimicry = require(
        "torch_mimicry",
        distribution="torch-mimicry",
        at_least="0.1.16",
        plugin="ignite-unlearn-mimicry",
        hint='pip install --no-deps "torch-mimicry>=0.1.16"',
    )

# The toolkit is there: what imports it comes after.
from ignite_unlearn_mimicry.learning import TrainSteps, engine
from ignite_unlearn_mimicry.nets import gan, load

__all__ = ["TrainSteps", "engine", "gan", "load", "torch_mimicry"]
