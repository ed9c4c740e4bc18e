"""MONAI's own trainers under the phase."""

import doctest
import functools
import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from monai.data import DataLoader, MetaTensor
from monai.engines import AdversarialTrainer, GanTrainer
from monai.networks.nets import Critic, Discriminator, Generator, MultiScalePatchDiscriminator, PatchDiscriminator
from torch import nn
from torch.nn.functional import binary_cross_entropy, softplus

from ignite_unlearn import CascadedUnlearning, ForgetClasses, ForgetItems, UnlearningError
from ignite_unlearn.cascade import Generated, RetainedNeighbour
from ignite_unlearn.gan.fields import describe
from ignite_unlearn.record.record import Record
from ignite_unlearn.testing import Loop
from ignite_unlearn.toolkits import installed
from ignite_unlearn_monai import gan

sys.path.insert(0, str(Path(__file__).parents[1] / "example"))
import digits as example

LATENT, EPOCHS = 8, 2


def classify(images):
    """Class 1 is brighter on the left: so are about half the images of any generator."""
    right, left = images.flatten(1, -2).mean(1).unflatten(1, (2, -1)).mean(2).flip(1).T
    return torch.stack([right, left], 1)


FORGET = ForgetClasses({1}, classifier=classify, pool=32)


def make_rows(shape=(1, 16, 16), *, keys=("reals",)):
    """Returns 24 items, every other one of class 1, with the image under each of ``keys``."""
    made = []
    for index in range(24):
        image = 0.5 * torch.rand(shape) - 0.5
        image[..., slice(None, shape[-1] // 2) if index % 2 else slice(shape[-1] // 2, None)] += 0.5
        made.append({**{key: MetaTensor(image.clone()) for key in keys}, "labels": index % 2})
    return made


def gan_trainer(rows=None, *, netG=None, netD=None, **options):
    """Returns MONAI's trainer of its own nets, with dropout and running statistics."""
    rows = make_rows() if rows is None else rows
    netG = netG or Generator(LATENT, (8, 4, 4), (4, 1), (2, 2), num_res_units=0, norm="batch")
    netD = netD or Discriminator((1, 16, 16), (4, 8), (2, 2), num_res_units=0, norm="batch")

    def loss(images, target):
        scores = netD(images.as_tensor() if isinstance(images, MetaTensor) else images)
        return binary_cross_entropy(scores, torch.full_like(scores, target))

    return GanTrainer(
        "cpu", EPOCHS, DataLoader(rows, batch_size=8, shuffle=True), netG, torch.optim.Adam(netG.parameters(), 1e-3),
        lambda fakes: loss(fakes, 1.0), netD, torch.optim.Adam(netD.parameters(), 1e-3),
        lambda fakes, reals: loss(reals, 1.0) + loss(fakes.detach(), 0.0), latent_shape=LATENT, **options,
    )  # fmt: skip


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, LATENT))
        self.decoder = Generator(LATENT, (4, 4, 4), (4, 1), (2, 2), num_res_units=0, norm="batch")

    def forward(self, images):
        return self.decoder(self.encoder(images))


def adversarial_trainer(rows=None):
    """Returns MONAI's trainer of an autoencoder against a patch discriminator, which returns features too."""
    rows = make_rows(keys=("image", "label")) if rows is None else rows
    netG, netD = AutoEncoder(), PatchDiscriminator(2, 4, 1, num_layers_d=1)
    return AdversarialTrainer(
        "cpu", EPOCHS, DataLoader(rows, batch_size=8, shuffle=True), netG, torch.optim.Adam(netG.parameters(), 1e-3),
        lambda fakes: softplus(-fakes[-1]), nn.L1Loss(), netD, torch.optim.Adam(netD.parameters(), 1e-3),
        lambda real, fake: softplus(-real[-1]) + softplus(fake[-1]),
    )  # fmt: skip


def decoder(trainer, **options):
    return gan(trainer, generator=trainer.state.g_network.decoder, latents=(LATENT,), **options)


def gan_of(trainer):
    return decoder(trainer) if isinstance(trainer, AdversarialTrainer) else gan(trainer)


