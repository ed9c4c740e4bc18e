import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint
from torch import nn

from ignite_unlearn import (
    GAN,
    CascadedUnlearning,
    ErasureRecord,
    ForgetClasses,
    ForgetItems,
    StopWhenForgotten,
    UnlearningError,
)
from ignite_unlearn.audits import verdict
from ignite_unlearn.cascade import Fixed, MeanImage, OtherClass
from ignite_unlearn.record import handler
from ignite_unlearn.record import record as record_module
from ignite_unlearn.record.folder import verify
from ignite_unlearn.record.keys import keyed_sha256, read_key
from ignite_unlearn.record.phase_facts import Bound, RowsMet
from ignite_unlearn.record.record import Record
from ignite_unlearn.record.weights import generator_sha256, weights_sha256
from ignite_unlearn.utils.hashing import tensors_sha256
from ignite_unlearn.utils.pictures import side_by_side
from tests.loops.nets_in_the_wild import SpectralNorm


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.linear = nn.Embedding(3, 8), nn.Linear(8, 16)

    def forward(self, z, y):
        return self.linear(z + self.embed(y)).view(-1, 1, 4, 4)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.linear, self.drop = nn.Embedding(3, 16), nn.Linear(16, 1), nn.Dropout(0.5)

    def forward(self, x, y):
        return self.linear(self.drop(x.flatten(1) + self.embed(y)))


IMAGES, LABELS = torch.linspace(-1, 1, 12 * 16).view(12, 1, 4, 4), torch.arange(12) % 3
LATENTS = torch.linspace(-1, 1, 12 * 8).view(12, 8)


def conditional():
    return GAN(Generator(), Discriminator(), latents=(8,), labels=3)


def phase(gan, forget=None, **options):
    return CascadedUnlearning(
        gan, forget=forget or ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1), **options
    )


def go(record, unlearning, iterations=6):
    trainer = Engine(lambda engine, batch: None)
    with unlearning.attach(trainer), record.attach(trainer):
        trainer.run([(IMAGES, LABELS)] * iterations)
    return Record.read(record.folder)


class MeanScore:
    """An audit of one's own."""

    key, title = "mean_score", "mean score"

    def __call__(self, gan, *, retrained=None):
        value = gan.score(IMAGES, LABELS).mean().item()
        return verdict(self, "score", value, value - 1e-4, value + 1e-4, retrained, more="more", less="less")


def test_a_script_gets_the_record_of_its_phase(tmp_path):
    torch.manual_seed(1)
    gan, retrained = conditional(), conditional()
    calls = []
    record = ErasureRecord(
        phase(gan, max_iterations=4), tmp_path, name="my script", retrained=retrained, retraining_seconds=100.0,
        measure=lambda it: calls.append(it) or {"fid": float(it.generator.linear.weight.sum()), "mine": 1},
        audits=[MeanScore()], scores={"forget": (IMAGES, LABELS)}, limits=["my limit"],
    )  # fmt: skip
    found = go(record, record._unlearning)
    assert found.recipe == "my script" and found.forgotten == "class 2" and "my limit" in found.limits
    assert not any("forget.key" in limit for limit in found.limits) and not (tmp_path / "forget.key").exists()
    assert found.metrics["unlearned"]["mine"] == 1 and found.metrics["retrained"]["fid"] is not None
    # The original's numbers are those before the phase, the unlearned GAN's those after it.
    before, after = (found.metrics[name]["fid"] for name in ("original", "unlearned"))
    assert before != after == pytest.approx(gan.generator.linear.weight.sum().item())
    assert calls[1] is gan and calls[2] is retrained
    assert found.iterations["unlearning"] == 4 and found.stopped_because == "its budget of 4 iterations is spent"
    assert 0 < found.seconds["unlearning"] < 60 and found.speedup == pytest.approx(100 / found.seconds["unlearning"])
    assert [found.audits[name][0]["passed"] for name in ("original", "unlearned", "retrained")] == [False, False, None]
    assert sum(found.scores["unlearned"]["forget"]) == 12
    assert all(len(points["value"]) == 4 for points in found.curves.values()) and found.curves
    assert verify(tmp_path) == [("record.html", "as recorded")]
    assert "data:image/png" in (tmp_path / "record.html").read_text()


