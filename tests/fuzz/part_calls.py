"""Calls of parts: audits, metrics, steps, starts, substitutions and requests, as they should be."""

import functools

import torch
from torch import nn

from ignite_unlearn import ForgetClasses, ForgetItems, Ledger, audits, cascade, forget, metrics
from ignite_unlearn.gan import BatchForm, LatentMixture
from ignite_unlearn.handlers import Original, RestartAverage
from ignite_unlearn.record import score_histogram
from tests.fuzz.toys import FEATURES, SCORES, gan, nets, phase, shown, somewhere, trained


def zeros(n):
    return torch.zeros(n, dtype=torch.int64)


def scores(images):
    return images.flatten(1)[:, :3]


def audited(audit):
    return audit(gan())


def of_items(**more):
    """Trains a phase that forgets two images."""
    return trained(
        phase(forget=ForgetItems(shown(6)[:2], torch.tensor([0, 1])), substitution=cascade.RetainedNeighbour(), **more)
    )


def of_classes(**more):
    return trained(phase(**more))


def updated(metric):
    metric.update((shown(), shown(9)))
    return metric.compute()


FLAT = metrics.FeatureExtractor(nn.Flatten(), "pixels")
ITEMS = {"labels": lambda: zeros(4), "unseen_labels": lambda: zeros(8)}


def items(**more):
    return lambda: {
        "items": shown(4),
        "unseen": shown(9)[:8],
        **{key: make() for key, make in {**ITEMS, **more}.items()},
    }


def status():
    return audits.draw_status(40, 6)


def of_layer(kind):
    return (
        kind,
        lambda: (
            {"retained": shown(9), "labels": zeros(9), "unseen": shown(20), "unseen_labels": zeros(20), "layer": None}
            | {"rows": 4, "ridge": 1e-3}
        ),
        lambda made: of_items(discriminator_step=made),
    )


