import csv
import doctest
import importlib
import json
import runpy
from itertools import cycle, islice
from pathlib import Path

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from ignite.engine import Engine, Events
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader

from ignite_unlearn import (
    CascadedUnlearning,
    ErasureRecord,
    ForgetClasses,
    Snapshots,
    StopWhenForgotten,
    UnlearningError,
    toolkits,
)
from ignite_unlearn.cascade import Generated, OtherClass
from ignite_unlearn.record.record import Record
from ignite_unlearn.testing import Loop
from ignite_unlearn_lightning import Unlearning, gan
from ignite_unlearn_lightning import loop as events

MODULE = "ignite_unlearn_lightning"
EXAMPLE = Path(__file__).parents[1] / "example" / "digits.py"
FORGET = ForgetClasses({2})
REQUEST = {"forget": FORGET, "substitution": OtherClass(), "fake_label": Generated(samples=8)}
QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "log_every_n_steps": 1,
    "num_sanity_val_steps": 0,
}

pytestmark = [
    # The example's loader has no workers; on a machine of many cores Lightning advises some.
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    # Lightning 2.6 looks at PyTorch's pytrees in a way that PyTorch has deprecated.
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated"),
]


def test_the_class_is_forgotten_and_recorded(tmp_path):
    shares = runpy.run_path(str(EXAMPLE))["run"](tmp_path, epochs=16)
    # Half a minute of training differs from processor to processor: the bounds leave room for that.
    assert shares["forgotten_share_before"] > 0.75 and shares["accuracy_before"] > 0.75
    assert shares["forgotten_share"] < 0.2 and shares["accuracy"] > shares["accuracy_before"] - 0.15
    record = json.loads((tmp_path / "erasure" / "record.json").read_text())
    # The record draws latents of its own: 200 of them, so shares may differ by their noise.
    for name, share in (("original", "forgotten_share_before"), ("unlearned", "forgotten_share")):
        assert record["metrics"][name]["forgotten_share"] == pytest.approx(shares[share], abs=0.1)


# A module with what a training step can leave behind: BatchNorm's and spectral norm's buffers, dropout's draws.


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.linear = nn.Embedding(10, 8), nn.Linear(8, 64)
        self.norm, self.last = nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 1, 4, 4)

    def forward(self, z, y):
        return self.last(self.norm(self.linear(z + self.embed(y)).view(-1, 4, 4, 4)).relu()).tanh()


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 4, 4, 4))
        self.drop, self.last = nn.Dropout(0.2), nn.Linear(64, 10)

    def forward(self, x, y):
        return self.last(self.drop(self.first(x).relu().flatten(1))).gather(1, y[:, None])


def lit_gan(package=lightning.pytorch, **replaced):
    """Returns a GAN in manual optimisation that keeps what its hooks are given in ``seen``."""

    class LitGAN(package.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False
            self.generator, self.discriminator = Generator(), Discriminator()
            self.seen = {}

        def see(self, hook, batch):
            self.seen.setdefault(hook, []).append(batch)

        def on_train_epoch_start(self):
            torch.manual_seed(self.current_epoch)  # Lightning's checkpoints hold no random streams

        def on_train_batch_start(self, batch, batch_idx):
            self.see("start", batch)

        def training_step(self, batch, batch_idx):
            self.see("step", batch)
            images, labels = batch["image"], batch["label"]
            optimizer_g, optimizer_d = self.optimizers()
            z = torch.randn(len(images), 8)
            self.toggle_optimizer(optimizer_d)
            fakes = self.generator(z, labels).detach()
            d_loss = (self.discriminator(fakes, labels) - self.discriminator(images, labels)).tanh().mean()
            self.manual_backward(d_loss)
            optimizer_d.step()
            optimizer_d.zero_grad()
            self.untoggle_optimizer(optimizer_d)
            self.toggle_optimizer(optimizer_g)
            g_loss = -self.discriminator(self.generator(z, labels), labels).mean()
            optimizer_g.zero_grad()
            self.manual_backward(g_loss)
            optimizer_g.step()
            self.untoggle_optimizer(optimizer_g)
            self.log("g_loss", g_loss)

        def on_train_batch_end(self, outputs, batch, batch_idx):
            self.see("end", batch)

        def configure_optimizers(self):
            return [Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.9)) for net in (self.generator, self.discriminator)]

    torch.manual_seed(1)
    return type("LitGAN", (LitGAN,), replaced)()


