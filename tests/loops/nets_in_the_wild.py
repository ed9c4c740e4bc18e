"""Loops whose nets keep more than parameters and buffers, or train only in part, or return more than a score."""

import functools

import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.functional import cross_entropy, leaky_relu, mse_loss, normalize

from ignite_unlearn import GAN
from tests.loops.case import Case, loop
from tests.loops.nets import CLASSES, SIZE, Discriminator, Generator, Z
from tests.loops.steps import d_loss, descend, g_loss, set_grad

ACTIVATION = {}  # as in the forum's recipe for looking at activations


def pair(images, labels):
    return images, labels


class State:
    """Saves what no state_dict of a net holds: get() -> dict of tensors, put(dict)."""

    def __init__(self, get, put):
        self.state_dict, self.load_state_dict = get, put


def adam(net, lr=2e-3):
    return torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr, betas=(0.5, 0.9))


def case_of(netG, netD, step=None, extra=None, turn=set_grad, **options):
    """One to one hinge steps, each net frozen in the other's turn."""
    optG, optD = adam(netG), adam(netD)

    def plain(engine, batch):
        real, n = batch[0], len(batch[0])
        turn(netG, False), turn(netD, True)
        netD.zero_grad()
        loss_d = descend(optD, d_loss(netD, netG, real))
        turn(netG, True), turn(netD, False)
        netG.zero_grad()
        loss_g = descend(optG, g_loss(netD, netG, n))
        return loss_d, loss_g

    gan = GAN(netG, netD, latents=(Z,), **options)
    saved = {"netG": netG, "netD": netD, "optG": optG, "optD": optD} | ({} if extra is None else {"extra": extra})
    return Case(Engine(plain if step is None else step(netG, netD, optG, optD)), gan, pair, saved)


class SpectralNorm(nn.Module):
    """The much-copied class: u and v are parameters, overwritten in every forward, in eval mode too."""

    def __init__(self, module):
        super().__init__()
        self.module = module
        weight = module._parameters.pop("weight")
        flat = weight.data.flatten(1)
        module.register_parameter("weight_u", nn.Parameter(normalize(torch.randn(len(flat)), dim=0), False))
        module.register_parameter("weight_v", nn.Parameter(normalize(torch.randn(flat.shape[1]), dim=0), False))
        module.register_parameter("weight_bar", nn.Parameter(weight.data))

    def forward(self, *args):
        u, v, w = self.module.weight_u, self.module.weight_v, self.module.weight_bar
        flat = w.data.flatten(1)
        v.data = normalize(torch.mv(flat.t(), u.data), dim=0)
        u.data = normalize(torch.mv(flat, v.data), dim=0)
        self.module.weight = w / u.dot(w.flatten(1).mv(v))
        return self.module.forward(*args)


@loop
def spectral_norm_by_parameters():
    netD = Discriminator()
    netD.conv = SpectralNorm(nn.Conv2d(1, 8, 3, stride=2, padding=1))
    return case_of(Generator(), netD)