PARTS = {
    "SetMembership": (
        audits.SetMembership,
        items(attack=lambda: audits.ByMonteCarlo(samples=9), seed=lambda: 0),
        audited,
    ),
    "Reconstruction": (
        audits.Reconstruction,
        items(inversion=lambda: forget.Inversion(candidates=9, steps=1, progress=False), seed=lambda: 0),
        audited,
    ),
    "Recovery": (
        audits.Recovery,
        lambda: (
            {"classifier": scores, "classes": [1], "confirm": None, "realistic": None, "restarts": 4, "steps": 2}
            | {"lr": 0.1, "seed": 0, "progress": False}
        ),
        audited,
    ),
    "Relearning": (
        audits.Relearning,
        lambda: (
            {"learn": lambda gan: lambda: None, "level": lambda gan: 0.0, "reached": 1.0, "every": 1}
            | {"max_iterations": 2, "seeds": (0,), "progress": False, "key": "k", "title": "t"}
        ),
        audited,
    ),
    "Leftovers": (
        audits.Leftovers,
        lambda: {"folder": somewhere(), "stay": {"a"}, "forgotten": shown(2), "original": gan(), "at_most": 2},
        audited,
    ),
    "Quantized": (audits.Quantized, lambda: {"audit": audits.NullDirections(), "bits": 8}, audited),
    "NullDirections": (audits.NullDirections, lambda: {"drop": 0.1}, audited),
    "LayerProbes": (
        audits.LayerProbes,
        items(retained=lambda: shown(5), retained_labels=lambda: zeros(5), at_most=lambda: 4, seed=lambda: 0),
        audited,
    ),
    "CloserToRetrained": (
        audits.CloserToRetrained,
        lambda: (
            {"before": gan(), "reference": gan(), "features": lambda images: images.flatten(1), "second": None}
            | {"labels": zeros(12), "samples": 12, "seed": 0}
        ),
        audited,
    ),
    "ByNearestSample": (
        audits.ByNearestSample,
        lambda: {"samples": 9, "calibration": shown(5)},
        lambda made: audits.Membership(shown(4), shown(9), attack=made, labels=zeros(4), unseen_labels=zeros(9))(gan()),
    ),
    "ByMonteCarlo": (
        audits.ByMonteCarlo,
        lambda: {"samples": 9, "calibration": shown(5), "radius": 1.0},
        lambda made: audits.Membership(shown(4), shown(9), attack=made, labels=zeros(4), unseen_labels=zeros(9))(gan()),
    ),
    "audit_gans": (
        audits.audit_gans,
        lambda: {
            "gans": {"original": gan(), "unlearned": gan()},
            "audits": [audits.NullDirections()],
            "progress": False,
        },
        len,
    ),
    "ShadowAttack": (
        audits.ShadowAttack,
        lambda: (
            {"values": torch.rand(40, 6), "status": status(), "member": audits.TargetStatus.IN}
            | {"other": audits.TargetStatus.OUT}
        ),
        lambda made: made.rates(),
    ),
    "quantile_logits": (audits.quantile_logits, lambda: {"scores": SCORES(), "unseen": SCORES()}, len),
    "two_halves": (audits.two_halves, lambda: {"status": status(), "seed": 0}, len),
    "DistanceToItems": (
        audits.DistanceToItems,
        lambda: {"items": shown(3), "features": lambda images: images.flatten(1)},
        lambda made: made(shown()),
    ),
    "NearCopies": (
        audits.NearCopies,
        lambda: {"forgotten": shown(3), "threshold": 0.99},
        lambda made: made.in_tensor(shown()),
    ),
    "Realism": (
        audits.Realism,
        lambda: {"features": lambda images: images.flatten(1), "real": shown(20), "quantile": 0.9},
        lambda made: made(shown()),
    ),
    "rounded": (audits.rounded, lambda: {"gan": gan(), "bits": 8}, lambda made: made.sample(2)),
    "too_near": (audits.too_near, lambda: {"samples": shown(), "items": shown(2), "unseen": shown(9)}, len),
    "only_of": (audits.only_of, lambda: {"original": gan(), "unlearned": gan()}, len),
    "in_folder": (
        audits.in_folder,
        lambda: {"folder": somewhere(), "released": {"a"}, "forgotten": shown(2), "original": ()},
        len,
    ),
    "FID": (
        metrics.FID,
        lambda: {"extractor": FLAT, "real": FEATURES()[:, :1].repeat(16, 1), "output_transform": lambda x: x},
        updated,
    ),
    "KID": (
        metrics.KID,
        lambda: {"extractor": FLAT, "real": FEATURES()[:, :1].repeat(16, 1), "output_transform": lambda x: x},
        updated,
    ),
    "ClassShare": (
        metrics.ClassShare,
        lambda: {"classifier": scores, "output_transform": lambda x: x},
        lambda made: (made.update((shown(), zeros(8))), made.compute()),
    ),
    "PUL": (
        metrics.PUL,
        lambda: {"classifier": scores, "classes": {1}, "original_share": 0.5, "output_transform": lambda x: x},
        lambda made: (made.update(shown()), made.compute()),
    ),
    "MembershipAUC": (
        metrics.MembershipAUC,
        lambda: {"attack": metrics.DiscriminatorScore(gan()), "output_transform": lambda x: x},
        lambda made: (made.update((shown(), zeros(8), torch.arange(8) % 2 == 0)), made.compute()),
    ),
    "CleanResize": (metrics.CleanResize, lambda: {"size": (8, 8)}, lambda made: made(shown())),
    "cached_features": (
        metrics.cached_features,
        lambda: {"extractor": FLAT, "images": shown(), "folder": somewhere()},
        len,
    ),
    "image_quality": (metrics.image_quality, lambda: {"generated": FEATURES(), "real": FEATURES()}, len),
    "latent_smoothness": (
        metrics.latent_smoothness,
        lambda: (
            {"gan": gan(), "region": gan().sample_latents(4), "features": None, "labels": zeros(4), "paths": 3}
            | {"steps": 2, "straight": False, "seed": 0}
        ),
        lambda made: made,
    ),
    "path_lengths": (
        metrics.path_lengths,
        lambda: (
            {"gan": gan(), "starts": gan().sample_latents(4), "ends": gan().sample_latents(4), "features": None}
            | {"labels": zeros(4), "steps": 2, "straight": False, "seed": 0}
        ),
        lambda made: made,
    ),
    "downstream_accuracy": (
        metrics.downstream_accuracy,
        lambda: (
            {"generated": (shown(), zeros(8)), "real": (shown(9), zeros(9)), "epochs": 1, "batch_size": 4}
            | {"make_classifier": lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), "seed": 0, "progress": False}
        ),
        float,
    ),
    "DiscriminatorScore": (metrics.DiscriminatorScore, lambda: {"gan": gan()}, lambda made: made(shown(), zeros(8))),
    "NearestSample": (
        metrics.NearestSample,
        lambda: {"samples": shown(), "calibration": shown(5)},
        lambda made: made(shown(9)),
    ),
    "MonteCarlo": (
        metrics.MonteCarlo,
        lambda: {"samples": shown(), "calibration": shown(5), "radius": 1.0},
        lambda made: made(shown(9)),
    ),
    "LinearProbe": (
        metrics.LinearProbe,
        lambda: (
            {"features": lambda images, *labels: images.flatten(1), "members": shown(9), "unseen": shown(8)}
            | {"labels": None, "unseen_labels": None, "ridge": 0.3}
        ),
        lambda made: made(shown(9)),
    ),
    "GaussNewton": of_layer(cascade.GaussNewton),
    "KFAC": of_layer(functools.partial(cascade.KFAC, damping=1e-3)),
    "ExchangeScores": (
        cascade.ExchangeScores,
        lambda: {"steps": 1, "batch_size": 4, "anchor": 1.0, "optimizer": torch.optim.SGD},
        lambda made: of_classes(discriminator_step=made),
    ),
    "FreshDiscriminator": (
        cascade.FreshDiscriminator,
        lambda: (
            {"images": shown(9), "labels": zeros(9), "steps": 2, "batch_size": 4, "penalty": 0.3}
            | {"optimizer": functools.partial(torch.optim.SGD, lr=0.1)}
        ),
        lambda made: of_classes(start=made),
    ),
    "NearestEmbedding": (
        cascade.NearestEmbedding,
        lambda: {"own": 1.5, "samples": 4},
        lambda made: made(gan(), gan().teacher(), ForgetClasses({2}).regions(gan()), cascade.OtherClass(target=0)),
    ),
    "LatentDirection": (
        cascade.LatentDirection,
        lambda: {"left": None, "steps": 2, "samples": 8},
        lambda made: of_classes(substitution=made),
    ),
    "MeanImage": (cascade.MeanImage, lambda: {"samples": 8}, lambda made: of_classes(substitution=made)),
    "OtherClass": (
        cascade.OtherClass,
        lambda: {"target": 1, "samples": 8, "left": None},
        lambda made: of_classes(substitution=made),
    ),
    "RetainedNeighbour": (
        cascade.RetainedNeighbour,
        lambda: {"samples": 8},
        lambda made: of_classes(substitution=made),
    ),
    "UntrainedLabel": (
        cascade.UntrainedLabel,
        lambda: {"draws": 2, "samples": 4, "left": None, "seed": 0},
        lambda made: of_classes(substitution=made),
    ),
    "UnlearningStep": (
        cascade.UnlearningStep,
        lambda: (
            {"gan": gan(), "substitution": cascade.OtherClass(), "fake_label": cascade.Fixed(0.0), "anchor": 1.0}
            | {"batch_size": 4, "generator_steps": 1, "optimizer": functools.partial(torch.optim.SGD, lr=0.1)}
        ),
        lambda made: made.state_dict(),
    ),
    "ForgetFromMixture": (
        forget.ForgetFromMixture,
        lambda: {"classes": {2}, "classifier": scores, "pool": 8, "above": 0.1},
        lambda made: made.describe(),
    ),
    "ImageIndex": (forget.ImageIndex, lambda: {"images": shown(3)}, lambda made: made.find(shown())),
    "Inversion": (
        forget.Inversion,
        lambda: (
            {"candidates": 9, "steps": 2, "lr": 0.1, "prior": 0.1, "features": None, "feature_weight": 1.0}
            | {"progress": False}
        ),
        lambda made: made(gan(), shown(2), zeros(2)),
    ),
    "LatentSearch": (
        forget.LatentSearch,
        lambda: {"draws": 20, "margin": 1.5},
        lambda made: made(gan(), gan().sample(2, zeros(2)), zeros(2), shown(9)),
    ),
    "refuse_overlap": (forget.refuse_overlap, lambda: {"unseen": shown(3), "trained": shown(4) + 1}, None),
    "Original": (
        Original,
        lambda: {"gan": gan(), "forget": ForgetClasses({2}), "seed": 0},
        lambda made: made.regions,
    ),
    "RestartAverage": (
        lambda unlearning, average: RestartAverage(unlearning, average),
        lambda: {"unlearning": phase(), "average": nets()[0]},
        lambda made: made,
    ),
    "BatchForm": (
        BatchForm,
        lambda: {"image": 0, "label": 1, "classes": 3},
        lambda made: made.images((shown(), zeros(8))),
    ),
    "LatentMixture": (LatentMixture, lambda: {"components": 2}, lambda made: made(torch.rand(3, 5))),
    "Ledger": (Ledger, lambda: {"folder": somewhere()}, lambda made: made.classes),
    "score_histogram": (
        score_histogram,
        lambda: {"gan": gan(), "kinds": {"unseen": (shown(4), zeros(4))}, "bins": 5},
        len,
    ),
}
