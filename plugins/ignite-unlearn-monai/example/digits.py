"""MONAI's Generator and Discriminator, trained a little by its GanTrainer on the digits 0, 1 and 2, forget the 0."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from monai.data import DataLoader
from monai.engines import GanTrainer
from monai.networks.nets import Discriminator, Generator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses
from ignite_unlearn.cascade import RetainedNeighbour, Unseen
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn_monai import gan

DIGIT, DIGITS, LATENT = 0, 3, 32


def make_trainer(images: Tensor, labels: Tensor, epochs: int) -> GanTrainer:
    """Returns MONAI's trainer of an unconditional GAN; of the batch's ``labels`` it makes no use."""
    generator = Generator(LATENT, (48, 4, 4), (24, 12, 1), (2, 2, 1), num_res_units=0)
    generator.conv.add_module("activation", torch.nn.Tanh())
    discriminator = Discriminator((1, 16, 16), (16, 32, 64), (2, 2, 1), num_res_units=0, norm=None)

    def loss(images: Tensor, target: float) -> Tensor:
        scores = discriminator(images)
        return binary_cross_entropy(scores, torch.full_like(scores, target))

    rows = [{"reals": image, "labels": label} for image, label in zip(images, labels, strict=True)]
    return GanTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=DataLoader(rows, batch_size=64, shuffle=True, drop_last=True),
        g_network=generator,
        g_optimizer=torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.999)),
        g_loss_function=lambda fakes: loss(fakes, 1.0),
        d_network=discriminator,
        d_optimizer=torch.optim.Adam(discriminator.parameters(), 1e-3, betas=(0.5, 0.999)),
        d_loss_function=lambda fakes, reals: (loss(reals, 0.9) + loss(fakes.detach(), 0.0)) / 2,
        latent_shape=LATENT,
    )


def run(out: Path, *, epochs: int = 80, unlearning_epochs: int = 8) -> dict[str, float]:
    """Trains, forgets and writes the erasure record; returns the shares of the digits before and after."""
    torch.manual_seed(0)
    data = load_digits()
    shown, unseen = data.labels < DIGITS, data.unseen[data.unseen_labels < DIGITS]
    images, labels = data.images[shown], data.labels[shown]
    judge = LogisticRegression(C=0.01, max_iter=2000).fit(images.flatten(1), labels)
    # The phase's own classifier is of another kind than the judge.
    svm = SVC().fit(images.flatten(1), labels)

    def classify(images: Tensor) -> Tensor:
        return torch.from_numpy(svm.decision_function(images.flatten(1)))

    def shares(which: GAN) -> dict[str, float]:
        seen = judge.predict(which.sample(500).flatten(1))
        named = {digit: float((seen == digit).mean()) for digit in range(DIGITS)}
        return {"forgotten_share": named.pop(DIGIT), "least_retained_share": min(named.values())}

    trainer = make_trainer(images, labels, epochs)
    trainer.run()

    request = ForgetClasses({DIGIT}, classifier=classify)
    parts = {"forget": request, "substitution": RetainedNeighbour(), "fake_label": Unseen(unseen)}
    unlearning = CascadedUnlearning(gan(trainer), **parts)
    before = shares(unlearning.gan)
    trainer.state.max_epochs += unlearning_epochs
    record = ErasureRecord(unlearning, out / "erasure", measure=shares, name="MONAI, digits")
    with unlearning.attach(trainer), record.attach(trainer):
        trainer.run()
    return {**{f"{name}_before": value for name, value in before.items()}, **shares(unlearning.gan)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/monai-digits"), help="folder for what is written")
    for name, number in run(parser.parse_args().out).items():
        print(f"{name:28} {number:.3f}")
