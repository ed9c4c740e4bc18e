"""Loops that differ in the form of their batch."""

from typing import NamedTuple

import torch
from ignite.engine import Engine
from torch.nn.functional import avg_pool2d, mse_loss

from ignite_unlearn import GAN
from tests.loops.case import Case, loop
from tests.loops.nets import Discriminator, Generator, Upscaler, Z
from tests.loops.steps import adam, descend, plain_case


@loop
def bare_tensor():
    return plain_case(lambda batch: (batch, None), lambda images, labels: images, labelled=False)


@loop
def list_of_image_and_label():
    return plain_case(tuple, lambda images, labels: [images, labels], conditional=True)


@loop
def named_tuple():
    class Batch(NamedTuple):
        label: torch.Tensor
        image: torch.Tensor

    return plain_case(lambda batch: (batch.image, batch.label), lambda x, y: Batch(y, x), conditional=True)


@loop
def nested_with_noise_and_targets():
    netG, netD = Generator(), Discriminator()
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        (real, noise), (y_real, y_fake) = batch
        score, fake = netD(real), netG(noise)
        loss_d = descend(optD, mse_loss(score, y_real) + mse_loss(netD(fake.detach()), y_fake))
        loss_g = descend(optG, mse_loss(netD(netG(noise)), y_real))
        return loss_d, loss_g

    def form(images, labels):
        noise = torch.randn(len(images), Z, generator=torch.Generator().manual_seed(len(labels)))
        return (images, noise), (torch.ones(len(images)), torch.zeros(len(images)))

    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD}
    return Case(Engine(step), GAN(netG, netD, latents=(Z,)), form, saved, labelled=False)


@loop
def dict_a_and_b_with_patch_map():
    # A CycleGAN-like pair; D's map of 3 x 3 scores.
    return plain_case(
        lambda batch: (batch["A"], None),
        lambda images, labels: {"B": -images, "A": images},
        head=lambda score, features: features[:, :1],
        labelled=False,
        image="A",
    )


@loop
def dict_of_reals():
    return plain_case(
        lambda batch: (batch["reals"], batch["label"]),
        lambda images, labels: {"noise": torch.zeros(len(images), 1, 6, 6), "reals": images, "label": labels[:, None]},
        head=lambda score, features: {"features": features, "adv_output": score.flatten(1)},
        scores=lambda output: output["adv_output"],
    )


@loop
def low_and_high_resolution():
    netG, netD = Upscaler(), Discriminator()
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        low, high = batch
        loss_d = descend(optD, (1 - netD(high)).relu().mean() + (1 + netD(netG(low).detach())).relu().mean())
        fake = netG(low)
        loss_g = descend(optG, mse_loss(fake, high) - 0.1 * netD(fake).mean())
        return loss_d, loss_g

    gan = GAN(netG, netD, latents=lambda n: torch.rand(n, 1, 3, 3) * 2 - 1, image=1)
    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD}
    return Case(Engine(step), gan, lambda x, y: (avg_pool2d(x, 2), x), saved, labelled=False)


@loop
def image_text_and_label():
    return plain_case(
        lambda batch: (batch[0], batch[2]),
        lambda images, labels: (images, [f"a {k}" for k in labels.tolist()], labels),
        conditional=True,
    )


@loop
def uint8_images_with_get_and_put():
    def get(batch):
        return batch["pixels"].float() / 127.5 - 1

    def put(batch, images):
        return {**batch, "pixels": ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)}

    return plain_case(
        lambda batch: (get(batch), None),
        lambda images, labels: put({"y": labels}, images),
        image=(get, put),
    )
