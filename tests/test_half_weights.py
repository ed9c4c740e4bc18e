"""Nets whose weights are bfloat16 or float16: every part, with every kind of request, as with nets of float32."""

import copy
import functools
import math

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import softplus

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses, ForgetItems, StopWhenForgotten
from ignite_unlearn.audits import Membership
from ignite_unlearn.cascade import (
    KFAC,
    Between,
    ExchangeScores,
    Fixed,
    FreshDiscriminator,
    GaussNewton,
    Generated,
    LatentDirection,
    MeanImage,
    NearestEmbedding,
    Noise,
    OtherClass,
    RetainedNeighbour,
    Truncation,
    Unseen,
    UnseenQuantiles,
    UntrainedLabel,
)
from ignite_unlearn.forget import Inversion, LatentSearch
from ignite_unlearn.metrics import (
    CleanResize,
    DiscriminatorScore,
    FeatureExtractor,
    auc,
    feature_distance,
    latent_smoothness,
)
from ignite_unlearn.record import Record
from ignite_unlearn.testing import Loop, assert_law

Z, CLASSES, N = 4, 3, 48
HALF = [torch.bfloat16, torch.float16]


class Generator(nn.Module):
    """A label embedding, a linear layer, BatchNorm and a convolution."""

    def __init__(self, classes):
        super().__init__()
        self.embed = None if classes is None else nn.Embedding(classes, Z)
        self.linear = nn.Linear(Z if classes is None else 2 * Z, 16)
        self.body = nn.Sequential(
            nn.Unflatten(1, (1, 4, 4)), nn.BatchNorm2d(1), nn.LeakyReLU(0.5), nn.Conv2d(1, 1, 3, padding=1), nn.Tanh()
        )
        nn.init.normal_(self.body[3].weight)  # so that its images are of every class

    def forward(self, z, y=None):
        return self.body(self.linear(z if self.embed is None else torch.cat([z, self.embed(y)], 1)))


class Discriminator(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.embed = None if classes is None else nn.Embedding(classes, 16)
        self.body = nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(32, 16), nn.ReLU()
        )
        self.head = nn.Linear(16, 1)

    def forward(self, x, y=None):
        features = self.body(x)
        return self.head(features if self.embed is None else features * self.embed(y))


def images_of(n, seed):
    """Images whose upper half is bright, whose left half is, or none."""
    stream = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % CLASSES
    images = 0.2 * torch.randn(n, 1, 4, 4, generator=stream)
    images[labels == 0, :, :2] += 0.6
    images[labels == 1, :, :, :2] += 0.6
    return images.clamp(-1, 1), labels


def classifier(images):
    """Tells the classes by the two halves; ``float`` as any classifier's first layer needs."""
    images = images.float().flatten(1)
    upper, left = images.view(-1, 4, 4)[:, :2].mean((1, 2)), images.view(-1, 4, 4)[:, :, :2].mean((1, 2))
    return torch.stack([upper, left, -(upper + left)], 1)


REAL, UNSEEN = images_of(N, 0), images_of(N, 1)


def a_gan(dtype, conditional):
    classes = CLASSES if conditional else None
    torch.manual_seed(0)
    netG, netD = Generator(classes).to(dtype), Discriminator(classes).to(dtype)
    return GAN(netG, netD, latents=(Z,), labels=classes)


def a_loop(gan, dtype, lr=1e-3):
    """A loop as somebody with such nets writes it: what the loader gives is cast in the step."""
    optimizers = [torch.optim.SGD(net.parameters(), lr) for net in (gan.generator, gan.discriminator)]

    def step(engine, batch):
        x, y = batch[0].to(dtype), batch[1]
        z, labels = torch.randn(len(x), Z).to(dtype), [] if gan.labels is None else [y]
        fake = gan.generator(z, *labels)
        loss_d = (
            softplus(-gan.discriminator(x, *labels)).mean() + softplus(gan.discriminator(fake.detach(), *labels)).mean()
        )
        optimizers[1].zero_grad()
        loss_d.backward()
        optimizers[1].step()
        loss_g = softplus(-gan.discriminator(fake, *labels)).mean()
        optimizers[0].zero_grad()
        loss_g.backward()
        optimizers[0].step()
        return [x.sum().item(), loss_d.item(), loss_g.item()]

    trainer = Engine(step)
    trainer.optimizers = optimizers
    return trainer