class Loader:
    """Gives the next ``length`` of some batches in each epoch; Lightning takes a bare list for several loaders."""

    def __init__(self, given, length=None):
        self.length = length or len(given)
        self.given = cycle(given)

    def __len__(self):
        return self.length

    def __iter__(self):
        return islice(self.given, self.length)


def gan_of(module):
    return gan(module, latents=(8,), labels=10)


def phase_of(module, lr=1e-3, **options):
    options = {"batch_size": 8, "optimizer": lambda parameters: Adam(parameters, lr=lr)} | options
    return Unlearning(CascadedUnlearning(gan_of(module), **REQUEST, **options))


def trainer_of(*callbacks, package=lightning.pytorch, epochs=2, **options):
    return package.Trainer(max_epochs=epochs, callbacks=list(callbacks), **{**QUIET, **options})


def fit(module, data, *callbacks, val_dataloaders=None, ckpt_path=None, **options):
    trainer = trainer_of(*callbacks, **options)
    loader = Loader(data) if isinstance(data, list) else data
    trainer.fit(module, loader, val_dataloaders=val_dataloaders, ckpt_path=ckpt_path)
    return trainer


@pytest.fixture
def batches(digits):
    data = digits()
    return [{"image": data.images[i : i + 16], "label": data.labels[i : i + 16]} for i in (0, 16, 32)]


def labels_of(batches):
    return torch.cat([batch["label"] for batch in batches]).tolist()


def weights_of(module):
    return {name: value.tolist() for name, value in module.state_dict().items()}


# The law of the seam: of the engine that Lightning's loop is, and by a whole fit of either of its packages.


class Fit(Engine):
    """Lightning's ``fit`` where Ignite's own loop would run."""

    def __init__(self, module):
        super().__init__(lambda engine, batch: module.learn(batch, 0))
        self.module = module
        module.by = self

    def run(self, data, max_epochs):
        epochs = max_epochs - self.state.epoch
        self.state.epoch_length, self.state.max_epochs = len(data), max_epochs
        batches = [batch for _ in range(epochs) for batch in data]
        fit(self.module, Loader(batches, len(data)), events.Loop(self), epochs=epochs)


def loop(data):
    module = lit_gan(
        learn=type(lit_gan()).training_step,
        training_step=lambda self, batch, batch_idx: self.by._process_function(self.by, batch),
        on_train_epoch_start=lambda self: None,
        configure_optimizers=lambda self: self.adams,
    )
    module.adams = [Adam(net.parameters(), lr=1e-3) for net in (module.generator, module.discriminator)]
    saved = {"module": module, **{f"adam {i}": adam for i, adam in enumerate(module.adams)}}
    return Loop(Fit(module), gan_of(module), data, saved)


def test_the_law_of_the_seam_holds(way, batches):
    assert 2 in labels_of(batches)
    way.assert_law(lambda: loop(batches), FORGET)


def test_a_record_names_the_method(way, batches, tmp_path):
    module = lit_gan()
    unlearning = Unlearning(way.phase(gan_of(module), FORGET))
    record = ErasureRecord(
        unlearning.phase, tmp_path / "record", measure=lambda gan: {"made": float(len(gan.sample(2)))}
    )
    record.attach(unlearning.engine)
    fit(module, batches, unlearning, epochs=1)
    assert unlearning.phase.iterations == 3
    assert Record.read(tmp_path / "record").method["name"] == way.kind.name


def everything(trainer, module):
    """All that a run leaves behind, as a list of comparable values."""
    logged = {name: float(value) for name, value in trainer.callback_metrics.items() if "unlearning" not in name}
    left = [weights_of(module), logged, trainer.global_step, torch.get_rng_state().tolist()]
    left += [str(optimizer.state_dict()) for optimizer in trainer.optimizers]
    left += [(p.requires_grad, None if p.grad is None else p.grad.tolist()) for p in module.parameters()]
    return [*left, *(m.training for m in module.modules())]


