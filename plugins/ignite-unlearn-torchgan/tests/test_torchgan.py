import doctest
import importlib
import json
import runpy
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from torchgan import losses, models
from torchgan.layers import SpectralNorm2d, VirtualBatchNorm
from torchgan.logging import Logger
from torchgan.trainer import Trainer

from ignite_unlearn import CascadedUnlearning, ForgetClasses, UnlearningError, toolkits
from ignite_unlearn.cascade import Generated, OtherClass
from ignite_unlearn.testing import Loop
from ignite_unlearn_torchgan import engine, gan

# torchgan's own losses draw labels over all classes, and the phase says so; each test but one looks at something else.
pytestmark = pytest.mark.filterwarnings("ignore:The loop's own step asked the generator for forgotten classes")
MODULE = "ignite_unlearn_torchgan"
EXAMPLE = Path(__file__).parents[1] / "example" / "digits.py"
FORGET = ForgetClasses({2})
SIZES = {"num_classes": 10, "step_channels": 4}


def test_the_class_is_forgotten_and_recorded(tmp_path, capsys):
    runpy.run_path(str(EXAMPLE))["run"](tmp_path, epochs=14, unlearning_epochs=1)
    record = json.loads((tmp_path / "erasure" / "record.json").read_text())["metrics"]
    assert record["original"]["forgotten_share"] > 0.9 and record["original"]["accuracy"] > 0.85
    assert record["unlearned"]["forgotten_share"] < 0.1 and record["unlearned"]["accuracy"] > 0.85
    assert f"unlearned  forgotten share {record['unlearned']['forgotten_share']:.3f}" in capsys.readouterr().out


def test_the_losses_that_ask_for_the_forgotten_class_are_warned_of(digits):
    learning = with_trainer()
    unlearning = CascadedUnlearning(
        gan(learning), forget=FORGET, substitution=OtherClass(), fake_label=Generated(samples=8)
    )
    unlearning.attach(learning)
    with pytest.warns(UserWarning, match="asked the generator for forgotten classes"):
        learning.run(batches(digits), max_epochs=2)
    assert unlearning.asked_forgotten > 0


# The law of the seam.


def conditional_trainer(**options):
    adam = {"name": Adam, "args": {"lr": 1e-3, "betas": (0.5, 0.9)}}
    decaying = {**adam, "scheduler": {"name": StepLR, "args": {"step_size": 1, "gamma": 0.5}}}
    netG = {**SIZES, "encoding_dims": 8, "out_size": 16, "out_channels": 1}
    netD = {**SIZES, "in_size": 16, "in_channels": 1}
    return Trainer(
        {
            "generator": {"name": models.ConditionalGANGenerator, "args": netG, "optimizer": decaying},
            "discriminator": {"name": models.ConditionalGANDiscriminator, "args": netD, "optimizer": adam},
        },
        [losses.MinimaxGeneratorLoss(), losses.MinimaxDiscriminatorLoss()],
        device=torch.device("cpu"),
        **options,
    )


def with_trainer():
    return engine(conditional_trainer(ncritic=2))


def with_losses(netG, netD, *minimized):
    return engine(
        list(minimized),
        generator=netG,
        optimizer_generator=Adam(netG.parameters(), lr=1e-3),
        discriminator=netD,
        optimizer_discriminator=Adam(netD.parameters(), lr=1e-3),
    )


def with_classifier():
    return with_losses(
        models.ACGANGenerator(**SIZES, encoding_dims=8, out_size=16, out_channels=1),
        models.ACGANDiscriminator(**SIZES, in_size=16, in_channels=1),
        losses.WassersteinGeneratorLoss(),
        losses.WassersteinDiscriminatorLoss(),
        losses.AuxiliaryClassifierGeneratorLoss(),
        losses.AuxiliaryClassifierDiscriminatorLoss(),
    )


class NormedGenerator(models.Generator):
    def __init__(self):
        super().__init__(8, label_type="required")
        self.embed, self.linear = nn.Embedding(10, 8), nn.Linear(8, 64)
        self.norm, self.last = nn.BatchNorm2d(4), SpectralNorm2d(nn.ConvTranspose2d(4, 1, 4, 4))

    def forward(self, z, y):
        return self.last(self.norm(self.linear(z + self.embed(y)).view(-1, 4, 4, 4))).tanh()


class NormedDiscriminator(models.Discriminator):
    def __init__(self):
        super().__init__(1, label_type="required")
        self.num_classes = 10
        self.embed, self.first = nn.Embedding(10, 64), SpectralNorm2d(nn.Conv2d(1, 4, 4, 4))

    def forward(self, x, y):
        return (self.first(x).relu().flatten(1) * self.embed(y)).sum(1)


