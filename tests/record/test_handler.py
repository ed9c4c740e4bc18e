import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from ignite_unlearn import (
    GAN,
    CascadedUnlearning,
    ErasureRecord,
    Fixed,
    ForgetClasses,
    ForgetItems,
    MeanImage,
    OtherClass,
    UnlearningError,
)
from ignite_unlearn.audits.result import judged
from ignite_unlearn.record.content import Record
from ignite_unlearn.record.folder import verify


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


def remembered(gan, judge):
    value = gan.score(IMAGES, LABELS).mean().item()
    return judged("mean score", "score", value, value - 1e-4, value + 1e-4, judge, more="more", less="less")


def test_a_script_gets_the_record_of_its_phase(tmp_path):
    torch.manual_seed(1)
    gan, retrained = conditional(), conditional()
    calls = []
    record = ErasureRecord(
        phase(gan, max_iterations=4), tmp_path, name="my script", retrained=retrained, retraining_seconds=100.0,
        measure=lambda it: calls.append(it) or {"fid": float(it.generator.linear.weight.sum()), "mine": 1},
        audits=[remembered], scores={"forget": (IMAGES, LABELS)}, limits=["my limit"],
    )  # fmt: skip
    found = go(record, record._unlearning)
    assert found.recipe == "my script" and found.forgotten == "class 2" and "my limit" in found.limits
    assert found.metrics["unlearned"]["mine"] == 1 and found.metrics["retrained"]["fid"] is not None
    # The original's numbers are those before the phase, the unlearned GAN's those after it.
    before, after = (found.metrics[name]["fid"] for name in ("original", "unlearned"))
    assert before != after == pytest.approx(gan.generator.linear.weight.sum().item())
    assert calls[1] is gan and calls[2] is retrained
    assert found.iterations["unlearning"] == 4 and found.stopped_because == "max_iterations=4 reached"
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


def test_items_are_recorded_by_count_and_hash_and_an_average_is_judged_in_place_of_the_net(tmp_path):
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
    assert found.forget["count"] == 3 and len(found.forget["sha256"]) == 64 and found.forgotten == "3 items"
    assert seen[1] is average and found.speedup is None


def test_seconds_are_those_of_all_parts_of_an_interrupted_phase(tmp_path):
    record = ErasureRecord(phase(conditional()), tmp_path)
    record.load_state_dict({"seconds": 1000.0})
    assert go(record, record._unlearning).seconds["unlearning"] > 1000
    assert record.state_dict()["seconds"] > 1000


def test_a_file_in_place_of_the_folder_and_no_phase_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnlearningError, match="is a file"):
        ErasureRecord(phase(conditional()), tmp_path / "file")
    with pytest.raises(UnlearningError, match="attach CascadedUnlearning"):
        ErasureRecord(phase(conditional()), tmp_path).attach(Engine(lambda engine, batch: None))
