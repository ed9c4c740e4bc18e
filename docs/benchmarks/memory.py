"""Peak memory of a phase over that of the loop alone: a DCGAN for images of 64 x 64, on the CPU (Linux).

``python docs/benchmarks/memory.py`` prints a row for each kind of phase. Each is measured in a process of its own,
which returns freed memory at once, so that its peak is what was alive. Of it the peak after the imports is taken off.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Callable

MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
KINDS = ("imports", "loop", "given", "chosen", "items")
WIDTH, LATENT, CLASSES = 64, 100, 10


def peak() -> float:
    """Returns the peak of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(kind: str, width: int, batch: int, iterations: int) -> float:
    """Runs a loop, alone or with a phase, and returns the process's peak in MiB."""
    import torch
    from ignite.engine import Engine
    from torch import Tensor, nn
    from torch.nn.functional import softplus

    from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems
    from ignite_unlearn.cascade import Generated, OtherClass

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if kind == "imports":
        return peak()

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(CLASSES, LATENT)
            layers: list[nn.Module] = [nn.ConvTranspose2d(2 * LATENT, 8 * width, 4, 1, 0, bias=False)]
            for k in (8, 4, 2):
                layers += [nn.BatchNorm2d(k * width), nn.ReLU(True)]
                layers += [nn.ConvTranspose2d(k * width, k * width // 2, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU(True), nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh()]
            self.body = nn.Sequential(*layers)

        def forward(self, z: Tensor, y: Tensor) -> Tensor:
            return self.body(torch.cat([z, self.embed(y)], 1)[..., None, None])

    class Discriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(CLASSES, 64 * 64)
            layers: list[nn.Module] = [nn.Conv2d(4, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
            for k in (1, 2, 4):
                layers += [nn.Conv2d(k * width, 2 * k * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * k * width)]
                layers += [nn.LeakyReLU(0.2, True)]
            self.body = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4))

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.body(torch.cat([x, self.embed(y).view(-1, 1, 64, 64)], 1)).flatten()

    netG, netD = Generator(), Discriminator()  # noqa: N806 - what people call them
    adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (netG, netD)]

    def step(engine: Engine, pair: tuple[Tensor, Tensor]) -> None:
        x, y = pair
        fake = netG(torch.randn(len(x), LATENT), y)
        loss = softplus(-netD(x, y)).mean() + softplus(netD(fake.detach(), y)).mean()
        adams[1].zero_grad()
        loss.backward()
        adams[1].step()
        loss = softplus(-netD(fake, y)).mean()
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()

    trainer = Engine(step)
    batches = [(torch.rand(batch, 3, 64, 64) * 2 - 1, torch.arange(batch) % CLASSES) for _ in range(2)]
    if kind != "loop":
        gan = GAN(netG, netD, latents=(LATENT,), labels=CLASSES, trained=adams)
        unseen = torch.rand(64, 3, 64, 64) * 2 - 1, torch.arange(64) % CLASSES
        if kind == "given":
            phase = CascadedUnlearning(
                gan, forget=ForgetClasses({3}), substitution=OtherClass(5), fake_label=Generated(), batch_size=batch
            )
        elif kind == "chosen":
            phase = CascadedUnlearning(gan, forget=ForgetClasses({3}), unseen=unseen, batch_size=batch)
        else:
            items = batches[0][0][:8].clone(), batches[0][1][:8]
            phase = CascadedUnlearning(gan, forget=ForgetItems(*items), unseen=unseen, batch_size=batch)
        phase.measured = True
        phase.attach(trainer)
    trainer.run((batches * iterations)[:iterations])
    return peak()


def in_a_process(kind: str, *numbers: int) -> float:
    """Measures in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--kind", kind, *map(str, numbers)]
    done = subprocess.run(command, env={**os.environ, **MALLOC}, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def table(measure: Callable[[str], float]) -> list[str]:
    """Returns the rows of the table, as Markdown."""
    base, loop = measure("imports"), measure("loop")
    rows = [
        "| what | peak, MiB | over the loop |",
        "|---|---|---|",
        f"| the loop alone | {loop - base:.0f} | 1.00 |",
    ]
    said = {
        "given": "a class, `OtherClass` and `Generated`", "chosen": "a class, all chosen and measured",
        "items": "eight images, all chosen and measured",
    }  # fmt: skip
    for kind, what in said.items():
        found = measure(kind) - base
        rows.append(f"| {what} | {found:.0f} | {found / (loop - base):.2f} |")
    return rows


def main() -> None:
    """Prints the table, or measures one kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, default=[WIDTH, 64, 3], help="width, batch size, iterations")
    parser.add_argument("--kind", choices=KINDS, help="measure one kind in this process, and print its peak in MiB")
    given = parser.parse_args()
    numbers = tuple(given.numbers)
    if given.kind:
        print(measured(given.kind, *numbers))
    else:
        print("\n".join(table(lambda kind: in_a_process(kind, *numbers))))


if __name__ == "__main__":
    main()
