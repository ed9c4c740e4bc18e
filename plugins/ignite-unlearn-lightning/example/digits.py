"""A conditional GAN as a LightningModule, trained a little on scikit-learn's digits, forgets the digit 3."""

from __future__ import annotations

import argparse
from pathlib import Path

import lightning as L  # noqa: N812 - what Lightning calls it
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses
from ignite_unlearn.cascade import OtherClass, Unseen
from ignite_unlearn.recipes.data.digits import load_digits
from ignite_unlearn_lightning import Unlearning, gan

DIGIT = 3


class Generator(nn.Module):
    """Maps latents ``(N, latent_dim)`` and labels to images ``(N, 1, 16, 16)``."""

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        self.embed = nn.Embedding(10, latent_dim)
        self.net = nn.Sequential(
            nn.Linear(2 * latent_dim, 2 * width * 16), nn.Unflatten(1, (2 * width, 4, 4)),
            nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Returns the images."""
        return self.net(torch.cat([latents, self.embed(labels)], dim=1))


class Discriminator(nn.Module):
    """Maps images and labels to logits ``(N,)``."""

    def __init__(self, width: int):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(),
        )  # fmt: skip
        self.judge = nn.Linear(2 * width * 16, 10)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Returns the logits."""
        return self.judge(self.net(images)).gather(1, labels[:, None])[:, 0]


class DigitsGAN(L.LightningModule):
    """A GAN in manual optimisation, as in Lightning's own examples."""

    def __init__(self, latent_dim: int = 32, width: int = 24, lr: float = 1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.generator = Generator(latent_dim, width)
        self.discriminator = Discriminator(width)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Trains the generator, and then the discriminator."""
        images, labels = batch
        optimizer_g, optimizer_d = self.optimizers()
        latents = torch.randn(len(images), self.hparams.latent_dim, device=self.device)

        self.toggle_optimizer(optimizer_g)
        g_loss = softplus(-self.discriminator(self.generator(latents, labels), labels)).mean()
        self.manual_backward(g_loss)
        optimizer_g.step()
        optimizer_g.zero_grad()
        self.untoggle_optimizer(optimizer_g)

        self.toggle_optimizer(optimizer_d)
        real = softplus(-self.discriminator(images, labels)).mean()
        fake = softplus(self.discriminator(self.generator(latents, labels).detach(), labels)).mean()
        self.manual_backward(real + fake)
        optimizer_d.step()
        optimizer_d.zero_grad()
        self.untoggle_optimizer(optimizer_d)
        self.log_dict({"g_loss": g_loss, "d_loss": real + fake})

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Returns one optimiser for each net."""
        nets = self.generator, self.discriminator
        return [torch.optim.Adam(net.parameters(), lr=self.hparams.lr, betas=(0.5, 0.99)) for net in nets]


def run(out: Path, *, epochs: int = 30, unlearning_epochs: int = 1) -> dict[str, float]:
    """Trains, forgets and writes the erasure record; returns the shares of 3s among images asked to be 3s."""
    torch.manual_seed(0)
    data = load_digits()
    loader = DataLoader(TensorDataset(data.images, data.labels), batch_size=64, shuffle=True, drop_last=True)
    judge = LogisticRegression(C=0.01, max_iter=2000).fit(data.images.flatten(1), data.labels)

    def shares(gan: GAN) -> dict[str, float]:
        drawn = {digit: gan.sample(200, torch.full((200,), digit)).flatten(1).cpu() for digit in range(10)}
        right = {digit: float((judge.predict(images) == digit).mean()) for digit, images in drawn.items()}
        return {"forgotten_share": right.pop(DIGIT), "accuracy": sum(right.values()) / len(right)}

    options = {"default_root_dir": out, "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    module = DigitsGAN()
    trainer = L.Trainer(max_epochs=epochs, accelerator="cpu", **options)
    trainer.fit(module, loader)
    trainer.save_checkpoint(out / "original.ckpt")

    found = gan(module, labels=10)
    parts = {"forget": ForgetClasses({DIGIT}), "substitution": OtherClass()}
    parts["fake_label"] = Unseen(data.unseen, data.unseen_labels)
    phase = CascadedUnlearning(found, **parts, generator_steps=8)
    unlearning = Unlearning(phase)
    before = shares(found)
    ErasureRecord(phase, out / "erasure", measure=shares, name="Lightning, digits").attach(unlearning.engine)
    trainer = L.Trainer(max_epochs=epochs + unlearning_epochs, accelerator="cpu", callbacks=[unlearning], **options)
    trainer.fit(module, loader, ckpt_path=out / "original.ckpt")
    return {**{f"{name}_before": value for name, value in before.items()}, **shares(found)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/lightning-digits"), help="folder for what is written")
    for name, number in run(parser.parse_args().out).items():
        print(f"{name:24} {number:.3f}")