class PlainSpectralNorm(nn.Module):
    """Keeps its vector as an attribute that is no buffer, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.u, self.calls, self.norms = normalize(torch.randn(8), dim=0), 0, []

    def forward(self, images):
        flat = self.conv.weight.flatten(1)
        with torch.no_grad():
            v = normalize(flat.t() @ self.u, dim=0)
            self.u.copy_(normalize(flat @ v, dim=0))
            self.calls += 1
            self.norms.append((self.u @ flat @ v).reshape(1))
        self.norms = self.norms[-4:]
        return self.conv(images) / (self.u.clone() @ flat @ v) + 1e-3 * torch.cat(self.norms).mean() + 1e-4 * self.calls


@loop
def tensors_lists_and_counters_as_attributes():
    netD = Discriminator()
    netD.conv = kept = PlainSpectralNorm()

    def put(state):
        kept.u, kept.calls, kept.norms = state["u"].clone(), state["calls"], [n.clone() for n in state["norms"]]

    def get():
        return {"u": kept.u, "calls": kept.calls, "norms": kept.norms}

    return case_of(Generator(), netD, extra=State(get, put))


def counted(forward, calls):
    """A decorator that slowly warms up what it decorates."""

    @functools.wraps(forward)
    def counting(*args):
        calls["n"] = calls.get("n", 0) + 1
        return forward(*args) * (1 - 0.5 ** calls["n"])

    return counting


@loop
def forward_replaced_on_the_instance():
    netG, netD, calls = Generator(), Discriminator(), {}
    netG.forward = counted(netG.forward, calls)
    netD.forward = torch.autocast("cpu", dtype=torch.bfloat16)(netD.forward)
    return case_of(netG, netD, extra=State(lambda: dict(calls), calls.update))


@loop
def forward_compiled_on_the_instance():
    netG, netD = Generator(), Discriminator()
    netG.forward = torch.compile(netG.forward, backend="eager")
    return case_of(netG, netD)


class Keeping(Generator):
    """Keeps its activations, with their graph, and a random number generator of its own."""

    def __init__(self):
        super().__init__()
        self.features, self.stream = None, torch.Generator().manual_seed(4)

    def forward(self, z, y=None):
        images = super().forward(z, y)
        self.features = images.flatten(1)
        ACTIVATION["mean"] = self.features.detach().mean(0, keepdim=True)
        return images + 0.05 * torch.randn(images.shape, generator=self.stream)


@loop
def activations_kept_and_hooks_that_append():
    ACTIVATION.clear()
    netG, netD, norms = Keeping(), Discriminator(), []
    netD.conv.register_forward_hook(lambda module, args, output: norms.append(output.detach().norm().reshape(1)))

    def step(netG, netD, optG, optD):
        def learn(engine, batch):
            norms.clear()
            loss_d = descend(optD, d_loss(netD, netG, batch[0]))
            fake = netG(torch.randn(len(batch[0]), Z))
            loss = mse_loss(netG.features.mean(0, keepdim=True), 0.9 * ACTIVATION["mean"]) - netD(fake).mean()
            return loss_d, descend(optG, loss), torch.cat(norms)

        return learn

    def get():
        kept = {"norms": list(norms), "stream": netG.stream.get_state()}
        return kept | {key: value.clone() for key, value in ACTIVATION.items()}

    def put(state):
        netG.stream.set_state(state["stream"])
        norms[:] = state["norms"]
        ACTIVATION["mean"] = state["mean"]

    return case_of(netG, netD, step, State(get, put))


@loop
def d_frozen_in_a_part_for_good_and_in_turns():
    # FreezeD (Mo et al. 2020): the first layers never train; the loop freezes and thaws the others.
    netD = Discriminator()
    set_grad(netD.conv, False)

    def turn(net, flag):
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(flag and not name.startswith("conv"))

    return case_of(Generator(), netD, turn=turn)


@loop
def d_frozen_in_parts_in_turns():
    # The head trains in every second iteration only, and is left frozen in between.
    def step(netG, netD, optG, optD):
        def learn(engine, batch):
            set_grad(netD.score, engine.state.iteration % 2 == 1)
            netD.zero_grad()
            loss_d = descend(optD, d_loss(netD, netG, batch[0]))
            return loss_d, descend(optG, g_loss(netD, netG, len(batch[0])))

        return learn

    return case_of(Generator(), Discriminator(), step)


class Noisy(Generator):
    """Adds noise, new in each call and fixed, by learned gains, as StyleGAN's layers do."""

    def __init__(self):
        super().__init__()
        self.gain, self.fixed_gain = nn.Parameter(torch.tensor(0.3)), nn.Parameter(torch.tensor(0.1))
        self.register_buffer("noise", torch.randn(1, SIZE, SIZE))
        # What the zoo's classifier looks at is not left to chance.
        self.register_buffer("mask", (torch.arange(SIZE) > 0).float()[:, None].expand(SIZE, SIZE).clone())

    def forward(self, z, y=None):
        images = super().forward(z, y)
        noise = self.gain * torch.randn_like(images) + self.fixed_gain * self.noise
        return images + noise * self.mask


@loop
def generator_with_noise_inputs():
    return case_of(Noisy(), Discriminator())


@loop
def acgan_with_a_shared_body():
    # As in the keras and PyTorch-GAN examples: a sigmoid for real or fake, and a softmax's logits.
    netG = Generator(CLASSES)
    netD = Discriminator(lambda score, features: [score.flatten(1), features.mean((2, 3))[:, :CLASSES]])

    def step(netG, netD, optG, optD):
        def learn(engine, batch):
            real, y = batch
            (adv, kind), (adv_fake, _) = netD(real), netD(netG(torch.randn(len(real), Z), y).detach())
            loss_d = descend(optD, (1 - adv).relu().mean() + (1 + adv_fake).relu().mean() + cross_entropy(kind, y))
            adv, kind = netD(netG(torch.randn(len(real), Z), y))
            return loss_d, descend(optG, cross_entropy(kind, y) - adv.mean())

        return learn

    return case_of(netG, netD, step, labels=CLASSES)


class MultiScale(nn.Module):
    """As in pix2pixHD: a discriminator for each size, each with a map of scores."""

    def __init__(self):
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))
        self.coarse = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Dropout(0.1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 1))

    def forward(self, images):
        return [self.fine(images), self.coarse(leaky_relu(nn.functional.avg_pool2d(images, 2), 0.9))]


@loop
def multi_scale_d():
    def step(netG, netD, optG, optD):
        def learn(engine, batch):
            fake = netG(torch.randn(len(batch[0]), Z))
            real_maps, fake_maps = netD(batch[0]), netD(fake.detach())
            loss_d = descend(optD, sum((1 - r).relu().mean() for r in real_maps) + sum(
                (1 + f).relu().mean() for f in fake_maps))  # fmt: skip
            return loss_d, descend(optG, -sum(f.mean() for f in netD(netG(torch.randn(len(fake), Z)))))

        return learn

    return case_of(Generator(), MultiScale(), step)
