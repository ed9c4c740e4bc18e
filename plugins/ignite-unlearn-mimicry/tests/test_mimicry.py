import builtins
import doctest
import importlib
import importlib.util
import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import ForgetClasses, UnlearningError, toolkits
from ignite_unlearn.cascade import MeanImage
from ignite_unlearn.testing import Loop
from ignite_unlearn_mimicry import engine, gan, load, torch_mimicry
from ignite_unlearn_mimicry.absent import stand_ins

nets, training = torch_mimicry.nets, torch_mimicry.training
MODULE = "ignite_unlearn_mimicry"
EXAMPLE = Path(__file__).parents[1] / "example" / "digits.py"
NETS = {
    "cgan_pd": (nets.cgan_pd.CGANPDGenerator32, nets.cgan_pd.CGANPDDiscriminator32),
    "sagan": (nets.sagan.SAGANGenerator32, nets.sagan.SAGANDiscriminator32),
    "dcgan": (nets.dcgan.DCGANGenerator32, nets.dcgan.DCGANDiscriminator32),
    "infomax_gan": (nets.infomax_gan.InfoMaxGANGenerator32, nets.infomax_gan.InfoMaxGANDiscriminator32),
    "sngan": (nets.sngan.SNGANGenerator32, nets.sngan.SNGANDiscriminator32),
    "ssgan": (nets.ssgan.SSGANGenerator32, nets.ssgan.SSGANDiscriminator32),
    "wgan_gp": (nets.wgan_gp.WGANGPGenerator32, nets.wgan_gp.WGANGPDiscriminator32),
}
CONDITIONAL = ("cgan_pd", "sagan")


def make_nets(family="cgan_pd", **options):
    generator, discriminator = NETS[family]
    classes = {"num_classes": 10} if family in CONDITIONAL else {}
    more = {"nrkhs": 16} if family == "infomax_gan" else {}
    netG = generator(nz=8, ngf=8, bottom_width=1, **classes, **options)
    return netG, discriminator(ndf=8, **classes, **more, **options)


def optimizers(*trained):
    return [Adam(net.parameters(), lr=1e-3, betas=(0.0, 0.9)) for net in trained]


def learner(family="cgan_pd", **options):
    netG, netD = make_nets(family)
    return engine(netG, netD, *optimizers(netG, netD), **options)


def test_the_class_is_forgotten_and_recorded(tmp_path):
    shares = runpy.run_path(str(EXAMPLE))["run"](tmp_path)
    assert shares["forgotten_share_before"] > 0.8
    assert shares["forgotten_share"] < 0.1 and shares["accuracy"] > 0.8
    record = json.loads((tmp_path / "erasure" / "record.json").read_text())
    assert record["metrics"]["original"]["forgotten_share"] == shares["forgotten_share_before"]
    assert record["metrics"]["unlearned"]["forgotten_share"] == shares["forgotten_share"]


# The law of the seam.


@pytest.fixture(scope="module")
def batches(digits):
    data = digits(size=8)
    images = data.images.expand(-1, 3, -1, -1).contiguous()
    return [(images[i : i + 8], data.labels[i : i + 8]) for i in range(0, 40, 8)]


def brightness(images):
    """A classifier of two classes, of which untrained generators make both."""
    bright = images[:, 0, 0, 0] - images[:, 0, 0, 0].median()
    return torch.stack([bright, bright, -bright], 1)


def loop(family, data):
    netG, netD = make_nets(family)
    optG, optD = optimizers(netG, netD)
    learning = engine(netG, netD, optG, optD, n_dis=2)
    return Loop(learning, gan(learning), data, {"netG": netG, "netD": netD, "optG": optG, "optD": optD})


def request(family):
    """Returns what to forget, and a cascade's parts for it."""
    if family in CONDITIONAL:
        return ForgetClasses({2}), {}
    return ForgetClasses({2}, classifier=brightness, pool=16), {"substitution": MeanImage(8)}