def both_runs(package, way, data, lr):
    """What a run with the phase leaves behind, and what one on the batches with replaced rows does."""
    module = lit_gan(package)
    start = torch.get_rng_state()
    unlearning = Unlearning(way.phase(gan_of(module), FORGET, lr))
    assert torch.equal(start, torch.get_rng_state())
    assert isinstance(unlearning, package.Callback)  # older trainers refuse others
    with_phase = everything(fit(module, data, unlearning, package=package), module)
    assert unlearning.phase.iterations == 6 and all(unlearning.phase.metrics.values())
    plain = lit_gan(package)
    return with_phase, everything(fit(plain, Loader(module.seen["step"], len(data)), package=package), plain)


@pytest.mark.parametrize("package", [lightning.pytorch, pytorch_lightning], ids=lambda package: package.__name__)
def test_with_lr_0_the_training_is_bit_identical(package, way, batches):
    with_phase, plain = both_runs(package, way, batches, lr=0.0)
    assert with_phase == plain
    with_phase, plain = both_runs(package, way, batches, lr=1e-3)
    assert with_phase != plain


# What the module and the trainer get to see.


def test_every_hook_of_training_sees_replaced_rows_and_validation_does_not(batches):
    given = labels_of(batches)
    assert 2 in given
    module = lit_gan(validation_step=lambda self, batch, batch_idx: self.see("validation", batch))
    fit(module, batches, phase_of(module), epochs=1, val_dataloaders=Loader(batches))
    for hook in ("start", "step", "end"):
        replaced = labels_of(module.seen[hook])
        assert 2 not in replaced and [new for new, old in zip(replaced, given, strict=True) if old != 2] == [
            old for old in given if old != 2
        ]
    assert labels_of(module.seen["validation"]) == labels_of(batches) == given


@pytest.mark.parametrize("form", [tuple, list])
def test_batches_of_other_forms_are_replaced_too(form, batches):
    kept = []
    module = lit_gan(training_step=lambda self, batch: kept.append(batch))
    fit(module, [form((batch["image"], batch["label"])) for batch in batches], phase_of(module), epochs=1)
    assert 2 in labels_of(batches) and not any(2 in labels for _, labels in kept)
    assert len(kept) == 3 and all(type(batch) is form for batch in kept)


