"""Metrics over several processes and over an interruption equal those of one whole run."""

import pytest
import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint
from torch import nn

from ignite_unlearn import UnlearningError
from ignite_unlearn.metrics import FID, KID
from ignite_unlearn.metrics.classes import PUL, ClassShare
from ignite_unlearn.metrics.features import FeatureExtractor
from ignite_unlearn.metrics.membership import MembershipAUC
from ignite_unlearn.utils.files import read_weights, save_weights
from tests.processes import in_two


def batches():
    """Batches of (generated, real) images of several lengths; both kinds have three pixels, so three classes."""
    random = torch.Generator().manual_seed(0)
    return [(torch.randn(n, 3, generator=random) + 0.3, torch.randn(n, 3, generator=random)) for n in (9, 5, 7, 4)]


def metrics():
    extractor = FeatureExtractor(nn.Flatten(), "pixels")

    def asked(pair):
        return pair[0], torch.zeros(len(pair[0]), dtype=torch.int64)

    def members(pair):
        return pair[0], None, torch.arange(len(pair[0])) % 2 == 0

    return {
        "fid": FID(extractor),
        "kid": KID(extractor),
        "share": ClassShare(nn.Identity(), output_transform=asked),
        "pul": PUL(nn.Identity(), {0}, original_share=0.9, output_transform=lambda pair: pair[0]),
        "auc": MembershipAUC(lambda images, labels: images.sum(1), output_transform=members),
    }


def evaluator():
    engine, attached = Engine(lambda engine, batch: batch), metrics()
    for name, metric in attached.items():
        metric.attach(engine, name)
    return engine, attached


def evaluate(rank, path, parts):
    torch.set_num_threads(1)
    engine, _ = evaluator()
    torch.save(engine.run([batches()[i] for i in parts[rank]]).metrics, f"{path}{rank}")


@pytest.mark.parametrize("parts", [[[0, 1], [2, 3]], [[1], [0, 3, 2]]])
def test_two_processes_that_share_the_batches_unevenly_equal_one(tmp_path, parts):
    evaluate(0, tmp_path / "one", [[*parts[0], *parts[1]]])
    in_two(evaluate, str(tmp_path / "two"), parts)
    one = torch.load(tmp_path / "one0", weights_only=True)
    for rank in (0, 1):
        two = torch.load(tmp_path / f"two{rank}", weights_only=True)
        assert two == pytest.approx(one, rel=1e-6)


def compute_with_rows_on_one(rank, path):
    share = ClassShare(nn.Identity())
    if rank == 0:
        share.update((torch.eye(3), torch.tensor([0, 1, 1])))
    torch.save(share.compute(), f"{path}{rank}")


def test_a_process_without_rows_takes_part(tmp_path):
    in_two(compute_with_rows_on_one, str(tmp_path / "share"))
    assert [torch.load(tmp_path / f"share{rank}") for rank in (0, 1)] == [pytest.approx(2 / 3)] * 2


def test_an_evaluation_that_was_interrupted_goes_on(tmp_path):
    whole, _ = evaluator()
    expected = dict(whole.run(batches()).metrics)

    first, attached = evaluator()
    objects = {"engine": first, **attached}
    first.add_event_handler(Events.ITERATION_COMPLETED(once=2), lambda engine: engine.interrupt())
    first.run(batches())
    saver = Checkpoint(objects, lambda content, *_: save_weights(tmp_path / "state.pt", content))
    saver(first)

    _, attached = evaluator()
    for metric in attached.values():
        metric.reset()
    for name, metric in attached.items():
        metric.load_state_dict(read_weights(tmp_path / "state.pt")[name])
        for pair in batches()[2:]:
            metric.update(metric._output_transform(pair))
        assert metric.compute() == pytest.approx(expected[name])


def test_a_state_of_other_processes_is_refused():
    share = ClassShare(nn.Identity())
    with pytest.raises(UnlearningError, match="saved by 2 processes"):
        share.load_state_dict({"processes": [{}, {}]})
