"""What is measured of a GAN: distances to real images, equal to clean-fid's, what a classifier sees, membership."""

from ignite_unlearn.metrics.base import Collected, FeatureDistance
from ignite_unlearn.metrics.classes import PUL, ClassShare
from ignite_unlearn.metrics.classifier import train_classifier
from ignite_unlearn.metrics.coverage import density_and_coverage
from ignite_unlearn.metrics.downstream import downstream_accuracy
from ignite_unlearn.metrics.feature_cache import cached_features
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.fid import FID
from ignite_unlearn.metrics.frechet import feature_distance, frechet_distance
from ignite_unlearn.metrics.inception import load_inception
from ignite_unlearn.metrics.intervals import normal_interval, wilson
from ignite_unlearn.metrics.kid import KID, kernel_distance
from ignite_unlearn.metrics.latent_smoothness import LatentSmoothness, PathLengths, latent_smoothness, path_lengths
from ignite_unlearn.metrics.linear_probe import LinearProbe
from ignite_unlearn.metrics.membership import (
    DiscriminatorScore,
    MembershipAUC,
    MonteCarlo,
    NearestSample,
    auc,
    bootstrap,
    pixel_distances,
)
from ignite_unlearn.metrics.neutral import load_neutral
from ignite_unlearn.metrics.quality import image_quality
from ignite_unlearn.metrics.relative_mmd import relative_mmd
from ignite_unlearn.metrics.resize import CleanResize

__all__ = [  # noqa: RUF022 - the metrics first
    "FID", "KID", "ClassShare", "PUL", "MembershipAUC", "Collected", "FeatureDistance",
    "FeatureExtractor", "load_inception", "load_neutral", "CleanResize", "cached_features",
    "image_quality", "density_and_coverage", "feature_distance", "frechet_distance", "kernel_distance", "relative_mmd",
    "latent_smoothness", "path_lengths", "LatentSmoothness", "PathLengths",
    "downstream_accuracy", "train_classifier",
    "DiscriminatorScore", "NearestSample", "MonteCarlo", "LinearProbe", "auc", "bootstrap", "pixel_distances",
    "normal_interval", "wilson",
]  # fmt: skip
