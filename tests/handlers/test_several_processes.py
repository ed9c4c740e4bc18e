"""What else goes with a phase, in two processes: one decides, all know, and what fails in one fails in all."""

import warnings
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems, StopWhenForgotten
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.handlers import Replay
from ignite_unlearn.handlers.seen import Seen
from ignite_unlearn.record import Record
from ignite_unlearn.record.handler import ErasureRecord
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images
from tests.processes import in_processes


def phase():
    torch.manual_seed(0)
    gan = GAN(Generator(CLASSES), Discriminator(), latents=(Z,), labels=CLASSES)
    return CascadedUnlearning(
        gan, forget=ForgetClasses({2}), substitution=OtherClass(), fake_label=Fixed(-1), batch_size=4
    )


def run_with(unlearning, *others):
    trainer = Engine(lambda engine, batch: None)
    with unlearning.attach(trainer):
        for other in others:
            other.attach(trainer)
        trainer.run([real_images(6, seed=i) for i in range(4)])


def decide(rank, folder):
    unlearning = phase()
    # The other process would never stop, and has not even the number.
    stopping = StopWhenForgotten(
        unlearning, lambda gan: {"share": 0.0} if rank == 0 else {}, at_most={"share": 0.1}, patience=2
    )
    run_with(unlearning, stopping)
    torch.save((unlearning.iterations, unlearning.stopped_because), f"{folder}/{rank}.pt")


def test_the_numbers_of_the_first_process_hold_for_all(tmp_path):
    in_processes(2, decide, str(tmp_path))
    told = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert told[0] == told[1] == (2, "its bounds were reached: share 0")


def fail(rank, folder):
    unlearning = phase()

    def measure(gan):
        if rank == 1:
            raise OSError("the disk of this machine is full")
        return {"share": 1.0}

    try:
        run_with(unlearning, StopWhenForgotten(unlearning, measure, at_most={"share": 0.1}))
    except Exception as error:
        torch.save(f"{type(error).__name__}: {error}", f"{folder}/{rank}.pt")


def test_what_fails_in_one_process_ends_all_of_them(tmp_path):
    in_processes(2, fail, str(tmp_path))
    told = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert told[1] == "OSError: the disk of this machine is full"
    assert "failed in another process" in told[0]


def grow(rank, folder):
    """A request that has grown; only the first process met an item since."""
    images = real_images(6, seed=0)[0]
    request = ForgetItems(images[:2])
    seen = Seen(request)
    request.add(images[2:3])
    if rank == 0:
        seen.add(images, request.rows(images, None))
    seen.sync()
    torch.save((seen.rows, seen.forgotten, seen.items, seen.named), f"{folder}/{rank}.pt")


def test_processes_agree_on_what_was_seen_of_a_request_that_has_grown(tmp_path):
    in_processes(2, grow, str(tmp_path))
    told = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert told[0] == told[1] == (6, 3, 3, 3)


def replay(rank, folder):
    gan = phase().gan
    n = 4 if idist.get_world_size() == 2 else 8
    batch = torch.zeros(n, 1, 6, 6), torch.zeros(n, dtype=torch.int64)
    made = [batch[0] for batch in Replay(gan, ForgetClasses({2}), like=batch, batches=2)]
    torch.save(made, f"{folder}/{idist.get_world_size()} {rank}.pt")


def test_processes_replay_what_one_would(tmp_path):
    replay(0, tmp_path)
    in_processes(2, replay, str(tmp_path))
    one, first, other = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1 0", "2 0", "2 1"))
    for whole, *halves in zip(one, first, other, strict=True):
        assert torch.allclose(whole, torch.cat(halves), atol=1e-6)


def write(rank, folder):
    unlearning = phase()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_with(unlearning, ErasureRecord(unlearning, f"{folder}/record", measure=lambda gan: {"rank": rank}))
    # No process goes on before the record is there.
    torch.save(Record.read(Path(folder, "record")).metrics["unlearned"]["rank"], f"{folder}/{rank}.pt")


def test_one_process_writes_the_record_and_all_find_it(tmp_path):
    in_processes(2, write, str(tmp_path))
    assert [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)] == [0, 0]


def test_a_measurement_leaves_the_statistics_of_batch_norm_alone():
    def statistics_after(*others):
        unlearning = phase()
        unlearning.measured = True
        run_with(unlearning, *(make(unlearning) for make in others))
        return {k: v for k, v in unlearning.gan.discriminator.state_dict().items() if "running" in k}

    images, _ = real_images(16, seed=9)
    was = statistics_after()
    now = statistics_after(
        lambda unlearning: StopWhenForgotten(
            unlearning, lambda gan: {"score": float(gan.score(images).mean())}, at_most={"score": -1e9}
        )
    )
    assert was and all(torch.equal(value, now[key]) for key, value in was.items())