def test_the_numbers_reach_the_logger(batches, tmp_path):
    module = lit_gan()
    unlearning = phase_of(module)
    bounds = {"measure": lambda gan: {"share": 0.5}, "at_most": {"share": 0.1}, "keep": (module.generator,)}
    StopWhenForgotten(unlearning.phase, **bounds).attach(unlearning.engine)
    logger = lightning.pytorch.loggers.CSVLogger(tmp_path)
    fit(module, batches, unlearning, logger=logger, epochs=1)
    with (Path(logger.log_dir) / "metrics.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert [float(row["unlearning/iterations"]) for row in logged] == [1, 2, 3]
    last = unlearning.phase.metrics["substitution_loss"]
    assert float(logged[-1]["unlearning/substitution_loss"]) == pytest.approx(last)
    assert float(logged[0]["unlearning/share"]) == 0.5 and logged[0]["g_loss"]


def test_the_trainer_is_put_back(batches):
    module = lit_gan()
    trainer = fit(module, batches, phase_of(module))
    assert "batch_to_device" not in vars(trainer.strategy)

    def fails(self, batch, batch_idx):
        raise ZeroDivisionError

    module = lit_gan(training_step=fails)
    trainer = trainer_of(phase_of(module))
    with pytest.raises(ZeroDivisionError):
        trainer.fit(module, Loader(batches))
    assert "batch_to_device" not in vars(trainer.strategy)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")  # Python 3.12 says so of any process with threads
def test_two_processes_unlearn_alike(batches, tmp_path):
    def write(self):
        (tmp_path / f"{self.global_rank}.json").write_text(json.dumps([weights_of(self), labels_of(self.seen["step"])]))

    module = lit_gan(on_train_end=write)
    loader = DataLoader(batches[:2], batch_size=None)  # Lightning gives each process one batch of the two
    fit(module, loader, phase_of(module), strategy="ddp_fork_find_unused_parameters_true", devices=2)
    (weights, labels), (other_weights, other_labels) = (json.loads(p.read_text()) for p in tmp_path.glob("?.json"))
    trained = [name for name, _ in module.named_parameters()]
    assert {name: weights[name] for name in trained} == {name: other_weights[name] for name in trained}
    assert len(labels) == len(other_labels) == 2 * 16 and labels != other_labels and 2 not in labels + other_labels


# When it ends.


def test_fit_ends_with_the_phase_and_a_further_one_learns_on(batches):
    module = lit_gan()
    unlearning = phase_of(module, max_iterations=2)
    assert fit(module, batches, unlearning).global_step == 4
    assert unlearning.phase.stopped_because == "its budget of 2 iterations is spent"
    assert fit(module, batches, unlearning).global_step == 12
    assert unlearning.phase.iterations == 2 and 2 not in labels_of(module.seen["step"])


def test_fit_ends_when_forgotten_or_when_a_handler_says_so(batches, tmp_path):
    module = lit_gan()
    unlearning = phase_of(module)
    shares = iter([0.5, 0.01])
    StopWhenForgotten(unlearning.phase, lambda gan: {"share": next(shares)}, at_most={"share": 0.1}).attach(
        unlearning.engine
    )
    Snapshots(unlearning.phase.gan, tmp_path / "before_after.png").attach(unlearning.engine)
    assert fit(module, batches, unlearning).global_step == 4
    assert (
        unlearning.phase.stopped_because.startswith("its bounds were reached")
        and (tmp_path / "before_after.png").exists()
    )

    module = lit_gan()
    unlearning = phase_of(module)
    unlearning.engine.add_event_handler(Events.ITERATION_COMPLETED(once=1), lambda engine: engine.terminate())
    assert fit(module, batches, unlearning).global_step == 2 and unlearning.phase.active
    assert fit(module, batches, unlearning).global_step == 12 and unlearning.phase.iterations == 7


def test_the_engine_fires_lightnings_epochs_and_iterations(batches):
    module, fired = lit_gan(), []
    unlearning = phase_of(module)
    for event in Events:
        if event in (Events.STARTED, Events.COMPLETED) or "EPOCH" in event.name or "ITERATION" in event.name:
            unlearning.engine.add_event_handler(event, lambda e, name: fired.append((name, e.state.epoch)), event.name)
    fit(module, batches[:2], unlearning)
    iteration = ["ITERATION_STARTED", "ITERATION_COMPLETED"]
    epoch = ["EPOCH_STARTED", *iteration * 2, "EPOCH_COMPLETED"]
    names = [("STARTED", 0), *((name, n) for n in (1, 2) for name in epoch), ("COMPLETED", 2)]
    assert fired == names


def test_a_phase_that_is_attached_elsewhere_is_refused():
    first = phase_of(lit_gan())
    with pytest.raises(UnlearningError, match="attached to another trainer already"):
        Unlearning(first.phase)


# Checkpoints.


def test_the_original_is_what_fit_starts_from(batches):
    trained = lit_gan()
    fit(trained, batches).save_checkpoint("original.ckpt")
    module = lit_gan()
    unlearning = phase_of(module)
    fit(module, batches, unlearning, epochs=3, ckpt_path="original.ckpt")
    teacher = unlearning.phase.original.teacher.generator
    assert weights_of(teacher) == weights_of(trained.generator) != weights_of(module.generator)
    assert unlearning.phase.iterations == 3


def test_resumed_equals_uninterrupted(batches):
    whole = lit_gan()
    unlearning = phase_of(whole)
    trainer = fit(whole, batches, unlearning)

    first = lit_gan()
    fit(first, batches, phase_of(first), epochs=1).save_checkpoint("half.ckpt")
    saved = torch.load("half.ckpt", weights_only=True)["callbacks"]["Unlearning"]
    assert saved["iteration"] == saved["phase"]["iterations"] == 3

    second = lit_gan()
    nn.init.zeros_(second.generator.linear.weight)
    resumed = phase_of(second)
    again = fit(second, batches, resumed, ckpt_path="half.ckpt")
    assert labels_of(whole.seen["step"]) == labels_of(first.seen["step"] + second.seen["step"])
    assert everything(trainer, whole) == everything(again, second)
    assert str(unlearning.state_dict()) == str(resumed.state_dict())


def test_a_state_that_is_not_loaded_yet_is_kept():
    first, second = phase_of(lit_gan()), phase_of(lit_gan())
    state = first.state_dict()
    second.load_state_dict({**state, "iteration": 7})
    assert second.state_dict() == {**state, "iteration": 7}


# What is found, and what cannot be.


def test_nets_latents_and_probabilities_are_found():
    found = gan(runpy.run_path(str(EXAMPLE))["DigitsGAN"](latent_dim=5), labels=10)
    assert found.latents == (5,) and found.scores == "logits" and found.sample(2).shape == (2, 1, 16, 16)
    module = nn.Module()
    module.netG, module.critic, module.mine = (
        nn.Linear(4, 3),
        nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()),
        nn.Identity(),
    )
    found = gan(module, latents=(4,))
    assert (found.generator, found.discriminator) == (module.netG, module.critic)
    assert found.scores == "probabilities"
    assert gan(module, latents=(4,), scores="critic").scores == "critic"
    assert gan(module, latents=(4,), discriminator=module.mine).discriminator is module.mine


