"""Loops whose batches hold more of a row than an image and a label."""

import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import avg_pool2d, cosine_similarity, l1_loss, mse_loss, one_hot

from ignite_unlearn import GAN
from tests.loops.case import Case, loop
from tests.loops.nets import CLASSES, SIZE, Discriminator, Generator, Upscaler, Z
from tests.loops.steps import adam, d_loss, descend, g_loss, plain_case


def case(step, netG, netD, optG, optD, form, *, labelled=False, **options):
    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD}
    return Case(Engine(step), GAN(netG, netD, **{"latents": (Z,), **options}), form, saved, labelled=labelled)


def embedded(images):
    """A text embedding (N, 4) that belongs to its image."""
    return torch.stack([images.flatten(1).mean(1), images[:, 0, 0, 0], images[:, 0, 0, 1], images[:, 0, 2, 2]], 1)


class Translator(nn.Module):
    """Images (N, 1, 6, 6) to images, as pix2pix' generator."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1), nn.Tanh()
        )

    def forward(self, images):
        return self.body(images)


class Matching(nn.Module):
    """Scores an image (N, 1, 6, 6) beside a text embedding (N, 4), or alone where there is none."""

    def __init__(self):
        super().__init__()
        self.image, self.text = nn.Linear(SIZE * SIZE, 8), nn.Linear(4, 8)
        self.score = nn.Linear(8, 1)

    def forward(self, images, text=None):
        features = self.image(images.flatten(1)).relu()
        return self.score(features if text is None else features * (1 + self.text(text))).flatten()


@loop
def pairs_a_and_b_as_in_pix2pix():
    netG, netD = Translator(), Discriminator()
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        loss_d = descend(
            optD, (1 - netD(batch["B"])).relu().mean() + (1 + netD(netG(batch["A"]).detach())).relu().mean()
        )
        fake = netG(batch["A"])
        return loss_d, descend(optG, l1_loss(fake, batch["B"]) - 0.1 * netD(fake).mean())

    def form(images, labels):
        return {"A": -images, "B": images, "A_paths": [f"{x:.6f}.png" for x in images.flatten(1).sum(1).tolist()]}

    return case(step, netG, netD, optG, optD, form, latents=lambda n: torch.rand(n, 1, SIZE, SIZE) * 2 - 1, image="B")


@loop
def low_and_high_resolution_in_a_dict():
    netG, netD = Upscaler(), Discriminator()
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        loss_d = descend(
            optD, (1 - netD(batch["hr"])).relu().mean() + (1 + netD(netG(batch["lr"]).detach())).relu().mean()
        )
        fake = netG(batch["lr"])
        return loss_d, descend(optG, mse_loss(fake, batch["hr"]) - 0.1 * netD(fake).mean())

    def form(images, labels):
        return {"lr": avg_pool2d(images, 2), "hr": images, "scale": torch.tensor(2)}

    return case(step, netG, netD, optG, optD, form, latents=lambda n: torch.rand(n, 1, 3, 3) * 2 - 1, image="hr")


@loop
def captions_as_a_list_of_texts():
    netG, netD = Generator(), Matching()
    optG, optD = adam(netG), adam(netD)

    def texts(captions):
        return torch.tensor([[float(word) for word in caption.split()] for caption in captions])

    def step(engine, batch):
        images, captions = batch
        text = texts(captions)
        fake = netG(torch.randn(len(images), Z))
        loss_d = descend(optD, (1 - netD(images, text)).relu().mean() + (1 + netD(fake.detach(), text)).relu().mean())
        return loss_d, descend(optG, -netD(netG(torch.randn(len(images), Z)), text).mean()), captions

    def form(images, labels):
        return images, [" ".join(f"{x:.4f}" for x in row) for row in embedded(images).tolist()]

    return case(step, netG, netD, optG, optD, form)


@loop
def text_embedding_image_and_id():
    netG, netD = Generator(), Matching()
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        images, text = batch["image"], batch["text"]["embedding"]
        fake = netG(torch.randn(len(images), Z)).detach()
        wrong = text.roll(1, 0)  # the mismatched pairs of a matching-aware discriminator
        loss_d = descend(
            optD,
            (1 - netD(images, text)).relu().mean() + (1 + netD(fake, text)).relu().mean()
            + 0.5 * (1 + netD(images, wrong)).relu().mean(),
        )  # fmt: skip
        return loss_d, descend(optG, -netD(netG(torch.randn(len(images), Z)), text).mean()), batch["id"].tolist()

    def form(images, labels):
        text = {"embedding": embedded(images), "words": [tuple(row) for row in embedded(images).tolist()]}
        return {"id": (1000 * images[:, 0, 2, 2]).long(), "text": text, "image": images}

    return case(step, netG, netD, optG, optD, form)


@loop
def one_hot_labels():
    return plain_case(
        lambda batch: (batch[0], batch[1].argmax(1)),
        lambda images, labels: [images, one_hot(labels, CLASSES).float()],
        conditional=True,
    )


@loop
def two_views_of_an_image():
    netG, netD = Generator(), Discriminator()
    optG, optD = adam(netG), adam(netD)

    def step(engine, batch):
        first, second = batch["views"]
        one, two = netD.conv(first).flatten(1), netD.conv(second).flatten(1)
        loss_d = d_loss(netD, netG, first) + d_loss(netD, netG, second) - cosine_similarity(one, two).mean()
        return descend(optD, loss_d), descend(optG, g_loss(netD, netG, len(first)))

    def form(images, labels):
        return {"views": [images, images.flip(-1)], "label": labels, "weights": torch.ones(CLASSES)}

    return case(step, netG, netD, optG, optD, form, image=("views", 0), labelled=True)
