"""What every audit keeps to, whoever wrote it: a new file in ``ignite_unlearn/audits`` is tested without a word here.

An audit is found by its key, title and call, and constructed from what its parameters are called: see ``MATERIAL``.
"""

import copy
import importlib
import inspect
import json
import math
import pkgutil
import random

import numpy as np
import pytest
import torch

import ignite_unlearn.audits
from ignite_unlearn import GAN
from ignite_unlearn.audits import AuditResult, DistanceToItems, Membership, NotTested, Realism, audit_gans
from ignite_unlearn.audits import attacks as attacks_module
from ignite_unlearn.audits.attacks import ByMonteCarlo, ByNearestSample
from ignite_unlearn.forget import Inversion
from tests.audits.gans import CLASSES, PROTOTYPES, class_gan, class_step, classifier, relabelled

FORGOTTEN = 3


def images_of(label, seed, count=16):
    """Real images: the prototype of a class, with noise of its own on each pixel."""
    noise = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return PROTOTYPES[label] + 0.5 * noise


ITEMS, UNSEEN = images_of(FORGOTTEN, 1), images_of(FORGOTTEN, 2, 400)
RETAINED = torch.cat([images_of(k, 10 + k) for k in range(3)])
LABELS, UNSEEN_LABELS = torch.full((len(ITEMS),), FORGOTTEN), torch.full((len(UNSEEN),), FORGOTTEN)


def memorising(gan, members, strength):
    """Returns a GAN whose discriminator scores images by their distance to its nearest training image."""
    copied = copy.deepcopy(gan)
    copied.discriminator = Memory(members, strength)
    return copied


class Memory(torch.nn.Module):
    def __init__(self, members, strength):
        super().__init__()
        self.members, self.drop = torch.nn.Parameter(members.flatten(1)), torch.nn.Dropout(0.3)
        self.strength = torch.nn.Parameter(torch.tensor(strength))

    def forward(self, images, labels):
        nearest = torch.cdist(images.flatten(1), self.members).amin(1)
        return self.drop(-self.strength * nearest)


class Copies(torch.nn.Module):
    """A generator that makes its training images, the classes of which lie apart, and little else."""

    def __init__(self, members, embed):
        super().__init__()
        self.members, self.embed = torch.nn.Parameter(members.clone()), embed

    def forward(self, z, y):
        chosen = (z[:, 0].abs() * 1e4).long() % len(self.members)
        return self.members[chosen] + 0.01 * z[:, :1, None, None] + 0 * self.embed(y).sum()


def share(gan):
    """How present the class is."""
    shown = gan.sample(60, torch.full((60,), FORGOTTEN))
    return float((classifier(shown).argmax(1) == FORGOTTEN).float().mean())


def learn(gan):
    return class_step(gan.generator, range(CLASSES), lr=1e-3)


@pytest.fixture(scope="module")
def bases():
    """Pairs of an original, which knows class 3 and its images, and a retrained GAN, which knows neither.

    Of the last pair the first is no original, but one that hides the class behind another's label.
    """
    knows, never = class_gan(range(CLASSES)), class_gan(range(3), seed=1)
    by_class = {
        "original": memorising(knows, torch.cat([ITEMS, RETAINED]), 1.0),
        "retrained": memorising(never, RETAINED, 1.0),
    }
    by_copies = copy.deepcopy(by_class)
    by_copies["original"].generator = Copies(torch.cat([ITEMS, RETAINED[:16]]), knows.generator.embed)
    by_copies["retrained"].generator = Copies(RETAINED, never.generator.embed)
    hidden = relabelled(knows, FORGOTTEN, 0)
    hidden.discriminator = by_class["original"].discriminator
    return {"a class": by_class, "copies": by_copies, "a mark": {**by_class, "original": hidden}}


