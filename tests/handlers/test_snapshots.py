import torch
from ignite.engine import Engine
from PIL import Image

from ignite_unlearn import Snapshots
from tests.handlers.test_phase import data, make


def test_the_picture_shows_the_same_latents_before_and_after(tmp_path):
    unlearning, trainer = make(optimizer=lambda p: torch.optim.Adam(p, lr=1e-2)), Engine(lambda e, b: None)
    snapshots = Snapshots(unlearning.gan, tmp_path / "a.png", columns=3)
    before = snapshots.draw()
    assert torch.equal(before, snapshots.draw())
    stream = torch.get_rng_state()
    with unlearning.attach(trainer), snapshots.attach(trainer):
        trainer.run(data(4))
    assert torch.equal(torch.get_rng_state(), stream)
    with Image.open(tmp_path / "a.png") as saved:
        picture = saved.convert("L")
    half = picture.width // 2
    left, right = (torch.tensor(list(picture.crop((x, 20, x + half, picture.height)).tobytes())) for x in (0, half))
    assert not torch.equal(left, right) and not torch.equal(before, snapshots.draw())