def test_the_loop_is_left_as_it_was(tmp_path):
    def run(with_record):
        torch.manual_seed(0)
        gan = conditional()
        gan.discriminator.train(), gan.generator.train()
        unlearning = phase(gan)
        trainer = Engine(lambda engine, batch: torch.rand(1).item())
        drawn = []
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: drawn.append(engine.state.output))
        with unlearning.attach(trainer):
            if with_record:
                ErasureRecord(unlearning, tmp_path, scores={"forget": (IMAGES, LABELS)}).attach(trainer)
            trainer.run([(IMAGES, LABELS)] * 2, max_epochs=2)
        assert gan.discriminator.training and gan.generator.training
        return [*drawn, torch.rand(1).item()], [p.clone() for p in gan.generator.parameters()]

    (drawn, weights), (others, other_weights) = run(False), run(True)
    assert drawn == others and all(map(torch.equal, weights, other_weights))


def test_items_are_recorded_by_count_and_keyed_hash_and_an_average_is_judged_in_place_of_the_net(tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    gan, average = (
        GAN(nn.Sequential(nn.Linear(8, 16), nn.Unflatten(1, (1, 4, 4))), net, latents=(8,)) for _ in range(2)
    )
    forget = ForgetItems(IMAGES[:3])
    unlearning = CascadedUnlearning(gan, forget=forget, substitution=MeanImage(), fake_label=Fixed(0))
    seen = []
    record = ErasureRecord(unlearning, tmp_path, released=average, measure=lambda it: seen.append(it) or {})
    trainer = Engine(lambda engine, batch: None)
    with unlearning.attach(trainer), record.attach(trainer):
        trainer.run([IMAGES])
    found = Record.read(tmp_path)
    assert found.forget["count"] == 3 and len(found.forget["hmac_sha256"]) == 64 and found.forgotten == "3 items"
    assert seen[1] is average and found.speedup is None
    assert any("forget.key" in limit for limit in found.limits) and (tmp_path / "forget.key").exists()
    # Neither the pixels nor their plain hash, which whoever has the image could compute, are in the record.
    text = (tmp_path / "record.json").read_text() + (tmp_path / "record.html").read_text()
    assert tensors_sha256(IMAGES[:3]) not in text and "sha256" not in found.forget
    assert found.forget["hmac_sha256"] == keyed_sha256(read_key(tmp_path), IMAGES[:3])
    assert found.weights_sha256 == weights_sha256(average)


def memorising(image, retained):
    """Returns a GAN that makes an item from any latent but those far out on one side, and other images from these."""

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, z):
            return torch.where(z[:, :1, None, None] > 0, image, retained) * self.scale

    return GAN(Generator(), nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), latents=(8,))


@pytest.mark.parametrize("with_unseen", [True, False])
def test_no_picture_of_a_record_shows_an_item_that_the_generator_remembers(tmp_path, with_unseen):
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(40, 1, 8, 8, generator=stream) * 2 - 1
    unseen = images[8:] if with_unseen else None
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            handler, "side_by_side", lambda panels, columns: drawn.append(panels) or side_by_side(panels, columns)
        )
        forget = ForgetItems(images[:1], unseen=unseen)
        unlearning = CascadedUnlearning(
            memorising(images[0], images[1]), forget=forget, substitution=MeanImage(), fake_label=Fixed(0),
            optimizer=lambda p: torch.optim.SGD(p, 0.0),
        )  # fmt: skip
        trainer = Engine(lambda engine, batch: None)
        with unlearning.attach(trainer), ErasureRecord(unlearning, tmp_path).attach(trainer):
            trainer.run([images[:8]])
    page = (tmp_path / "record.html").read_text()
    if not with_unseen:  # nobody can tell how near is too near
        assert not drawn and "data:image/png" not in page
        return
    (panels,) = drawn
    for panel in panels.values():
        white = (panel == 1).flatten(1).all(1)
        assert 4 < int(white.sum()) < 28 and (panel[~white] - images[1]).abs().max() < 1e-6


@pytest.mark.parametrize("bad", ["1", [1.0], torch.ones(2)])
def test_what_a_measure_returns_that_is_no_number_is_named_and_the_record_is_written(tmp_path, bad):
    record = ErasureRecord(phase(conditional()), tmp_path, measure=lambda gan: {"fid": bad, "mine": np.float32(2)})
    with pytest.warns(UserWarning, match="'fid' is .*expected one number"):
        found = go(record, record._unlearning)
    assert found.metrics["unlearned"]["fid"] is None and found.metrics["unlearned"]["mine"] == 2
    assert any("'fid' is" in limit for limit in found.limits)


def raises(*args, **kwargs):
    raise ZeroDivisionError("mine")