@pytest.mark.parametrize("family", NETS)
def test_the_law_of_the_seam_holds(family, way, batches):
    forget, parts = request(family)
    few = batches[:2]
    assert any((labels == 2).any() for _, labels in few)
    way.assert_law(lambda: loop(family, few), forget, **parts)


def test_a_record_names_the_method(way, batches, tmp_path):
    way.assert_recorded(loop("cgan_pd", batches), ForgetClasses({2}), tmp_path / "record")


# The engine trains as mimicry does.


def left_by(*objects):
    """All that a run leaves behind, as comparable values."""
    left = [torch.get_rng_state().tolist()]
    for thing in objects:
        left.append(repr(thing.state_dict()) if isinstance(thing, torch.optim.Optimizer) else values(thing))
    return left


def values(net):
    parameters = [(p.requires_grad, None if p.grad is None else p.grad.tolist()) for p in net.parameters()]
    state = {name: value.tolist() for name, value in net.state_dict().items()}
    return state, parameters, [module.training for module in net.modules()]


def as_trained_by(train, family, loader):
    torch.manual_seed(2)
    netG, netD = make_nets(family)
    optG, optD = optimizers(netG, netD)
    train(netG, netD, optG, optD, loader)
    return left_by(netG, netD, optG, optD)


@pytest.mark.parametrize(("family", "n_dis"), [("cgan_pd", 2), ("ssgan", 1), ("wgan_gp", 3)])
def test_the_engine_trains_as_mimicrys_trainer(family, n_dis, batches, tmp_path):
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    # Four batches of an epoch: with n_dis=3 the generator's turns fall anywhere in an epoch.
    loader = DataLoader(TensorDataset(images, labels), batch_size=10, shuffle=True)
    steps = 12 // n_dis

    def by_trainer(netG, netD, optG, optD, loader):
        # It logs by TensorBoard from step 50 on.
        options = {"n_dis": n_dis, "lr_decay": "linear", "log_dir": str(tmp_path), "device": netG.device}
        training.Trainer(netD, netG, optD, optG, loader, steps, **options).train()

    def by_engine(netG, netD, optG, optD, loader):
        scheduler = training.LRScheduler("linear", optD, optG, steps)
        learning = engine(netG, netD, optG, optD, n_dis=n_dis)
        learning.add_event_handler(
            Events.ITERATION_COMPLETED(every=n_dis),
            lambda: scheduler.step(training.MetricLog(), learning.state.iteration // n_dis),
        )
        learning.run(loader, max_epochs=3)

    trained = as_trained_by(by_trainer, family, loader)
    assert as_trained_by(by_engine, family, loader) == trained

    # What the trainer saved is restored, whatever the nets were before.
    def from_files(netG, netD, optG, optD, loader):
        for name, net, optimizer in (("netG", netG, optG), ("netD", netD, optD)):
            assert load(net, tmp_path / "checkpoints" / name / f"{name}_{steps}_steps.pth", optimizer) == steps

    def saved(left):
        (netG, *_), (netD, *_), *states = left[1:]
        return netG, netD, states

    assert saved(as_trained_by(from_files, family, loader)) == saved(trained)
    assert saved(as_trained_by(lambda *objects: None, family, loader)) != saved(trained)


def test_an_iteration_is_a_step_of_the_discriminator(batches):
    learning, outputs, steps, of_D = learner(n_dis=2), [], [], ["D(G(z))", "D(x)", "errD"]
    step = learning.netD.train_step
    learning.netD.train_step = lambda **given: steps.append(given["global_step"]) or step(**given)
    learning.add_event_handler(Events.ITERATION_COMPLETED, lambda: outputs.append(learning.state.output))
    learning.run(batches[:4])
    assert [sorted(output) for output in outputs] == 2 * [of_D, [*of_D, "errG"]]
    assert all(isinstance(number, float) for output in outputs for number in output.values())
    assert steps == [0, 0, 1, 1]


def test_nets_and_batches_are_moved_to_the_device(monkeypatch):
    learning = learner(device="meta")
    assert learning.netG.device == learning.netD.device == torch.device("meta")
    got = {}
    monkeypatch.setattr(learning.netD, "train_step", lambda **given: got.update(given) or training.MetricLog())
    monkeypatch.setattr(learning.netG, "train_step", lambda **given: training.MetricLog())
    learning.run([[torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64), "more"]])
    assert [value.device.type for value in got["real_batch"]] == ["meta", "meta"] and got["device"].type == "meta"


