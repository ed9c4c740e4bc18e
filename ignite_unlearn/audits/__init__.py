"""Attempts to disprove that a GAN has forgotten: each is an object that audits one GAN, with a verdict in words."""

from ignite_unlearn.audits.attacks import (
    ByDiscriminatorScore,
    ByMonteCarlo,
    ByNearestSample,
    ByOtherLabels,
    MembershipAttack,
)
from ignite_unlearn.audits.audit import Audit
from ignite_unlearn.audits.closer_to_retrained import CloserToRetrained, DistanceToItems
from ignite_unlearn.audits.layer_probes import LayerProbes
from ignite_unlearn.audits.leftover_search import Leftover, delete, in_folder, in_objects, only_of
from ignite_unlearn.audits.leftovers import Leftovers
from ignite_unlearn.audits.membership import Membership
from ignite_unlearn.audits.near_copies import NearCopies
from ignite_unlearn.audits.nearness import too_near
from ignite_unlearn.audits.null_directions import NullDirections
from ignite_unlearn.audits.plan import NotTested, audit_gans
from ignite_unlearn.audits.quantized import Quantized, rounded
from ignite_unlearn.audits.realism import Realism
from ignite_unlearn.audits.reconstruction import Reconstruction
from ignite_unlearn.audits.recovery import Recovery
from ignite_unlearn.audits.relearning import Relearning
from ignite_unlearn.audits.result import AuditResult, verdict
from ignite_unlearn.audits.set_membership import SetMembership
from ignite_unlearn.audits.shadow_attack import ShadowAttack, ShadowRates
from ignite_unlearn.audits.shadows import TargetStatus, draw_status, quantile_logits, two_halves

__all__ = [  # noqa: RUF022 - the audits first
    "Membership", "SetMembership", "Reconstruction", "Recovery", "Relearning", "Leftovers",
    "Quantized", "NullDirections", "LayerProbes", "CloserToRetrained",
    "ByDiscriminatorScore", "ByNearestSample", "ByMonteCarlo", "ByOtherLabels", "MembershipAttack",
    "Audit", "AuditResult", "NotTested", "audit_gans", "verdict",
    "Leftover", "in_folder", "in_objects", "only_of", "delete",
    "ShadowAttack", "ShadowRates", "TargetStatus", "draw_status", "quantile_logits", "two_halves",
    "DistanceToItems", "NearCopies", "Realism", "rounded", "too_near",
]  # fmt: skip