def attach(trainer, made=None, **options):
    options.setdefault("forget", FORGET)
    unlearning = CascadedUnlearning(
        made or gan_of(trainer), substitution=RetainedNeighbour(samples=16), fake_label=Generated(samples=8),
        batch_size=8, optimizer=functools.partial(torch.optim.Adam, lr=1e-3), **options,
    )  # fmt: skip
    unlearning.attach(trainer)
    return unlearning


def record(trainer):
    """Keeps every batch that the trainer's step is given."""
    step, seen = trainer._process_function, []

    def recording(engine, batch):
        seen.append({key: value.clone() for key, value in batch.items()})
        return step(engine, batch)

    trainer._process_function = recording
    return seen


def drawing(batch, device=None, non_blocking=False, **kwargs):
    """A prepare_batch that moves the random number stream."""
    torch.rand(1)
    return batch["reals"]


TRAINERS = {
    "gan": functools.partial(gan_trainer, d_train_steps=2),
    "gan, drawing prepare_batch": functools.partial(gan_trainer, d_prepare_batch=drawing, g_update_latents=False),
    "adversarial": adversarial_trainer,
}


def loop(make):
    trainer = make()
    batches = list(trainer.data_loader)
    of = trainer if isinstance(trainer, GanTrainer) else trainer.state
    saved = {"g": of.g_network, "d": of.d_network, "opt_g": of.g_optimizer, "opt_d": of.d_optimizer}
    trainer.state_dict_user_keys.clear()  # an AdversarialTrainer's holds the nets as objects, not their weights
    trainer.run = functools.partial(Engine.run, trainer)  # MONAI's takes no data: it calls this with its own loader
    return Loop(trainer, gan_of(trainer), batches, saved)


every_trainer = pytest.mark.parametrize("make", TRAINERS.values(), ids=TRAINERS)


@every_trainer
def test_the_law_of_the_seam_holds(make, way):
    way.assert_law(lambda: loop(make), FORGET, substitution=RetainedNeighbour(samples=16))


def test_a_record_names_the_method(way, tmp_path):
    way.assert_recorded(loop(gan_trainer), FORGET, tmp_path / "record", substitution=RetainedNeighbour(samples=16))


@every_trainer
def test_no_forgotten_row_reaches_the_step(make):
    trainer = make()
    rows = trainer.data_loader.dataset
    images = [key for key in rows[0] if key != "labels"]
    forgotten = ForgetItems(torch.stack([row[images[0]].as_tensor() for row in rows if row["labels"] == 1]))
    assert len(forgotten) == 12

    seen = record(trainer)
    attach(trainer)
    trainer.run()
    assert len(seen) == 6
    for batch in seen:
        assert batch["labels"].tolist() == [0] * 8
        for key in images:
            assert isinstance(batch[key], MetaTensor)
            assert batch[key].shape == (8, 1, 16, 16)
            assert not forgotten.rows(batch[key].as_tensor(), None).any()


def test_the_example_forgets_its_digit_and_writes_a_record(tmp_path):
    shares = example.run(tmp_path, epochs=45, unlearning_epochs=8)
    assert shares["forgotten_share_before"] > 0.2
    assert shares["forgotten_share"] < 0.05
    assert shares["least_retained_share"] > 0.25
    written = Record.read(tmp_path / "erasure")
    measured = json.loads((tmp_path / "erasure" / "record.json").read_text())["metrics"]
    assert written.forget["classes"] == [example.DIGIT]
    assert measured["original"]["forgotten_share"] > 0.2
    assert measured["unlearned"]["forgotten_share"] < 0.05


def test_items_are_forgotten_in_volumes_of_a_batch_that_holds_several():
    rows = [{**row, "image": torch.zeros(1, 16, 16)} for row in make_rows((1, 8, 8, 8))]
    netG = Generator(LATENT, (4, 4, 4, 4), (1,), (2,), num_res_units=0)
    netD = Discriminator((1, 8, 8, 8), (4, 8), (2, 2), num_res_units=0, norm=None)
    trainer = gan_trainer(rows, netG=netG, netD=netD)
    items = torch.stack([row["reals"].as_tensor() for row in rows[:4]])
    forget = ForgetItems(items)
    seen = record(trainer)
    unlearning = attach(trainer, forget=forget)
    assert unlearning.check(trainer.data_loader)
    trainer.run()
    assert sum(int(forget.rows(batch["reals"].as_tensor(), None).sum()) for batch in seen) == 0
    assert trainer.state.metrics["unlearning/iterations"] == 6
    assert "unlearning/fake_label_loss" in trainer.state.metrics