def with_spectral_norm():
    return with_losses(
        NormedGenerator(),
        NormedDiscriminator(),
        losses.LeastSquaresGeneratorLoss(),
        losses.LeastSquaresDiscriminatorLoss(),
    )


def nets_of(learning):
    return [learning.arguments["generator"], learning.arguments["discriminator"]]


def batches(digits):
    data = digits()
    return [(data.images[i : i + 16], data.labels[i : i + 16]) for i in (0, 16, 32)]


def loop(build, data):
    learning = build()
    optimizers = {name: learning.arguments[f"optimizer_{name}"] for name in ("generator", "discriminator")}
    (netG, netD), schedulers = nets_of(learning), learning.arguments.get("schedulers", [])
    saved = {"netG": netG, "netD": netD, **optimizers, **{f"scheduler {i}": s for i, s in enumerate(schedulers)}}
    return Loop(learning, gan(learning), data, saved)


every_engine = pytest.mark.parametrize("build", [with_trainer, with_classifier, with_spectral_norm])


@every_engine
def test_the_law_of_the_seam_holds(build, way, digits):
    data = batches(digits)
    assert any((labels == 2).any() for _, labels in data)
    way.assert_law(lambda: loop(build, data), FORGET)


def test_a_record_names_the_method(way, digits, tmp_path):
    way.assert_recorded(loop(with_trainer, batches(digits)), FORGET, tmp_path / "record")


# The engine trains as torchgan does.


def test_the_engine_trains_as_the_trainer_itself(digits, monkeypatch, capsys):
    # With a torchvision of today torchgan's own loop ends with its first epoch, in make_grid(range=).
    monkeypatch.setattr(Logger, "run_end_epoch", lambda *args: None)
    data = digits()
    loader = DataLoader(TensorDataset(data.images[:150], data.labels[:150]), batch_size=32, shuffle=True)
    left = []
    for train in (lambda trainer: trainer(loader), lambda trainer: engine(trainer).run(loader, max_epochs=2)):
        torch.manual_seed(2)
        trainer = conditional_trainer(ncritic=2, epochs=2)
        train(trainer)
        logs = [log.logs for log in (trainer.logger.get_loss_viz(), trainer.logger.get_grad_viz())]
        assert trainer.schedulers[0].last_epoch == 2
        weights = [p.tolist() for net in (trainer.generator, trainer.discriminator) for p in net.parameters()]
        left.append((weights, trainer.loss_information, logs))
    assert left[0] == left[1]
    assert left[0][1]["discriminator_iters"] == 10 and left[0][1]["generator_iters"] == 5


def test_losses_get_their_arguments_by_name(digits):
    got = {}

    class Mine(losses.GeneratorLoss):
        def train_ops(self, net, batch_size, labels=None, missing=5, *, twice, **kwargs):
            got.update(net=net, batch_size=batch_size, labels=labels, missing=missing, twice=twice, kwargs=kwargs)
            return 0.5

    mine = Mine()
    mine.set_arg_map({"net": "generator"})
    netG = models.DCGANGenerator(out_size=16).eval()
    learning = engine([mine], generator=netG, twice=2)
    assert learning.run([torch.zeros(4, 1, 16, 16)]).output == {"Mine": 0.5} and netG.training
    assert got == {"net": netG, "batch_size": 4, "labels": None, "missing": 5, "twice": 2, "kwargs": {}}
    # Images alone in a list, and a loader that says its batch size while its last batch is smaller.
    learning.run(DataLoader(TensorDataset(torch.zeros(3, 1, 16, 16)), batch_size=2))
    assert got["batch_size"] == 2 and got["labels"] is None


# How the models are called.


def test_models_say_how_they_are_called():
    netD = {"in_size": 16, "in_channels": 1, "step_channels": 4}
    images = torch.rand(5, 1, 16, 16)
    dcgan = gan(models.DCGANGenerator(24, 16, 1, 4), models.DCGANDiscriminator(**netD, last_nonlinearity=nn.Sigmoid()))
    assert (dcgan.latents, dcgan.labels, dcgan.scores) == ((24,), None, "probabilities")
    conditional = gan(models.ConditionalGANGenerator(7, 24, 16, 1, 4), models.ConditionalGANDiscriminator(7, **netD))
    assert (conditional.latents, conditional.labels, conditional.scores) == ((24,), 7, "logits")
    assert conditional.score(images, torch.arange(5)).shape == (5,)
    with pytest.raises(UnlearningError, match="discriminator cannot be called"):
        conditional.score(images)
    # Its second argument is a mode, no label.
    acgan = gan(models.ACGANGenerator(7, 24, 16, 1, 4), models.ACGANDiscriminator(7, **netD))
    assert acgan.labels == 7 and acgan.score(images, torch.arange(5)).shape == (5,)
    infogan = gan(
        models.InfoGANGenerator(3, 2, 24, 16, 1, 4),
        models.InfoGANDiscriminator(3, 2, **netD),
        latents=lambda n: torch.cat([torch.randn(n, 24), torch.eye(3)[torch.randint(3, (n,))], torch.randn(n, 2)], 1),
    )
    assert infogan.score(infogan.sample(5)).shape == (5,)