def test_gan_says_what_is_missing():
    module = nn.Module()
    with pytest.raises(UnlearningError, match=r"^Module has no generator .* gan\(module, generator=module.mine\)"):
        gan(module)
    with pytest.raises(UnlearningError, match=r"^LitGAN does not say in hparams.latent_dim .* latents=\(100,\)"):
        gan(lit_gan())


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_a_module_that_does_not_train_this_gan_is_refused(net, batches):
    module = lit_gan()
    unlearning = phase_of(module)
    setattr(module, net, getattr(lit_gan(), net))
    with pytest.raises(UnlearningError, match=rf"^The GAN's {net} is not in the LitGAN that trainer.fit\(\) was given"):
        fit(module, batches, unlearning)


def test_a_step_that_takes_its_batches_itself_is_refused(batches):
    module = lit_gan(training_step=lambda self, dataloader_iter: None)
    with (
        pytest.warns(UserWarning, match="dataloader_iter"),
        pytest.raises(UnlearningError, match=r"^LitGAN.training_step\(\) takes its batches from a dataloader_iter"),
    ):
        fit(module, batches, phase_of(module))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ["WeightAveraging", "EMAWeightAveraging", "StochasticWeightAveraging"])
def test_an_average_that_is_swapped_in_when_fit_ends_is_refused(name, first, batches):
    kind = getattr(lightning.pytorch.callbacks, name, None)
    if kind is None:  # Lightning before 2.6 has one of the three
        kind = type(name, (lightning.pytorch.Callback,), {})
    average = kind(swa_lrs=1e-3) if name.startswith("Stoch") else kind()
    module = lit_gan()
    # Stochastic averaging is refused by Lightning itself for a GAN's two optimizers, where it comes first.
    with pytest.raises(
        (UnlearningError, MisconfigurationException), match=f"^{name} puts an average|works with 1 `optimizer`"
    ):
        fit(module, batches, *([average, phase_of(module)] if first else [phase_of(module), average]))


def test_a_missing_or_old_toolkit_is_said_in_a_sentence(sentence):
    wanted, advice = "ignite-unlearn-lightning needs lightning 2.2 or newer, ", 'pip install "lightning>=2.2".'
    assert sentence("ignite_unlearn_lightning", None) == f"{wanted}which is not installed: {advice}"
    assert sentence("ignite_unlearn_lightning", "2.1.4") == f"{wanted}and found 2.1.4: {advice}"


def test_the_plug_in_is_found():
    found = {plugin.name: plugin for plugin in toolkits.installed()}["lightning"]
    assert found.distribution.startswith("ignite-unlearn-lightning ") and found.problem is None


@pytest.mark.parametrize("name", ["", ".nets"])
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(MODULE + name))
    assert result.attempted > 0 and result.failed == 0
