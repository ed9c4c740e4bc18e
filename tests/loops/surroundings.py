"""Loops that differ in what surrounds the step: precision, wrappers, engines, handlers, memories."""

import torch
from ignite.engine import Engine, Events
from ignite.engine.deterministic import DeterministicEngine
from ignite.handlers import EMAHandler
from torch import nn
from torch.utils.data import DataLoader

from ignite_unlearn import GAN
from tests.loops.case import ROWS, Case, loop
from tests.loops.nets import Discriminator, Generator, Z
from tests.loops.schedules import scheduled
from tests.loops.steps import adam, d_loss, descend, g_loss


def pair(images, labels):
    return images, labels


def plain_step(netG, netD, optG, optD):
    def step(engine, batch):
        loss_d = descend(optD, d_loss(netD, netG, batch[0]))
        return loss_d, descend(optG, g_loss(netD, netG, len(batch[0])))

    return step


@loop
def amp_with_a_shared_grad_scaler():
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)

    def make(netG, netD, optG, optD):
        def step(engine, batch):
            losses = []
            for optimizer, loss in (
                (optD, lambda: d_loss(netD, netG, batch[0])),
                (optG, lambda: g_loss(netD, netG, len(batch[0]))),
            ):
                optimizer.zero_grad()
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    value = loss()
                scaler.scale(value).backward()
                scaler.step(optimizer)
                losses.append(value.item())
            scaler.update()
            return losses

        return step

    case = scheduled(make)
    case.saved["scaler"] = scaler
    return case


@loop
def data_parallel():
    netG, netD = Generator(), Discriminator()
    parallelG, parallelD = nn.DataParallel(netG), nn.DataParallel(netD)
    optG, optD = adam(parallelG), adam(parallelD)
    gan = GAN(parallelG, parallelD, latents=(Z,))
    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD}
    return Case(Engine(plain_step(parallelG, parallelD, optG, optD)), gan, pair, saved)


@loop
def deterministic_engine():
    case = scheduled(plain_step)
    case.trainer = DeterministicEngine(case.trainer._process_function)
    # It resumes only over a DataLoader, and by the script's seed.
    case.loader = lambda batches: DataLoader([row for x, y in batches for row in zip(x, y, strict=True)], ROWS)
    case.streams = False
    return case


@loop
def weights_initialised_at_started():
    case = scheduled(plain_step, warns="weights changed between attach")

    @case.trainer.on(Events.STARTED)
    def initialise(engine):
        if engine.state.iteration == 0:
            for net in (case.gan.generator, case.gan.discriminator):
                net.apply(lambda m: nn.init.normal_(m.weight, 0, 0.02) if isinstance(m, nn.Linear) else None)

    return case


@loop
def metrics_overwritten_by_the_step():
    def make(netG, netD, optG, optD):
        plain = plain_step(netG, netD, optG, optD)

        def step(engine, batch):
            losses = plain(engine, batch)
            engine.state.metrics = {"loss_d": losses[0]}
            return losses

        return step

    return scheduled(make)


class HistoryBuffer:
    """Replays old fakes, as CycleGAN does."""

    def __init__(self):
        self.fakes = torch.zeros(0, 1, 6, 6)

    def swap(self, fakes):
        self.fakes = torch.cat([self.fakes, fakes])[-16:]
        return self.fakes[torch.randperm(len(self.fakes))[: len(fakes)]]

    def state_dict(self):
        return {"fakes": self.fakes}

    def load_state_dict(self, state):
        self.fakes = state["fakes"]


@loop
def history_buffer_of_fakes():
    buffer = HistoryBuffer()

    def make(netG, netD, optG, optD):
        def step(engine, batch):
            fakes = buffer.swap(netG(torch.randn(len(batch[0]), Z)).detach())
            loss_d = descend(optD, (1 - netD(batch[0])).relu().mean() + (1 + netD(fakes)).relu().mean())
            return loss_d, descend(optG, g_loss(netD, netG, len(batch[0])))

        return step

    case = scheduled(make)
    case.saved["buffer"] = buffer
    return case


class GanTrainer(Engine):
    """An engine that holds its nets as attributes, as MONAI's does."""

    def __init__(self, g_network, d_network):
        self.g_network, self.d_network = g_network, d_network
        self.g_optimizer, self.d_optimizer = adam(g_network), adam(d_network)
        super().__init__(self._iteration)

    def _iteration(self, engine, batch):
        loss_d = descend(self.d_optimizer, d_loss(self.d_network, self.g_network, batch["image"]))
        return {
            "d": loss_d,
            "g": descend(self.g_optimizer, g_loss(self.d_network, self.g_network, len(batch["image"]))),
        }


@loop
def engine_subclass_that_holds_the_nets():
    trainer = GanTrainer(Generator(), Discriminator())
    gan = GAN(trainer.g_network, trainer.d_network, latents=(Z,))
    saved = {
        "netG": trainer.g_network, "netD": trainer.d_network,
        "optG": trainer.g_optimizer, "optD": trainer.d_optimizer,
    }  # fmt: skip
    return Case(trainer, gan, lambda x, y: {"image": x, "label": y}, saved)


@loop
def both_nets_inside_one_module():
    whole = nn.ModuleDict({"G": Generator(), "D": Discriminator()})
    optG, optD = adam(whole["G"]), adam(whole["D"])
    gan = GAN(whole["G"], whole["D"], latents=(Z,))
    step = plain_step(whole["G"], whole["D"], optG, optD)
    return Case(Engine(step), gan, pair, {"whole": whole, "optG": optG, "optD": optD})


@loop
def ema_copy_by_ignites_handler():
    case = scheduled(plain_step)
    ema = EMAHandler(case.gan.generator, momentum=0.5)  # one that lags is warned of
    ema.attach(case.trainer, event=Events.ITERATION_COMPLETED)
    case.saved["ema"] = ema.ema_model
    return case
