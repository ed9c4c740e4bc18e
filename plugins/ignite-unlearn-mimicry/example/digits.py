"""mimicry's cGAN-PD, trained a little on scikit-learn's digits, forgets the digit 3."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses
from ignite_unlearn.cascade import NearestEmbedding, OtherClass, Unseen
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn_mimicry import engine, gan, torch_mimicry

cgan_pd = torch_mimicry.nets.cgan_pd
DIGITS, DIGIT = 4, 3  # the first four are learned within a minute


def run(out: Path, *, epochs: int = 22, unlearning_epochs: int = 2) -> dict[str, float]:
    """Trains, forgets and writes the erasure record; returns the shares of 3s among images asked to be 3s."""
    torch.manual_seed(0)
    (images, labels), (unseen, unseen_labels) = load_few()
    loader = DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True, drop_last=True)
    judge = LogisticRegression(C=0.01, max_iter=2000).fit(images[:, 0].flatten(1), labels)

    def shares(which: GAN) -> dict[str, float]:
        drawn = {digit: which.sample(200, torch.full((200,), digit)).mean(1).flatten(1) for digit in range(DIGITS)}
        right = {digit: float((judge.predict(images) == digit).mean()) for digit, images in drawn.items()}
        return {"forgotten_share": right.pop(DIGIT), "accuracy": sum(right.values()) / len(right)}

    # The nets for 32 x 32 make 16 x 16 of a grid of 2 x 2.
    netG = cgan_pd.CGANPDGenerator32(DIGITS, nz=32, ngf=16, bottom_width=2)  # noqa: N806 - as mimicry names them
    netD = cgan_pd.CGANPDDiscriminator32(DIGITS, ndf=16)  # noqa: N806
    optG = Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.9))  # noqa: N806
    optD = Adam(netD.parameters(), lr=4e-3, betas=(0.5, 0.9))  # noqa: N806
    learning = engine(netG, netD, optG, optD)
    learning.run(loader, max_epochs=epochs)

    parts = {
        "forget": ForgetClasses({DIGIT}),
        "substitution": OtherClass(),
        "fake_label": Unseen(unseen, unseen_labels),
    }
    # The loop's rates are high: gradient steps alone do not win against them in two epochs.
    unlearning = CascadedUnlearning(gan(learning), **parts, start=NearestEmbedding())
    before = shares(unlearning.gan)
    record = ErasureRecord(unlearning, out / "erasure", measure=shares, name="mimicry, digits")
    with unlearning.attach(learning), record.attach(learning):
        learning.run(loader, max_epochs=epochs + unlearning_epochs)
    return {**{f"{name}_before": value for name, value in before.items()}, **shares(unlearning.gan)}


def load_few() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns images ``(N, 3, 16, 16)``, for the nets see colours, and labels of a few digits; then unseen ones."""
    data = load_digits()
    both = (data.images, data.labels), (data.unseen, data.unseen_labels)
    return [(x[y < DIGITS].expand(-1, 3, -1, -1), y[y < DIGITS]) for x, y in both]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/mimicry-digits"), help="folder for what is written")
    for name, number in run(parser.parse_args().out).items():
        print(f"{name:24} {number:.3f}")