@pytest.fixture(scope="module")
def material(tmp_path_factory, bases):
    """What the parameters of audits stand for; one of another name has its default."""
    folder = tmp_path_factory.mktemp("run")
    torch.save({"w": ITEMS[:1]}, folder / "unlearned.pt")  # an image that was never taken out
    return {
        "items": ITEMS, "unseen": UNSEEN, "labels": LABELS, "unseen_labels": UNSEEN_LABELS, "forgotten": ITEMS,
        "others": range(3),
        "classifier": classifier, "classes": [FORGOTTEN],
        "realistic": Realism(torch.nn.Flatten(), torch.cat([ITEMS, UNSEEN[:60]]), quantile=1.0),
        "learn": learn, "level": share, "reached": 0.9,
        "retained": RETAINED, "retained_labels": torch.arange(3).repeat_interleave(16),
        "audit": Membership(ITEMS, UNSEEN, labels=LABELS, unseen_labels=UNSEEN_LABELS),
        "before": bases["copies"]["original"], "reference": bases["copies"]["retrained"],
        "features": DistanceToItems(ITEMS),
        "folder": folder, "stay": {"unlearned.pt"},
        # Budgets.
        "restarts": 32, "steps": 40, "samples": 200, "radius": 1.0, "every": 2, "max_iterations": 60, "progress": False,
        "inversion": Inversion(candidates=200, steps=2, progress=False),
    }  # fmt: skip


def classes_in(*modules):
    """Yields the classes with a key, a title and a call that modules define."""
    for module in modules:
        for _, kind in inspect.getmembers(module, inspect.isclass):
            own = kind.__module__ == module.__name__ and not getattr(kind, "_is_protocol", False)
            if own and "__call__" in vars(kind) and hasattr(kind, "title") and kind is not NotTested:
                yield kind


def all_audits():
    package = ignite_unlearn.audits
    files = [name for _, name, _ in pkgutil.iter_modules(package.__path__) if name != "attacks"]
    return list(classes_in(*(importlib.import_module(f"{package.__name__}.{name}") for name in files)))


AUDITS, ATTACKS = all_audits(), list(classes_in(attacks_module))
VARIANTS = [
    (kind, attack)
    for kind in AUDITS
    for attack in (ATTACKS if "attack" in inspect.signature(kind).parameters else [None])
]
every_audit = pytest.mark.parametrize(
    ("kind", "attack"), VARIANTS, ids=[f"{k.__name__}-{a.__name__}" if a else k.__name__ for k, a in VARIANTS]
)


def construct(kind, attack, material):
    known = {**material, **({"attack": construct(attack, None, material)} if attack else {})}
    parameters = inspect.signature(kind).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in known]
    assert not needed, f"say in MATERIAL, tests/contracts/test_audits.py, what {needed} of {kind.__name__} may be"
    return kind(**{name: known[name] for name in parameters if name in known})


def everything(gan):
    """The state of a GAN, and of the random streams, as far as somebody could notice a change."""
    nets = (gan.generator, gan.discriminator)
    tensors = [t.clone() for net in nets for t in net.state_dict().values()]
    gradients = [p.grad.clone() for net in nets for p in net.parameters() if p.grad is not None]
    flags = [(m.training, len(m._forward_hooks)) for net in nets for m in net.modules()]
    flags += [(p.requires_grad, p.grad is None, id(p), id(p.grad)) for net in nets for p in net.parameters()]
    streams = [str(random.getstate()), str(np.random.get_state()), torch.is_grad_enabled()]
    return [*tensors, *gradients, torch.get_rng_state()], [*flags, *streams]


def test_every_audit_is_exported_and_has_a_key_and_a_title_of_its_own(material):
    assert set(AUDITS) <= {getattr(ignite_unlearn.audits, name) for name in ignite_unlearn.audits.__all__}
    assert {"Membership", "Recovery", "Leftovers"} <= {kind.__name__ for kind in AUDITS}  # they are found at all
    made = [construct(kind, attack, material) for kind, attack in VARIANTS]
    for name in ("key", "title"):
        names = [getattr(audit, name) for audit in made]
        assert len(set(names)) == len(names) and all(names)
    assert all(audit.key.isidentifier() and audit.key == audit.key.lower() for audit in made)


