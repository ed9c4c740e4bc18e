import copy
import doctest
import importlib
import json
import runpy
import sys
from pathlib import Path

import ignite.distributed as idist
import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.nn.functional import one_hot

from ignite_unlearn import CascadedUnlearning, ForgetClasses, ForgetItems, UnlearningError, toolkits
from ignite_unlearn.cascade import Generated, OtherClass, RetainedNeighbour
from ignite_unlearn.gan import BatchForm
from ignite_unlearn.handlers import RestartAverage
from ignite_unlearn.testing import Loop
from ignite_unlearn_stylegan import MeanW, TrainingPhase, TruncationW, engine, gan, training_phases
from ignite_unlearn_stylegan.batch import images_of, labels_of, put_images, put_labels

MODULE = "ignite_unlearn_stylegan"
EXAMPLE = Path(__file__).parents[1] / "example"
sys.path.insert(0, str(EXAMPLE))  # a stand-in for the checkout, and so it is on the path
from stylegan_stand_in import AdaLoss, Discriminator, Generator, Loss3, Mapping, Mapping3  # noqa: E402

FORGET = ForgetClasses({2})
REQUEST = {"forget": FORGET, "substitution": OtherClass(), "fake_label": Generated(samples=8)}
ITEMS = {"substitution": RetainedNeighbour(), "fake_label": Generated(samples=8)}


def test_the_class_is_forgotten_and_recorded(tmp_path):
    shares = runpy.run_path(str(EXAMPLE / "digits.py"))["run"](tmp_path)
    assert shares["forgotten_share_before"] > 0.9 and shares["accuracy_before"] > 0.9
    assert shares["forgotten_share"] < 0.1 and shares["accuracy"] > 0.9
    record = json.loads((tmp_path / "erasure" / "record.json").read_text())
    assert record["metrics"]["original"]["forgotten_share"] > 0.9
    assert record["metrics"]["unlearned"]["forgotten_share"] < 0.1


# Nets, a loss of either checkout, and batches as their dataset makes them.


def nets(c_dim=4, mapping=Mapping):
    torch.manual_seed(1)
    G, D = Generator(c_dim, mapping, width=8), Discriminator(c_dim, width=8)
    G(torch.randn(8, 32), torch.eye(4)[torch.arange(8) % 4][:, :c_dim])  # w_avg is no longer zero
    nn.init.ones_(G.synthesis.last.noise_strength)
    return G, D


def batches(c_dim=4, count=4):
    drawn = torch.Generator().manual_seed(5)
    images = torch.randint(256, (count, 8, 1, 16, 16), generator=drawn, dtype=torch.uint8)
    return [(each, one_hot(torch.arange(8) % 4, 4).float()[:, :c_dim]) for each in images]


class Run:
    """An engine over a new pair of nets, and what its own step sees."""

    def __init__(self, loss, c_dim=4, averaged=True, **options):
        self.G, self.D = nets(c_dim, Mapping3 if loss is Loss3 else Mapping)
        self.ema = copy.deepcopy(self.G).eval() if averaged else None
        self.loss = Loss3(self.G, self.D) if loss is Loss3 else loss(self.G.mapping, self.G.synthesis, self.D)
        self.phases = training_phases(self.G, self.D, g_reg_interval=2, d_reg_interval=3)
        self.learning = engine(self.loss, self.phases, ema=self.ema, ema_kimg=0.01, **options)
        self.seen, self.outputs, step = [], [], self.learning._process_function

        def recording(engine, batch):
            self.seen.append(batch)
            self.outputs.append(step(engine, batch))

        self.learning._process_function = recording

    def phase(self, **parts):
        """Attaches a cascade."""
        unlearning = CascadedUnlearning(gan(self.learning), **(REQUEST | parts))
        unlearning.attach(self.learning)
        return unlearning


class LossState:
    """What a loss keeps, which a script that resumes must save."""

    def __init__(self, loss):
        self.loss = loss

    def state_dict(self):
        return {"pl_mean": self.loss.pl_mean, "seen": list(getattr(self.loss, "seen", []))}

    def load_state_dict(self, state):
        self.loss.pl_mean, self.loss.seen = state["pl_mean"], list(state["seen"])


# The law of the seam.


