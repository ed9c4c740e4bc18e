"""The cascade: the phase, its substitutions, fake labels and starts, and the steps of both nets."""

from ignite_unlearn.cascade.cascade import CascadedUnlearning
from ignite_unlearn.cascade.descent import OptimizerFactory
from ignite_unlearn.cascade.exchange_scores import ExchangeScores
from ignite_unlearn.cascade.fake_labels.between import Between
from ignite_unlearn.cascade.fake_labels.fake_label import FakeLabel
from ignite_unlearn.cascade.fake_labels.fixed import Fixed
from ignite_unlearn.cascade.fake_labels.generated import Generated
from ignite_unlearn.cascade.fake_labels.unseen import Unseen
from ignite_unlearn.cascade.fake_labels.unseen_quantiles import UnseenQuantiles
from ignite_unlearn.cascade.gauss_newton import GaussNewton
from ignite_unlearn.cascade.kfac import KFAC
from ignite_unlearn.cascade.starts.drop_components import DropComponents
from ignite_unlearn.cascade.starts.fresh_discriminator import FreshDiscriminator
from ignite_unlearn.cascade.starts.nearest_embedding import NearestEmbedding
from ignite_unlearn.cascade.starts.start import Start
from ignite_unlearn.cascade.step import DiscriminatorStep, UnlearningStep
from ignite_unlearn.cascade.substitutions.latent_direction import LatentDirection
from ignite_unlearn.cascade.substitutions.mean_image import MeanImage
from ignite_unlearn.cascade.substitutions.noise import Noise
from ignite_unlearn.cascade.substitutions.other_class import OtherClass
from ignite_unlearn.cascade.substitutions.retained_neighbour import RetainedNeighbour
from ignite_unlearn.cascade.substitutions.substitution import Substitution
from ignite_unlearn.cascade.substitutions.truncation import Truncation
from ignite_unlearn.cascade.substitutions.untrained_label import UntrainedLabel

__all__ = [
    "KFAC",
    "Between",
    "CascadedUnlearning",
    "DiscriminatorStep",
    "DropComponents",
    "ExchangeScores",
    "FakeLabel",
    "Fixed",
    "FreshDiscriminator",
    "GaussNewton",
    "Generated",
    "LatentDirection",
    "MeanImage",
    "NearestEmbedding",
    "Noise",
    "OptimizerFactory",
    "OtherClass",
    "RetainedNeighbour",
    "Start",
    "Substitution",
    "Truncation",
    "UnlearningStep",
    "Unseen",
    "UnseenQuantiles",
    "UntrainedLabel",
]