# How the nets are called.


@pytest.mark.parametrize("family", NETS)
def test_nets_say_how_they_are_called(family):
    found = gan(*make_nets(family))
    images, labels = torch.rand(5, 3, 8, 8), torch.arange(5)
    assert found.latents == (8,) and found.labels == (10 if family in CONDITIONAL else None)
    assert found.sample(5).shape == (5, 3, 8, 8) and found.score(images, labels).shape == (5,)
    assert found.scores == ("logits" if family == "dcgan" else "critic")
    if family in CONDITIONAL:
        assert not torch.equal(found.score(images, labels), found.score(images, labels + 1))


@pytest.mark.parametrize(
    ("loss_type", "scores"), [("gan", "logits"), ("ns", "logits"), ("hinge", "critic"), ("wasserstein", "critic")]
)
def test_the_loss_says_what_scores_are(loss_type, scores):
    assert gan(*make_nets("sngan", loss_type=loss_type)).scores == scores


def test_what_is_found_can_be_given():
    netG, netD = make_nets("sngan", loss_type="mine")
    with pytest.raises(UnlearningError, match=r"loss_type is 'mine': expected one of \['gan', .* gan\(\.\.\., scores="):
        gan(netG, netD)
    assert gan(netG, netD, scores="logits", latents=(9,)).latents == (9,)
    learning = engine(netG, netD, *optimizers(netG, netD))
    assert gan(learning, scores="logits", labels=3).labels == 3


# Without TensorFlow.


def test_what_is_missing_is_said_when_it_is_used(tmp_path):
    from torch_mimicry.metrics import compute_fid
    from torch_mimicry.utils import common

    for name in ("tensorflow", "tensorboard", "skimage", "torch._six"):
        assert name not in sys.modules and importlib.util.find_spec(name) is None
    with pytest.raises(UnlearningError, match=r"^torch_mimicry.metrics.compute_fid needs tensorflow, .*: pip install"):
        compute_fid.tf.compat.v1.ConfigProto()
    with pytest.raises(UnlearningError, match=r"utils\.common needs skimage, .*: pip install scikit-image\.$"):
        common.io.imsave("digit.png", None)
    log = training.MetricLog()
    log.add_metric("errD", 1.0)
    with pytest.raises(UnlearningError, match=r"^torch_mimicry\.training\.logger needs tensorboard, .*: pip install"):
        training.Logger(str(tmp_path), num_steps=1, dataset_size=1, device=None).write_summaries(log, 1)
    assert not hasattr(compute_fid.tf, "__path__")


def test_only_mimicry_and_only_what_is_missing_is_spared(tmp_path, monkeypatch):
    (tmp_path / "torch_mimicry_more.py").write_text("import tensorflow")
    (tmp_path / "skimage.py").write_text("io = 'the real one'")
    monkeypatch.syspath_prepend(tmp_path)
    inside = {"__name__": "torch_mimicry.training"}
    before = builtins.__import__
    with stand_ins():
        with pytest.raises(ModuleNotFoundError, match="No module named 'tensorflow'"):
            importlib.import_module("torch_mimicry_more")
        exec(
            "from skimage import io; import tensorflow as tf; from torch.utils.tensorboard import SummaryWriter", inside
        )
        with pytest.raises(ModuleNotFoundError, match="no_such"):
            exec("import no_such", inside)
    assert builtins.__import__ is before and not {"tensorflow", "torch.utils.tensorboard"} & sys.modules.keys()
    assert inside["io"] == "the real one"
    for use in ("tf.nn", "tf()", "SummaryWriter('log')"):
        with pytest.raises(UnlearningError, match=r"^torch_mimicry\.training needs tensor"):
            exec(use, inside)
    monkeypatch.delitem(sys.modules, "skimage")