@pytest.mark.parametrize("which", ["measure", "audits"])
def test_a_record_is_written_also_where_a_measure_or_an_audit_raises(tmp_path, which):
    class Broken(MeanScore):
        __call__ = raises

    options = {"measure": {"measure": raises}, "audits": {"audits": [Broken()], "measure": lambda gan: {"mine": 1}}}
    record = ErasureRecord(phase(conditional()), tmp_path, **options[which])
    with pytest.raises(ZeroDivisionError):
        go(record, record._unlearning)
    found = Record.read(tmp_path)
    assert "Not measured: mine" in found.limits and found.verdict.value == "not-tested"


def test_a_script_without_measures_is_not_tested_and_says_who_asked(tmp_path):
    record = ErasureRecord(phase(conditional()), tmp_path, request_id="R-1", asked_by="Ada", run_by="Bob")
    found = go(record, record._unlearning)
    assert found.verdict.value == "not-tested" and found.request == {"id": "R-1", "asked_by": "Ada", "run_by": "Bob"}
    assert found.found == RowsMet(rows=6 * 4, asked=0) and found.created.endswith("+00:00")


def test_the_limits_name_where_the_phase_was_saved_to(tmp_path):
    unlearning = phase(conditional())
    record = ErasureRecord(unlearning, tmp_path / "record")
    trainer = Engine(lambda engine, batch: None)
    saver = Checkpoint({"unlearning": unlearning}, str(tmp_path / "saved"))
    with unlearning.attach(trainer), record.attach(trainer):
        trainer.add_event_handler(Events.ITERATION_COMPLETED(every=3), saver)
        trainer.run([(IMAGES, LABELS)] * 3)
    (named,) = [limit for limit in Record.read(record.folder).limits if "holds the original GAN, was saved" in limit]
    (file,) = (tmp_path / "saved").iterdir()
    assert str(file) in named


def test_the_bounds_of_a_stopping_handler_enter_the_record(tmp_path):
    unlearning = phase(conditional(), max_iterations=2)
    record = ErasureRecord(unlearning, tmp_path, measure=lambda gan: {"forgotten_share": 0.9988})
    trainer = Engine(lambda engine, batch: None)
    with unlearning.attach(trainer), record.attach(trainer):
        judge = StopWhenForgotten(
            unlearning, lambda gan: {"forgotten_share": 0.9988}, at_most={"forgotten_share": 0.02}
        )
        judge.attach(trainer)
        trainer.run([(IMAGES, LABELS)] * 6)
    found = Record.read(tmp_path)
    assert found.bounds == (Bound("forgotten_share", 0.9988, at_most=0.02, lasted=False),)
    assert found.verdict.value == "not-forgotten" and "budget of 2 iterations" in found.stopped_because


def test_a_second_phase_into_the_same_folder_keeps_the_first_record(tmp_path):
    for seed in (1, 2):
        record = ErasureRecord(phase(conditional(), seed=seed), tmp_path)
        record_time = f"2026-01-0{seed}T00:00:00+00:00"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(record_module, "now", lambda when=record_time: when)
            go(record, record._unlearning)
    assert Record.read(tmp_path).seed == 2
    assert '"seed": 1' in (tmp_path / "record-20260101T000000.json").read_text()


def test_seconds_are_those_of_all_parts_of_an_interrupted_phase(tmp_path):
    record = ErasureRecord(phase(conditional()), tmp_path)
    record.load_state_dict({"seconds": 1000.0})
    assert go(record, record._unlearning).seconds["unlearning"] > 1000
    assert record.state_dict()["seconds"] > 1000


def test_a_file_in_place_of_the_folder_and_no_phase_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnlearningError, match="is a file"):
        ErasureRecord(phase(conditional()), tmp_path / "file")
    for audit in (MeanScore, raises):
        with pytest.raises(UnlearningError, match="Expected audits, objects with a key and a title"):
            ErasureRecord(phase(conditional()), tmp_path, audits=[audit])
    with pytest.raises(UnlearningError, match="attach the phase"):
        ErasureRecord(phase(conditional()), tmp_path).attach(Engine(lambda engine, batch: None))


def test_hashes_are_of_the_weights_that_are_left_where_a_measurement_renews_some(tmp_path):
    gan = conditional()
    gan.generator.linear = SpectralNorm(gan.generator.linear)  # renews parameters in every call
    record = ErasureRecord(
        phase(gan, max_iterations=1), tmp_path, measure=lambda it: {"mean": float(it.generator(LATENTS, LABELS).mean())}
    )
    found = go(record, record._unlearning, 1)
    assert found.weights_sha256 == weights_sha256(gan)
    assert found.generator_sha256 == generator_sha256(gan)
