"""A user's GAN: how its nets are called, borrowed, copied and looked into."""

from ignite_unlearn.gan.batch import BatchForm
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.gan.latent_mixture import LatentMixture

__all__ = [
    "GAN",
    "BatchForm",
    "LatentMixture",
]