@pytest.mark.parametrize("embeddings", [True, False])
def test_the_score_of_an_autoencoder_is_its_negative_energy(embeddings):
    netD = models.AutoEncodingDiscriminator(16, 1, 8, 4, embeddings=embeddings, last_nonlinearity=nn.Sigmoid())
    found = gan(models.AutoEncodingGenerator(8, 16, 1, 4), netD)
    images = torch.rand(5, 1, 16, 16)
    energy = netD.eval()(images)
    assert found.scores == "critic"
    torch.testing.assert_close(found.score(images), -(energy[1] if embeddings else energy))


# What cannot be.


def test_a_missing_or_old_toolkit_is_said_in_a_sentence(sentence):
    wanted, advice = "ignite-unlearn-torchgan needs torchgan 0.1.0 or newer, ", 'pip install "torchgan>=0.1.0".'
    assert sentence("ignite_unlearn_torchgan", None) == f"{wanted}which is not installed: {advice}"
    assert sentence("ignite_unlearn_torchgan", "0.0.4") == f"{wanted}and found 0.0.4: {advice}"


def test_the_plug_in_is_found():
    found = {plugin.name: plugin for plugin in toolkits.installed()}["torchgan"]
    assert found.distribution.startswith("ignite-unlearn-torchgan ") and found.problem is None


def test_engine_says_what_it_needs():
    with pytest.raises(UnlearningError, match=r"looks everything up in the trainer: set \['generator'\] there"):
        engine(conditional_trainer(), generator=None)
    with pytest.raises(UnlearningError, match="got NoneType"):
        engine(None)
    with pytest.raises(UnlearningError, match="got list"):
        engine([])
    with pytest.raises(UnlearningError, match=r"got \['MinimaxGeneratorLoss', 'Linear'\]"):
        engine([losses.MinimaxGeneratorLoss(), nn.Linear(1, 1)])
    with pytest.raises(UnlearningError, match=r"^MinimaxGeneratorLoss\.train_ops needs 'discriminator', which"):
        engine([losses.MinimaxGeneratorLoss()], generator=models.DCGANGenerator())


def test_the_gan_of_an_engine_is_that_of_the_nets_that_it_trains():
    learning = with_trainer()
    netG, netD = nets_of(learning)
    found = gan(learning, scores="critic")
    assert (found.generator, found.discriminator, found.scores) == (netG, netD, "critic")
    learning.arguments["second"] = models.DCGANGenerator()
    with pytest.raises(UnlearningError, match=r"2 nets of torchgan\.models\.Generator, and one is expected: say which"):
        gan(learning)
    for given in ((conditional_trainer(),), (Engine(lambda engine, batch: None),), (netG,), (learning, netD)):
        with pytest.raises(UnlearningError, match=r"^gan\(\) got a .*: expected an engine .* gan\(netG, netD\)"):
            gan(*given)


def test_gan_says_what_it_needs():
    netG, netD = models.DCGANGenerator(label_type="required"), models.DCGANDiscriminator()
    with pytest.raises(UnlearningError, match=r"got a Linear: expected a torchgan.models.Discriminator"):
        gan(netG, nn.Linear(1, 1))
    with pytest.raises(UnlearningError, match="label_type is 'required', but neither model has num_classes"):
        gan(netG, netD)
    assert gan(netG, netD, labels=10).labels == 10
    with pytest.raises(UnlearningError, match="returns images, not scores: build it with energy=True"):
        gan(netG, models.AutoEncodingDiscriminator(energy=False))

    netG.add_module("norm", VirtualBatchNorm(4))
    with pytest.raises(UnlearningError, match="The DCGANGenerator has a VirtualBatchNorm"):
        gan(netG, netD)


@pytest.mark.parametrize("module", ["", ".nets"])
def test_the_docstrings_run(module):
    assert doctest.testmod(importlib.import_module(MODULE + module)).failed == 0
