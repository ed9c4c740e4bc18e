"""torchgan's conditional GAN, trained a little on scikit-learn's digits, forgets the digit 3."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset
from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
from torchgan.models import ConditionalGANDiscriminator, ConditionalGANGenerator
from torchgan.trainer import Trainer

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn.record.record import Record
from ignite_unlearn_torchgan import engine, gan

DIGIT = 3


def make_trainer(folder: Path) -> Trainer:
    """Returns torchgan's trainer of a small conditional GAN; it makes the folders that it would write to."""
    adam = {"name": Adam, "args": {"lr": 1e-3, "betas": (0.5, 0.999)}}
    sizes = {"num_classes": 10, "step_channels": 16}
    return Trainer(
        {
            "generator": {
                "name": ConditionalGANGenerator,
                "args": {**sizes, "encoding_dims": 32, "out_size": 16, "out_channels": 1},
                "optimizer": adam,
            },
            "discriminator": {
                "name": ConditionalGANDiscriminator,
                "args": {**sizes, "in_size": 16, "in_channels": 1},
                "optimizer": adam,
            },
        },
        [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()],
        device=torch.device("cpu"),
        checkpoints=str(folder / "model" / "gan"),
        recon=str(folder / "images"),
    )


def run(out: Path, *, epochs: int = 22, unlearning_epochs: int = 2) -> None:
    """Trains, forgets, writes the erasure record, and prints what it says."""
    torch.manual_seed(0)
    data = load_digits()
    loader = DataLoader(TensorDataset(data.images, data.labels), batch_size=64, shuffle=True, drop_last=True)
    judge = LogisticRegression(C=0.01, max_iter=2000).fit(data.images.flatten(1), data.labels)

    def shares(which: GAN) -> dict[str, float]:
        drawn = {digit: which.sample(200, torch.full((200,), digit)).flatten(1) for digit in range(10)}
        right = {digit: float((judge.predict(images) == digit).mean()) for digit, images in drawn.items()}
        return {"forgotten_share": right.pop(DIGIT), "accuracy": sum(right.values()) / len(right)}

    trainer = make_trainer(out)
    learning = engine(trainer)
    learning.run(loader, max_epochs=epochs)

    request, unseen = ForgetClasses({DIGIT}), Unseen(data.unseen, data.unseen_labels)
    parts = {"forget": request, "substitution": OtherClass(), "fake_label": unseen}
    unlearning = CascadedUnlearning(gan(learning), **parts, generator_steps=4)
    record = ErasureRecord(unlearning, out / "erasure", measure=shares, name="torchgan, digits")
    with unlearning.attach(learning), record.attach(learning):
        learning.run(loader, max_epochs=epochs + unlearning_epochs)
    measured = Record.read(out / "erasure").metrics
    for name in ("original", "unlearned"):
        share, accuracy = measured[name]["forgotten_share"], measured[name]["accuracy"]
        print(f"{name:10} forgotten share {share:.3f}, accuracy of the other classes {accuracy:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/torchgan-digits"), help="folder for what is written")
    run(parser.parse_args().out)