def batches():
    return list(zip(REAL[0].split(16), REAL[1].split(16), strict=True))


REQUESTS = {
    "a class": (True, lambda: ForgetClasses({2})),
    "a class, found": (False, lambda: ForgetClasses({2}, classifier=classifier, pool=16)),
    "items": (False, lambda: ForgetItems(REAL[0][:4], REAL[1][:4])),
    "items of a conditional GAN": (True, lambda: ForgetItems(REAL[0][:4], REAL[1][:4])),
    "items, searched": (
        False, lambda: ForgetItems(REAL[0][:4], search=LatentSearch(draws=200), unseen=UNSEEN[0])
    ),
    "items, inverted": (
        True,
        lambda: ForgetItems(
            REAL[0][:4], REAL[1][:4], inversion=Inversion(candidates=32, steps=4, progress=False), unseen=UNSEEN[0]
        ),
    ),
}  # fmt: skip
PLAIN = {"substitution": RetainedNeighbour, "fake_label": Fixed}
PARTS = {
    "chosen": dict,
    "chosen, unseen": lambda: {"unseen": UNSEEN},
    **{
        kind.__name__: lambda kind=kind: {"substitution": kind()}
        for kind in (OtherClass, RetainedNeighbour, MeanImage, Noise, Truncation, LatentDirection, UntrainedLabel)
    },
    "Generated": lambda: {"fake_label": Generated(below=1.0)},
    "Unseen": lambda: {"fake_label": Unseen(*UNSEEN)},
    "UnseenQuantiles": lambda: {"fake_label": UnseenQuantiles(*UNSEEN)},
    "Between": lambda: {"fake_label": Between(Generated(), Unseen(*UNSEEN))},
    "GaussNewton": lambda: {"discriminator_step": GaussNewton()},
    "GaussNewton, unseen": lambda: {
        "discriminator_step": GaussNewton(REAL[0][6::3], REAL[1][6::3], unseen=UNSEEN[0], unseen_labels=UNSEEN[1])
    },
    "KFAC": lambda: {"discriminator_step": KFAC()},
    "KFAC, unseen": lambda: {"discriminator_step": KFAC(unseen=UNSEEN[0], unseen_labels=UNSEEN[1])},
    "ExchangeScores": lambda: {"discriminator_step": ExchangeScores(steps=2)},
    "NearestEmbedding": lambda: {"substitution": OtherClass(), "start": NearestEmbedding()},
    "UntrainedLabel.start": lambda: (lambda label: {"substitution": label, "start": label.start})(UntrainedLabel()),
    "FreshDiscriminator": lambda: {"start": FreshDiscriminator(REAL[0][6::3], REAL[1][6::3], steps=3)},
}


def a_phase(gan, request, part):
    given = PARTS[part]()
    if not part.startswith("chosen"):
        given = {**{name: make() for name, make in PLAIN.items()}, **given}
    return CascadedUnlearning(gan, forget=request(), max_iterations=3, generator_steps=2, batch_size=8, **given)


# Each part with one kind of request here; the whole grid takes a minute.
CASES = [
    pytest.param(part, kind, dtype, id=f"{part}-{kind}-{dtype}", marks=[] if (i + j + k) % 6 == 0 else pytest.mark.slow)
    for i, part in enumerate(PARTS)
    for j, kind in enumerate(REQUESTS)
    for k, dtype in enumerate(HALF)
]


@functools.cache
def of_full_weights(part, kind):
    """What a check says of the same nets in float32."""
    conditional, request = REQUESTS[kind]
    return a_phase(a_gan(torch.float32, conditional), request, part).check(batches())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("part", "kind", "dtype"), CASES)
