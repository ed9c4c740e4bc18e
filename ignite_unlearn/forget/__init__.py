"""Requests to forget: what is asked for, and where a GAN makes it."""

from ignite_unlearn.forget.description import Description
from ignite_unlearn.forget.forget import Forget, ForgetClasses, LatentRegions
from ignite_unlearn.forget.image_index import ImageIndex, refuse_overlap
from ignite_unlearn.forget.inversion import Inversion, Inverted
from ignite_unlearn.forget.items import ForgetItems
from ignite_unlearn.forget.latent_search import LatentSearch
from ignite_unlearn.forget.mixture import ForgetFromMixture

__all__ = [
    "Description",
    "Forget",
    "ForgetClasses",
    "ForgetFromMixture",
    "ForgetItems",
    "ImageIndex",
    "Inversion",
    "Inverted",
    "LatentRegions",
    "LatentSearch",
    "refuse_overlap",
]