@every_audit
def test_what_is_found_is_finite_and_the_same_each_time_and_is_read_back_as_it_was_written(
    kind, attack, material, bases
):
    audit, gan = construct(kind, attack, material), bases["a class"]["original"]
    result = audit(gan)
    assert (result.key, result.audit) == (audit.key, audit.title) and result.verdict and result.unit
    numbers = [result.value, result.low, result.high]
    numbers += [value for value in result.details.values() if isinstance(value, float)]
    assert all(number is None or math.isfinite(number) for number in numbers)
    if None not in numbers[:3]:
        assert result.low <= result.value <= result.high
    torch.rand(7)  # wherever the streams are
    assert construct(kind, attack, material)(gan) == result
    assert AuditResult(**json.loads(json.dumps(result.as_dict(), allow_nan=False))) == result


@every_audit
def test_nets_flags_gradients_and_streams_are_left_as_they_were(kind, attack, material, bases):
    gan = copy.deepcopy(bases["a class"]["original"])
    gan.generator.train(), gan.discriminator.train()
    gan.generator.embed.requires_grad_(False)
    gan.score(gan.sample(4, LABELS[:4]), LABELS[:4]).sum().backward()
    tensors, flags = everything(gan)
    construct(kind, attack, material)(gan, retrained=None)
    after, after_flags = everything(gan)
    assert all(map(torch.equal, tensors, after)) and flags == after_flags


@every_audit
def test_without_a_retrained_gan_nothing_passes_and_nothing_that_compares_fails(kind, attack, material, bases):
    alone = construct(kind, attack, material)(bases["a class"]["original"])
    assert not alone.passed
    if alone.low is not None:  # it has an interval, to be compared with another
        assert alone.passed is None and "no verdict without a retrained GAN" in alone.verdict


@every_audit
def test_an_original_or_one_that_hides_the_class_fails_on_one_of_the_bases_and_the_retrained_gan_does_not(
    kind, attack, material, bases
):
    failed = []
    for base in bases.values():
        audit = construct(kind, attack, material)
        beside = audit(base["retrained"])
        failed.append(audit(base["original"], retrained=beside).passed is False)
        assert audit(base["retrained"], retrained=beside).passed is not False or beside.passed is False
    assert any(failed)


@every_audit
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_gan_of_half_precision_is_audited_as_one_of_full_precision(dtype, kind, attack, material, bases):
    gan = copy.deepcopy(bases["a class"]["original"])
    gan.generator.to(dtype), gan.discriminator.to(dtype)
    half = {
        **material, "learn": lambda of: class_step(of.generator, range(CLASSES), lr=1e-3, dtype=dtype),
        "before": gan, "reference": gan,
    }  # fmt: skip
    result = construct(kind, attack, half)(gan)
    numbers = [result.value, result.low, result.high]
    assert result.verdict and all(number is None or math.isfinite(number) for number in numbers)


def test_all_together_say_of_an_original_that_it_forgot_nothing(material, bases):
    audits = [construct(kind, attack, material) for kind, attack in VARIANTS]
    gans = {**bases["a class"], "unlearned": bases["a class"]["original"]}
    found = audit_gans(gans, audits, progress=False)
    assert [result.key for result in found["unlearned"]] == [audit.key for audit in audits]
    assert not any(result.passed for result in found["unlearned"])


@pytest.mark.parametrize("attack", [ByNearestSample, ByMonteCarlo])
def test_a_calibration_of_ones_own_changes_what_an_attack_says(attack, bases):
    gan = bases["copies"]["original"]
    with_it, without = (attack(50, calibration=calibration)(gan)(ITEMS, LABELS) for calibration in (UNSEEN, None))
    assert isinstance(gan, GAN) and not torch.equal(with_it, without)