def loop(**options):
    run = Run(**options)
    saved = {"G": run.G, "D": run.D, "optG": run.phases[0].opt, "optD": run.phases[2].opt, "loss": LossState(run.loss)}
    return Loop(run.learning, gan(run.learning), batches(), saved | ({"G_ema": run.ema} if run.ema else {}))


CASES = {
    "stylegan2-ada": {"loss": AdaLoss},
    "stylegan2-ada in rounds, without an average": {"loss": AdaLoss, "averaged": False, "batch_gpu": 4},
    "stylegan3": {"loss": Loss3},
}


@pytest.mark.parametrize("name", CASES)
def test_the_law_of_the_seam_holds(name, way):
    way.assert_law(lambda: loop(**CASES[name]), FORGET)


def test_a_record_names_the_method(way, tmp_path):
    way.assert_recorded(loop(loss=AdaLoss), FORGET, tmp_path / "record")


# The average that is released follows.


def test_each_unlearning_step_restarts_the_average():
    run = Run(AdaLoss)
    unlearning = run.phase(batch_size=8, every=2, max_iterations=2)
    RestartAverage(unlearning, run.ema).attach(run.learning)
    equal = []

    @run.learning.on(Events.ITERATION_COMPLETED)
    def look():
        pairs = zip(run.ema.parameters(), run.G.parameters(), strict=True)
        equal.append(all(torch.equal(average, now) for average, now in pairs))

    run.learning.run(batches(), max_epochs=2)
    assert unlearning.stopped_because == "its budget of 2 iterations is spent"
    assert equal == [True, False, True, False, False, False, False, False]


def test_a_phase_on_the_average_in_the_place_of_the_trained_generator_is_refused():
    run = Run(AdaLoss)
    unlearning = CascadedUnlearning(gan(run.ema, run.D), **REQUEST)
    with pytest.raises(UnlearningError, match="make the phase's GAN of the generator that the trainer trains"):
        RestartAverage(unlearning, run.ema)


# The engine trains as the checkouts do.


class Spy(AdaLoss):
    """Keeps what it is given, and which nets it finds thawed."""

    def accumulate_gradients(self, **given):
        nets = {"G": (self.mapping, self.synthesis), "D": (self.discriminator,)}
        assert all(module.training for net in nets.values() for module in net)
        thawed = "".join(
            name for name, net in nets.items() if any(p.requires_grad for m in net for p in m.parameters())
        )
        self.calls = [*getattr(self, "calls", []), given | {"thawed": thawed}]
        super().accumulate_gradients(**{name: value for name, value in given.items() if name != "cur_nimg"})