def test_what_fits_full_weights_fits_half_ones_and_what_check_lets_pass_runs(part, kind, dtype):
    conditional, request = REQUESTS[kind]
    gan = a_gan(dtype, conditional)
    phase, trainer = a_phase(gan, request, part), a_loop(gan, dtype)
    report = phase.check(batches())
    assert report.problems == of_full_weights(part, kind).problems
    if not report:
        return
    before = [p.clone() for net in (gan.generator, gan.discriminator) for p in net.parameters()]
    with phase.attach(trainer):
        trainer.run(batches(), max_epochs=1)
    after = [p for net in (gan.generator, gan.discriminator) for p in net.parameters()]
    assert all(p.dtype == dtype and bool(p.isfinite().all()) for p in after)
    assert phase.iterations and all(map(math.isfinite, phase.metrics.values()))
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("loader", [torch.float32, None], ids=["loader of float32", "loader of half precision"])
def test_the_law_of_the_seam_holds_for_half_weights(loader, dtype):
    given = [(x.to(loader or dtype), y) for x, y in batches()[:2]]

    def make_loop():
        gan = a_gan(dtype, conditional=True)
        trainer = a_loop(gan, dtype)
        saved = {"netG": gan.generator, "netD": gan.discriminator}
        return Loop(trainer, gan, given, saved | dict(zip(("optD", "optG"), trainer.optimizers, strict=True)))

    def phase(made, lr):
        return CascadedUnlearning(
            made.gan, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Generated(), batch_size=4,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr, eps=1e-4),
        )  # fmt: skip

    assert_law(make_loop, phase)


def test_half_weights_forget_as_full_ones_do():
    """Measured by the phase itself: how many forgotten latents still show what they did, and how far the rest moved."""
    found = {}
    for dtype in (torch.float32, *HALF):
        gan = a_gan(dtype, conditional=True)
        phase = CascadedUnlearning(gan, forget=ForgetClasses({2}), max_iterations=10, batch_size=16)
        trainer = a_loop(gan, dtype, lr=1e-4)
        with phase.attach(trainer):
            trainer.run(batches(), max_epochs=4)
        found[dtype] = {bound["name"]: bound["value"] for bound in phase.bounds}
    assert found[torch.float32]["left_share"] < 0.05
    for dtype in HALF:
        assert found[dtype] == pytest.approx(found[torch.float32], abs=0.1), dtype


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_what_measures_stops_records_and_audits_takes_half_weights_too(tmp_path, dtype):
    gan = a_gan(dtype, conditional=True)
    phase = CascadedUnlearning(gan, forget=ForgetItems(REAL[0][:4], REAL[1][:4]), unseen=UNSEEN, max_iterations=2)
    pixels = FeatureExtractor(nn.Flatten(), "pixels", resize=CleanResize((4, 4)))
    real = pixels(REAL[0])

    def measure(gan):
        made = gan.sample(N, REAL[1])
        smooth = latent_smoothness(gan, gan.sample_latents(4), labels=torch.arange(4) % CLASSES, paths=8)
        return {
            "fid": float(feature_distance(pixels(made), real)),
            "forgotten_share": float((classifier(made).argmax(1) == 2).float().mean()),
            "membership_auc": auc(DiscriminatorScore(gan)(*REAL), DiscriminatorScore(gan)(*UNSEEN)),
            "smooth": smooth.elsewhere.value,
        }

    stopping = StopWhenForgotten(phase, measure, at_most={"fid": 0.0}, keep=(gan.generator, gan.discriminator))
    audit = Membership(REAL[0], UNSEEN[0], labels=REAL[1], unseen_labels=UNSEEN[1])
    record = ErasureRecord(phase, tmp_path, measure=measure, audits=[audit])
    trainer = a_loop(gan, dtype)
    with phase.attach(trainer), stopping.attach(trainer), record.attach(trainer):
        trainer.run(batches())
    assert math.isfinite(stopping.best["fid"]) and stopping.restored
    written = Record.read(tmp_path)
    assert {"fid", "membership_auc", "smooth"} <= written.metrics["unlearned"].keys()
    assert all(value is None or math.isfinite(value) for value in written.metrics["unlearned"].values())
    assert written.audits["unlearned"][0]["value"] is not None


def test_a_classifier_of_half_precision_finds_what_one_of_full_precision_does():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES))
    found = [ForgetClasses({2}, classifier=of).rows(REAL[0], None) for of in (net, copy.deepcopy(net).bfloat16())]
    assert (found[0] == found[1]).float().mean() > 0.9
