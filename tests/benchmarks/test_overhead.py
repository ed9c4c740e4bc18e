"""What the handler costs: ratios of medians within one run, on the small GAN of the digits recipe."""

import statistics
import time

import pytest
import torch
from ignite.engine import Engine
from torch.nn.functional import smooth_l1_loss

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.recipes.nets.nets import new_gan
from ignite_unlearn.recipes.stock.digits_class import RECIPE
from ignite_unlearn.recipes.training.gan_training import GANTraining

pytestmark = pytest.mark.bench
BATCH, ROUNDS, WARM_UP, TARGET = 64, 55, 5, 8
LATENT = RECIPE.nets.latent


def training():
    torch.manual_seed(0)
    data = RECIPE.load(None)
    return GANTraining(new_gan(RECIPE.nets, data, seed=0, device=torch.device("cpu")), RECIPE.training), data


def engine_of(loop):
    return Engine(lambda engine, batch: loop.learn(batch))


def make_phase(loop):
    gan = GAN(loop.generator, loop.discriminator, latents=(LATENT,), labels=10)
    return CascadedUnlearning(
        gan, forget=ForgetClasses({3}), substitution=OtherClass(TARGET), fake_label=Fixed(-1), batch_size=BATCH
    )


def inline(loop):
    """The same work as a person would write it into the step: no borrowing, no checks, no seeds of its own."""
    generator, discriminator = loop.generator, loop.discriminator
    gan = GAN(generator, discriminator, latents=(LATENT,), labels=10)
    teacher = gan.teacher()
    optimizers = [torch.optim.Adam(net.parameters(), 5e-4, (0.5, 0.99), eps=5e-3) for net in (generator, discriminator)]
    retained = torch.tensor([k for k in range(10) if k != 3])

    def step(engine, batch):
        images, labels = batch
        forgotten = labels == 3
        generator.requires_grad_(True), discriminator.requires_grad_(True)
        zf, zr = torch.randn(BATCH, LATENT), torch.randn(BATCH, LATENT)
        yf, yr = torch.full((BATCH,), 3), retained[torch.randint(9, (BATCH,))]
        with torch.no_grad():
            targets = torch.cat([teacher.generator(zf, yf * 0 + TARGET), teacher.generator(zr, yr)])
        made = generator(torch.cat([zf, zr]), torch.cat([yf, yr]))
        distance = (made - targets).square().flatten(1).mean(1)
        loss = distance[:BATCH].mean() + 8 * distance[BATCH:].mean()
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        loss.item()

        scores = discriminator(images, labels)
        with torch.no_grad():
            held = teacher.discriminator(images, labels)
        loss = smooth_l1_loss(scores[forgotten], torch.full_like(scores[forgotten], -1))
        loss = loss + 8 * smooth_l1_loss(scores[~forgotten], held[~forgotten])
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        loss.item()

        n = int(forgotten.sum())
        images, labels = images.clone(), labels.clone()
        with torch.no_grad():
            labels[forgotten] = retained[torch.randint(9, (n,))]
            images[forgotten] = teacher.generator(torch.randn(n, LATENT), labels[forgotten])
        return loop.learn((images, labels))

    return step


def compare(one, other, batches, rounds):
    """Returns the quartiles over rounds of the ratio of one trainer's time to the other's, in turns."""
    ratios = []
    for i in range(rounds + WARM_UP):
        spent = {}
        for trainer in (one, other) if i % 2 else (other, one):
            start = time.perf_counter()
            trainer.run(batches)
            spent[trainer] = time.perf_counter() - start
        if i >= WARM_UP:
            ratios.append(spent[one] / spent[other])
    return statistics.quantiles(ratios, n=4)


def batches_of(data, forgotten):
    rows = torch.arange(len(data.images)) if forgotten else (data.labels != 3).nonzero().flatten()
    return [(data.images[part], data.labels[part]) for part in rows[: 3 * BATCH].split(BATCH)]


def test_the_handler_costs_no_more_than_the_same_work_inline(quick):
    loop, data = training()
    other, _ = training()
    handled, plain = engine_of(loop), Engine(inline(other))
    with make_phase(loop).attach(handled):
        low, median, high = compare(handled, plain, batches_of(data, forgotten=True), 2 if quick else ROUNDS)
    print(f"\nhandler / inline: median {median:.3f}, quartiles {low:.3f} to {high:.3f}")
    assert quick or median <= 1.10


@pytest.mark.filterwarnings("ignore:None of the:UserWarning")  # on purpose: no row is to be replaced
def test_attached_but_idle_costs_next_to_nothing(quick):
    loop, data = training()
    other, _ = training()
    handled, plain, rounds = engine_of(loop), engine_of(other), 2 if quick else ROUNDS
    phase = make_phase(loop)
    with phase.attach(handled):
        phase.stop("idle")
        low, median, high = compare(handled, plain, batches_of(data, forgotten=False), rounds)
    print(f"\nidle / plain: median {median:.3f}, quartiles {low:.3f} to {high:.3f}, {rounds} rounds of 3 iterations")
    assert quick or median <= 1.02