def test_each_phase_has_its_turn_with_its_own_net_thawed():
    run = Run(Spy, batch_gpu=4, resume_kimg=7.0)
    data = batches()
    run.G.eval(), run.D.eval()
    run.learning.run(data)
    assert run.outputs == [
        ["Gmain", "Greg", "Dmain", "Dreg"], ["Gmain", "Dmain"], ["Gmain", "Greg", "Dmain"], ["Gmain", "Dmain", "Dreg"],
    ]  # fmt: skip
    calls = run.loss.calls
    assert [call["phase"] for call in calls[::2]] == [name for names in run.outputs for name in names]
    assert all(call["thawed"] == call["phase"][0] for call in calls)
    assert not any(p.requires_grad for net in (run.G, run.D) for p in net.parameters())
    assert [call["sync"] for call in calls] == [False, True] * (len(calls) // 2)
    assert {call["phase"]: call["gain"] for call in calls} == {"Gmain": 1, "Greg": 2, "Dmain": 1, "Dreg": 3}
    assert [call["cur_nimg"] for call in calls if call["phase"] == "Gmain"][::2] == [7000, 7008, 7016, 7024]
    shown = torch.cat([call["real_img"] for call in calls[:2]])
    torch.testing.assert_close(shown, data[0][0].float() / 127.5 - 1)
    assert torch.equal(torch.cat([call["real_c"] for call in calls[:2]]), data[0][1])
    assert calls[0]["gen_z"].shape == (4, 32) and not torch.equal(calls[0]["gen_z"], calls[1]["gen_z"])


def test_the_generator_is_asked_only_for_labels_of_the_batch():
    run = Run(Spy)
    run.learning.run([(images, torch.eye(4)[[1, 3] * 4]) for images, _ in batches()])
    asked = torch.cat([call["gen_c"] for call in run.loss.calls]).argmax(1)
    assert set(asked.tolist()) == {1, 3}


def test_the_average_follows_with_its_half_life():
    run = Run(AdaLoss)  # half of it is new after 10 images; a batch has 8
    before = [p.clone() for p in run.ema.parameters()]
    run.learning.run(batches(count=1))
    kept = 0.5 ** (8 / 10)
    for average, old, now in zip(run.ema.parameters(), before, run.G.parameters(), strict=True):
        torch.testing.assert_close(average, kept * old + (1 - kept) * now)
    assert all(torch.equal(a, b) for a, b in zip(run.ema.buffers(), run.G.buffers(), strict=True))
    assert not run.ema.training


def test_gradients_that_overflow_do_not_reach_the_weights():
    class Overflowing(AdaLoss):
        def accumulate_gradients(self, **given):
            for parameter in (*self.mapping.parameters(), *self.discriminator.parameters()):
                if parameter.requires_grad:
                    parameter.grad = torch.full_like(parameter, torch.nan)

    run = Run(Overflowing)
    run.learning.run(batches())
    assert all(p.isfinite().all() for net in (run.G, run.D) for p in net.parameters())


def test_lazy_regularisation_adjusts_the_optimisers():
    G, D = nets()
    phases = training_phases(G, D, g_opt_kwargs={"lr": 0.01, "betas": (0.5, 0.9)}, d_reg_interval=None)
    assert [(phase.name, phase.interval) for phase in phases] == [("Gmain", 1), ("Greg", 4), ("Dboth", 1)]
    first, second, third = (phase.opt for phase in phases)
    assert first is second and phases[1].module is G and phases[2].module is D
    assert first.defaults["lr"] == pytest.approx(0.008) and first.defaults["betas"] == pytest.approx(
        (0.5**0.8, 0.9**0.8)
    )
    assert third.defaults["lr"] == 0.002 and third.defaults["betas"] == (0.0, 0.99)


# How the nets are called, and what a batch is.


@pytest.mark.parametrize("mapping", [Mapping, Mapping3])
def test_the_nets_say_how_they_are_called(mapping):
    G, D = nets(mapping=mapping)
    found = gan(G, D)
    assert (found.latents, found.labels, found.scores) == ((32,), 4, "logits")
    z, labels = found.sample_latents(8), torch.arange(8) % 4
    c = one_hot(labels, 4).float()
    images = found.sample(8, labels, latents=z)
    torch.testing.assert_close(images, G.eval()(z, c, noise_mode="const"))
    assert not torch.equal(G(z, c), G(z, c))  # by its own default noise is drawn
    torch.testing.assert_close(found.score(images, labels), D(images, c).flatten())
    with pytest.raises(UnlearningError, match=r"c_dim=4, and no class labels were given"):
        found.score(images)


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 10])
def test_any_number_of_rows_is_scored(rows):
    G, D = nets()
    images, labels = torch.randn(rows, 1, 16, 16), torch.arange(rows) % 4
    if rows in (5, 10):
        with pytest.raises(RuntimeError):
            D(images, one_hot(labels, 4).float())
    scores = gan(G, D).score(images, labels)
    assert scores.shape == (rows,) and scores.isfinite().all()


def test_an_unconditional_gan_has_no_labels():
    G, D = nets(c_dim=0)
    found = gan(G, D)
    assert found.labels is None and found.score(found.sample(6)).shape == (6,)
    assert found.batch.labels((torch.zeros(3, 1, 16, 16), torch.zeros(3, 0))) is None


def test_a_batch_is_read_and_put_back_without_loss():
    every, c = torch.arange(256, dtype=torch.uint8).view(4, 1, 8, 8), torch.eye(4)
    form = BatchForm((images_of, put_images), (labels_of, put_labels))
    for container in (tuple, list):
        batch = container([every, c, "more"])
        images = form.images(batch)
        assert (images.min(), images.max()) == (-1, 1) and form.labels(batch).tolist() == [0, 1, 2, 3]
        again = form.replace(batch, images, form.labels(batch))
        assert type(again) is container and again[0].dtype == torch.uint8 and again[2] == "more"
        assert torch.equal(again[0], every) and torch.equal(again[1], c)
    changed = form.replace((every, c), images + 1, torch.tensor([3, 3, 0, 0]))
    assert changed[0].max() == 255 and torch.equal(changed[1], c[[3, 3, 0, 0]])
    assert form.replace((images, c), images * 2)[0].max() == 2