def test_a_finished_trainer_runs_on():
    trainer = gan_trainer()
    trainer.run()
    unlearning = attach(trainer)
    trainer.state.max_epochs += 1
    trainer.run()
    assert (trainer.state.epoch, unlearning.iterations) == (EPOCHS + 1, 3)


class Ending(nn.Sequential):
    """Ends in what is no module."""

    def __init__(self, end):
        super().__init__(nn.Flatten(), nn.Linear(256, 1), nn.Sigmoid(), nn.Linear(1, 1))
        self.end = end

    def forward(self, images):
        return self.end(super().forward(images))


@pytest.mark.parametrize(
    ("netD", "scores"),
    [
        (Discriminator((1, 16, 16), (4, 8), (2, 2), num_res_units=0), "probabilities"),
        (Discriminator((1, 16, 16), (4, 8), (2, 2), num_res_units=0, last_act=None), "logits"),
        (Critic((1, 16, 16), (4, 8), (2, 2), num_res_units=0), "logits"),
        (Ending(lambda scores: scores), "logits"),
        (Ending(lambda scores: scores.sigmoid().squeeze(1)), "probabilities"),
        (Ending(lambda scores: scores.sigmoid().log()), "logits"),
    ],
)
def test_the_kind_of_score_is_found(netD, scores):
    trainer = gan_trainer(netD=netD)
    netD.requires_grad_(False)  # as between the turns of some losses
    assert gan(trainer).scores == scores
    assert gan(trainer, scores="critic").scores == "critic"


def test_nets_are_called_as_the_trainer_calls_them():
    trainer = gan_trainer(
        g_prepare_batch=lambda num_latents, latent_size, **kwargs: 7 + torch.zeros(num_latents, latent_size),
        g_inferer=lambda latents, net: 2 * net(latents),
        d_inferer=lambda images, net: 1 - net(images),
    )
    found = gan(trainer)
    assert found.sample_latents(3).tolist() == [[7.0] * LATENT] * 3
    trainer.g_network.eval(), trainer.d_network.eval()
    latents = torch.randn(4, LATENT)
    images = 2 * trainer.g_network(latents)
    assert torch.equal(found.generate(latents), images)
    expected = 1 - trainer.d_network(images)
    assert torch.equal(gan(trainer, scores="logits").score(images), expected.squeeze(1))
    assert gan(trainer, latents=(LATENT,)).latents == (LATENT,)


def test_the_maps_of_patch_discriminators_are_the_scores():
    images = torch.randn(3, 1, 32, 32)
    netG = Generator(LATENT, (8, 8, 8), (4, 1), (2, 2), num_res_units=0)
    single = PatchDiscriminator(2, 4, 1, num_layers_d=1).eval()
    scores = gan(gan_trainer(netG=netG, netD=single)).score(images)
    assert torch.equal(scores, single(images)[-1].flatten(1).mean(1))
    several = MultiScalePatchDiscriminator(2, 1, 2, 4, 1, kernel_size=3, minimum_size_im=32).eval()
    scores = gan(gan_trainer(netG=netG, netD=several)).score(images)
    maps, _ = several(images)
    assert len({m.shape for m in maps}) == 2
    torch.testing.assert_close(scores, (maps[0].flatten(1).mean(1) + maps[1].flatten(1).mean(1)) / 2)


