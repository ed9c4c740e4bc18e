"""Nets of recipes."""

from ignite_unlearn.recipes.nets.classifier import FeatureClassifier, SmallClassifier
from ignite_unlearn.recipes.nets.dcgan import DCGAN
from ignite_unlearn.recipes.nets.nets import Nets
from ignite_unlearn.recipes.nets.strided import MixtureGAN, SmallGAN, StridedGAN

__all__ = ["DCGAN", "FeatureClassifier", "MixtureGAN", "Nets", "SmallClassifier", "SmallGAN", "StridedGAN"]
