"""A StyleGAN, trained a little on scikit-learn's digits, forgets the digit 3. The GAN is a stand-in, not NVIDIA's."""

from __future__ import annotations

import argparse
import copy
from functools import partial
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from stylegan_stand_in import AdaLoss, Discriminator, Generator  # a checkout's own nets and loss in your script
from torch.nn.functional import one_hot
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen
from ignite_unlearn.handlers import RestartAverage
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn_stylegan import engine, gan, training_phases

DIGIT = 3


def run(out: Path, *, epochs: int = 4) -> dict[str, float]:
    """Trains, forgets, writes ``out/erasure/record.json``, and returns what was measured of G_ema."""
    torch.manual_seed(0)
    data = load_digits()
    images = ((data.images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    dataset = TensorDataset(images, one_hot(data.labels, 10).float())  # as NVIDIA's dataset gives them
    loader = DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)
    judge = LogisticRegression(C=0.01, max_iter=2000).fit(data.images.flatten(1), data.labels)

    def shares(which: GAN) -> dict[str, float]:
        drawn = {digit: which.sample(200, torch.full((200,), digit)).flatten(1) for digit in range(10)}
        right = {digit: float((judge.predict(images) == digit).mean()) for digit, images in drawn.items()}
        return {"forgotten_share": right.pop(DIGIT), "accuracy": sum(right.values()) / len(right)}

    G, D = Generator(c_dim=10, width=24), Discriminator(c_dim=10, width=24)  # noqa: N806 - what people call them
    G_ema = copy.deepcopy(G).eval()  # noqa: N806
    opt = {"lr": 0.004, "betas": (0.0, 0.99)}
    phases = training_phases(G, D, g_opt_kwargs=opt, d_opt_kwargs=opt)
    learning = engine(AdaLoss(G.mapping, G.synthesis, D), phases, ema=G_ema, ema_kimg=0.5)
    learning.run(loader, max_epochs=epochs)
    released = gan(G_ema, D)
    before = shares(released)

    G.load_state_dict(G_ema.state_dict())  # begin where the released generator is
    parts = {"forget": ForgetClasses({DIGIT}), "substitution": OtherClass()}
    parts["fake_label"] = Unseen(data.unseen, data.unseen_labels)
    optimizer = partial(Adam, lr=2e-3, betas=(0.5, 0.99), eps=1e-3)  # fewer, longer steps than by default
    unlearning = CascadedUnlearning(gan(learning), **parts, optimizer=optimizer, max_iterations=20)
    average = RestartAverage(unlearning, G_ema)
    record = ErasureRecord(unlearning, out / "erasure", measure=shares, released=released, name="StyleGAN, digits")
    with unlearning.attach(learning), average.attach(learning), record.attach(learning):
        learning.run(loader, max_epochs=epochs + 1)  # unlearning steps, and then learning steps only
    return {**{f"{name}_before": value for name, value in before.items()}, **shares(released)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/stylegan-digits"), help="folder for what is written")
    for name, number in run(parser.parse_args().out).items():
        print(f"{name:24} {number:.3f}")