class Labelled(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.embed, self.linear = nn.Embedding(2, inputs), nn.Linear(inputs, outputs)

    def forward(self, x, y):
        made = self.linear(x.flatten(1) + self.embed(y))
        return made if made.shape[1] == 1 else made.view(-1, 1, 16, 16)


def test_a_conditional_gan_is_called_with_labels():
    netG, netD = Labelled(LATENT, 256), Labelled(256, 1)
    found = gan(gan_trainer(netG=netG, netD=netD), labels=2)
    latents, labels = torch.randn(4, LATENT), torch.tensor([0, 1, 1, 0])
    images = found.generate(latents, labels)
    assert torch.equal(images, netG(latents, labels))
    assert torch.equal(found.score(images, labels), netD(images, labels).squeeze(1))


def test_only_the_decoder_is_given_to_the_phase():
    trainer = adversarial_trainer()
    found = decoder(trainer)
    assert found.generator is trainer.state.g_network.decoder
    assert found.sample(3).shape == (3, 1, 16, 16)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"reals": torch.zeros(1, 16, 16), "label": 1}] * 8, {}, "labels beside 'reals' 'labels'"),
        (None, {"d_prepare_batch": lambda batch, *to, **kwargs: 2 * batch["reals"]}, "no images that are in the batch"),
        (None, {"d_prepare_batch": lambda batch, *to, **kwargs: None}, "no images that are in the batch"),
        (make_rows(keys=("image",)), {"d_prepare_batch": lambda *a, **k: a[0]["gone"]}, "KeyError: 'gone'"),
        ([{"image": torch.zeros(1, 16, 16), "label": torch.ones(1, 4, 4)}] * 8, {}, "two different images"),
    ],
)
def test_a_batch_that_cannot_be_read_is_said(rows, options, message):
    trainer = gan_trainer(rows, **options)
    report = attach(trainer, forget=ForgetItems(torch.zeros(1, 1, 16, 16))).check(trainer.data_loader)
    assert [problem for problem in report.problems if message in problem]
    with pytest.raises(UnlearningError, match=message):
        trainer.run()


def test_where_the_images_are_can_be_given():
    trainer = gan_trainer(d_prepare_batch=lambda batch, *to, **kwargs: 2 * batch["reals"])
    seen = record(trainer)
    attach(trainer, gan(trainer, image="reals"))
    trainer.run()
    assert [batch["labels"].tolist() for batch in seen] == [[0] * 8] * 6


@pytest.mark.parametrize(
    "batch", [torch.zeros(2, 1, 16, 16), (torch.zeros(2, 1, 16, 16), torch.arange(2))], ids=describe
)
def test_batches_without_keys_are_read(batch):
    form = gan(gan_trainer()).batch
    replaced = form.replace(batch, torch.ones(2, 1, 16, 16))
    assert type(replaced) is type(batch)
    assert form.images(replaced).sum() == 512
    assert form.images(batch).sum() == 0


def test_latents_that_are_no_tensor_are_said():
    with pytest.raises(UnlearningError, match="g_prepare_batch returns a tuple, not a tensor"):
        gan(gan_trainer(g_prepare_batch=lambda **kwargs: (torch.zeros(2, LATENT), torch.zeros(2))))


def test_translation_between_images_is_refused():
    with pytest.raises(UnlearningError, match="image to image is not supported"):
        gan(adversarial_trainer())


def test_other_engines_are_refused():
    with pytest.raises(UnlearningError, match=r"not Engine: for other engines"):
        gan(Engine(lambda engine, batch: None))


def test_a_missing_or_old_toolkit_is_said_in_a_sentence(sentence):
    wanted, advice = "ignite-unlearn-monai needs monai 1.5 or newer, ", 'pip install "monai>=1.5".'
    assert sentence("ignite_unlearn_monai", None) == f"{wanted}which is not installed: {advice}"
    assert sentence("ignite_unlearn_monai", "1.4.0") == f"{wanted}and found 1.4.0: {advice}"


def test_the_entry_point_is_found():
    assert {plugin.name: plugin.problem for plugin in installed()}["monai"] is None
    assert {plugin.distribution for plugin in installed()} >= {"ignite-unlearn-monai 0.1.0"}


@pytest.mark.parametrize("module", ["", ".nets", ".reading"])
def test_the_docstrings_run(module):
    result = doctest.testmod(importlib.import_module("ignite_unlearn_monai" + module))
    assert result.attempted and not result.failed