def test_the_phase_says_that_it_fits():
    run = Run(AdaLoss)
    report = run.phase().check(batches())
    assert report and "2 of its rows belong to the forget set." in report.notes


def test_items_are_forgotten_by_an_unconditional_gan():
    run, data = Run(AdaLoss, c_dim=0), batches(c_dim=0)
    items = torch.stack([images[3] for images, _ in data])
    unlearning = run.phase(forget=ForgetItems(items.float() / 127.5 - 1), **ITEMS)
    run.learning.run(data)
    assert unlearning.metrics["fake_label_loss"] > 0
    for (given, _), (seen, _) in zip(data, run.seen, strict=True):
        kept = torch.arange(8) != 3
        assert seen.dtype == torch.uint8 and torch.equal(seen[kept], given[kept])
        assert not torch.equal(seen[3], given[3])


# Substitutions in W.


class Regions:
    """Two retained classes of four, or none: then fixed latents."""

    def __init__(self, classes, latents=None):
        self.retained_classes, self.latents = classes, latents

    def retained(self, n):
        return self.latents[:n], None


def test_the_mean_in_w():
    G, D = nets()
    z, labels = torch.randn(3, 32), torch.tensor([2, 2, 1])
    made = MeanW()(gan(G, D), z, labels, Regions((0, 3)))
    ws = [G.mapping(z, one_hot(torch.tensor([k] * 3), 4).float(), skip_w_avg_update=True) for k in (0, 3)]
    torch.testing.assert_close(made, G.synthesis(sum(ws) / 2, noise_mode="const"))

    G, D = nets(c_dim=0)
    retained = torch.randn(5, 32)
    made = MeanW(samples=4)(gan(G, D), z, None, Regions(None, retained))
    mean = G.mapping(retained[:4], torch.zeros(4, 0), skip_w_avg_update=True).mean(0, keepdim=True)
    torch.testing.assert_close(made, G.synthesis(mean, noise_mode="const").expand(3, -1, -1, -1))


@pytest.mark.parametrize("mapping", [Mapping, Mapping3])
def test_truncation_in_w(mapping):
    G, D = nets(mapping=mapping)
    torch.nn.init.normal_(G.mapping.w_avg)
    found, z, labels = gan(G, D), torch.randn(3, 32), torch.tensor([2, 0, 1])
    w_avg = G.mapping.w_avg.clone()
    torch.testing.assert_close(TruncationW(1.0)(found, z, labels, None), found.sample(3, labels, latents=z))
    centre = G.synthesis(w_avg.expand(1, 4, -1), noise_mode="const")
    torch.testing.assert_close(TruncationW(0.0)(found, z, labels, None), centre.expand(3, -1, -1, -1))
    ws = G.mapping(z, one_hot(labels, 4).float()).clone()
    G.mapping.w_avg.copy_(w_avg)
    ws[:, :2] = torch.lerp(w_avg.expand(3, 2, -1), ws[:, :2], 0.3)
    torch.testing.assert_close(TruncationW(0.3, cutoff=2)(found, z, labels, None), G.synthesis(ws, noise_mode="const"))
    assert torch.equal(G.mapping.w_avg, w_avg)


@pytest.mark.parametrize("substitution", [MeanW(), TruncationW(0.3)])
def test_the_phase_unlearns_towards_images_of_w(substitution):
    run = Run(AdaLoss)
    unlearning = run.phase(substitution=substitution, anchor=0.0, batch_size=16)
    losses = []
    run.learning.add_event_handler(
        Events.ITERATION_COMPLETED, lambda: losses.append(unlearning.metrics["substitution_loss"])
    )
    run.phases.clear()  # unlearning steps only
    run.learning.run(batches() * 4)
    assert losses[-1] < losses[0]


# What cannot be.