# What cannot be.


def test_a_missing_or_old_toolkit_is_said_in_a_sentence(sentence):
    wanted, advice = (
        "ignite-unlearn-mimicry needs torch-mimicry 0.1.16 or newer, ",
        'pip install --no-deps "torch-mimicry>=0.1.16".',
    )
    assert sentence("ignite_unlearn_mimicry", None) == f"{wanted}which is not installed: {advice}"
    assert sentence("ignite_unlearn_mimicry", "0.1.15") == f"{wanted}and found 0.1.15: {advice}"


def test_the_plug_in_is_found():
    found = {plugin.name: plugin for plugin in toolkits.installed()}["mimicry"]
    assert found.distribution.startswith("ignite-unlearn-mimicry ") and found.problem is None


def test_engine_says_what_it_needs():
    netG, netD = make_nets()
    with pytest.raises(UnlearningError, match=r"^Got a CGANPDDiscriminator32 where a torch_mimicry\S+BaseGenerator is"):
        engine(netD, netG, *optimizers(netG, netD))
    with pytest.raises(UnlearningError, match=r"n_dis=0\) must be at least 1"):
        engine(netG, netD, *optimizers(netG, netD), n_dis=0)
    for batch in (torch.zeros(2, 3, 8, 8), [torch.zeros(2, 3, 8, 8)], (torch.zeros(2, 3, 8, 8), "labels")):
        with pytest.raises(UnlearningError, match=r"^The batch is .*: expected a pair of images"):
            learner().run([batch])


def test_the_gan_of_an_engine_is_that_of_the_nets_that_it_trains():
    learning = learner()
    found = gan(learning)
    assert (found.generator, found.discriminator) == (learning.netG, learning.netD)
    for given in ((Engine(lambda engine, batch: None),), (learning.netG,), (learning, learning.netD)):
        with pytest.raises(UnlearningError, match=r"^gan\(\) got a .*: expected an engine .* gan\(netG, netD\)"):
            gan(*given)
    with pytest.raises(UnlearningError, match=r"^Got a Linear where a \S+BaseDiscriminator is expected"):
        gan(learning.netG, nn.Linear(1, 1))


class Dangerous:
    def __reduce__(self):
        return print, ("code was run",)


def test_load_says_what_does_not_fit(tmp_path, capsys):
    netG, netD = make_nets()
    _, optD = optimizers(netG, netD)
    netD.save_checkpoint(str(tmp_path), 3, name="bare.pth")
    netD.save_checkpoint(str(tmp_path), 4, optimizer=Adam([*netD.parameters()][:2]), name="other.pth")
    torch.save({"model_state_dict": Dangerous()}, tmp_path / "dangerous.pth")
    torch.save(netD.state_dict(), tmp_path / "state.pth")
    assert load(netD, tmp_path / "bare.pth") == 3
    for net, name, optimizer, sentence in (
        (netD, "none.pth", None, "There is no checkpoint at "),
        (netD, "dangerous.pth", None, "holds pickled objects"),
        (netD, "state.pth", None, r"save_checkpoint: it lacks \['global_step', 'model_state_dict', 'optimizer_state_d"),
        (netD, "bare.pth", optD, "saved without an optimiser's state: leave `optimizer` out"),
        (netG, "bare.pth", None, r"does not fit the CGANPDGenerator32: Error.*\. Build them as they were"),
        (netD, "other.pth", optD, r"does not fit the CGANPDDiscriminator32 and its optimiser: loaded state"),
    ):
        with pytest.raises(UnlearningError, match=sentence):
            load(net, tmp_path / name, optimizer)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("module", ["", ".absent", ".nets"])
def test_the_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(MODULE + module))
    assert result.attempted and not result.failed
