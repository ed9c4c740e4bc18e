"""What the contracts are about, found by form: a new method or part in a new file is tested as soon as it is there."""

import importlib
import inspect
import pkgutil

import torch

from ignite_unlearn import GAN, UnlearningPhase
from ignite_unlearn.cascade import Fixed, Generated, OtherClass
from tests.contracts import rivals
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images

ROOMS = ("cascade", "baselines")  # of the package, where methods and their parts live


def modules():
    for room in ROOMS:
        if importlib.util.find_spec(f"ignite_unlearn.{room}") is not None:
            package = importlib.import_module(f"ignite_unlearn.{room}")
            for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                yield importlib.import_module(found.name)
    yield rivals


def classes():
    """Gives every public class that a module of these rooms defines."""
    for module in modules():
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and not name.startswith("_"):
                yield kind


def called_with(*names):
    """Returns the classes, but for protocols, whose objects are called with arguments of these names."""
    found = []
    for kind in classes():
        call = inspect.getattr_static(kind, "__call__", None)
        protocol = getattr(kind, "_is_protocol", False)
        if inspect.isfunction(call) and not protocol and tuple(inspect.signature(call).parameters)[1:] == names:
            found.append(kind)
    return found


METHODS = {
    kind.__name__: kind for kind in classes() if issubclass(kind, UnlearningPhase) and not inspect.isabstract(kind)
}
SUBSTITUTIONS = {kind.__name__: kind for kind in called_with("teacher", "latents", "labels", "regions")}
FAKE_LABELS = {kind.__name__: kind for kind in called_with("scores", "gan", "teacher", "regions", "requests")}


def built(kind, **given):
    """Builds an object: each argument that has no default, and those of ``given`` that its constructor takes."""
    images, labels = real_images(12, seed=50)
    known = {
        "substitution": OtherClass(0), "fake_label": Fixed(-1.0), "images": images, "labels": labels,
        "low": Generated(samples=8), "high": Fixed(1.0), **given,
    }  # fmt: skip
    parameters = list(inspect.signature(kind).parameters.values())
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    missing = set(needed) - known.keys()
    assert not missing, f"{kind.__name__} needs {missing}: say in tests/contracts/found.py what to give it."
    names = {p.name for p in parameters}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        names |= inspect.signature(UnlearningPhase).parameters.keys()
    if "labels" in names and "images" in names:
        needed.append("labels")
    return kind(**{name: known[name] for name in {*needed, *(given.keys() & names)}})


def a_gan(conditional=True):
    classes = CLASSES if conditional else None
    torch.manual_seed(5)
    return GAN(Generator(classes), Discriminator(classes=classes), latents=(Z,), labels=classes)