def test_the_import_needs_no_checkout(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == MODULE]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("dnnlib", "torch_utils", "training", "legacy", "stylegan_stand_in"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    importlib.import_module(MODULE)


def test_the_plug_in_is_found():
    found = {plugin.name: plugin for plugin in toolkits.installed()}["stylegan"]
    assert found.distribution.startswith("ignite-unlearn-stylegan ") and found.problem is None


def test_gan_says_which_attribute_is_missing():
    G, D = nets()
    with pytest.raises(
        UnlearningError, match=r"^The generator, a Linear, has no z_dim and no c_dim and no mapping and"
    ):
        gan(nn.Linear(1, 1), D)
    with pytest.raises(UnlearningError, match=r"^The discriminator, a Linear, has no c_dim: expected one of NVIDIA's"):
        gan(G, nn.Linear(1, 1))
    assert gan(G, D, scores="critic").scores == "critic"


def test_substitutions_say_what_they_need():
    with pytest.raises(UnlearningError, match=r"^TruncationW\(psi=1.5\) must be in \[0, 1\]"):
        TruncationW(1.5)
    G, D = nets()
    del G.mapping.w_avg
    with pytest.raises(UnlearningError, match=r"^The mapping network, a Mapping, has no w_avg:"):
        TruncationW()(gan(G, D), torch.randn(2, 32), torch.tensor([0, 1]), None)


def test_engine_says_what_it_needs(monkeypatch):
    G, D = nets()
    loss, phases = AdaLoss(G.mapping, G.synthesis, D), training_phases(G, D)
    with pytest.raises(UnlearningError, match=r"^The loss, a Linear, has no accumulate_gradients:"):
        engine(nn.Linear(1, 1), phases)
    with pytest.raises(UnlearningError, match=r"^The training phase, a dict, has no name and no module and no opt and"):
        engine(loss, [{"name": "Gmain"}])
    with pytest.raises(UnlearningError, match=r"train 1 generators and 0 discriminators, and one of each"):
        engine(loss, phases[:2])
    with pytest.raises(UnlearningError, match=r"^The generator, a Linear, has no z_dim:"):
        engine(loss, [TrainingPhase("Gboth", nn.Linear(1, 1), None), *phases[2:]])
    with pytest.raises(UnlearningError, match=r"is no copy of the generator"):
        engine(loss, phases, ema=D)
    with pytest.raises(UnlearningError, match=r"batch_gpu=0\) must be at least 1"):
        engine(loss, phases, batch_gpu=0)

    class Other:
        def accumulate_gradients(self, phase, swapping_prob):
            pass

    with pytest.raises(UnlearningError, match=r"^Other\.accumulate_gradients asks for 'swapping_prob', and engine"):
        engine(Other(), phases)
    monkeypatch.setattr(idist, "get_world_size", lambda: 2)
    with pytest.raises(UnlearningError, match=r"^engine\(\) trains in one process\."):
        engine(loss, phases)


def test_a_failing_loss_leaves_the_net_frozen():
    run = Run(AdaLoss)
    run.learning.logger.disabled = True
    with pytest.raises(RuntimeError):
        run.learning.run([(torch.zeros(8, 1, 5, 5), torch.eye(4)[[0] * 8])])
    assert not any(p.requires_grad for net in (run.G, run.D) for p in net.parameters())


@pytest.mark.parametrize(
    "batch", [torch.zeros(4, 1, 16, 16), [torch.zeros(4, 1, 16, 16)], (torch.zeros(4, 1, 16, 16), torch.zeros(3, 4))]
)
def test_a_batch_that_does_not_fit_is_described(batch):
    with pytest.raises(UnlearningError, match=r"^The batch is expected to be \(images, c\), .*: found .*4, 1, 16, 16"):
        images_of(batch)


@pytest.mark.parametrize("c", [torch.arange(3), torch.zeros(3, 4), torch.ones(3, 4), torch.full((3, 2), 0.5)])
def test_labels_that_are_not_one_hot_are_refused(c):
    with pytest.raises(UnlearningError, match=r"^The batch's labels c are not one-hot, so classes cannot be told:"):
        labels_of((torch.zeros(3, 1, 16, 16), c))


def test_the_gan_of_an_engine_is_that_of_the_nets_that_it_trains():
    run = Run(AdaLoss)
    found = gan(run.learning, scores="critic")
    assert (found.generator, found.discriminator, found.scores) == (run.G, run.D, "critic")
    for given in ((Engine(lambda engine, batch: None),), (run.G,), (run.learning, run.D)):
        with pytest.raises(UnlearningError, match=r"^gan\(\) got a .*: expected an engine of this plug-in, .* gan\(G,"):
            gan(*given)


@pytest.mark.parametrize("module", ["", ".batch", ".learning", ".nets", ".substitution"])
def test_the_docstrings_run(module):
    assert doctest.testmod(importlib.import_module(MODULE + module)).failed == 0
