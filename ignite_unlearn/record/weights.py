"""Hashes of weights, whatever file holds them: is what leaves the house what a record was written about?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.gan.gan import GAN
from ignite_unlearn.utils.files import read_released, read_weights
from ignite_unlearn.utils.hashing import tensors_sha256


def weights_sha256(gan: GAN) -> str:
    """Returns the hash of a GAN's weights, whatever file holds them: of all tensors' types, shapes and values.

    Example:
        >>> import torch
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> len(weights_sha256(gan))
        64
    """
    return _sha256(gan.generator.state_dict(), gan.discriminator.state_dict())


def generator_sha256(gan: GAN) -> str:
    """Returns the same of a GAN's generator alone.

    Example:
        >>> import torch
        >>> gan = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,))
        >>> generator_sha256(gan) != weights_sha256(gan)
        True
    """
    return _sha256(gan.generator.state_dict())


def file_weights_sha256(file: Path) -> str:
    """Returns the hash of :func:`weights_sha256` of a file that holds a GAN's weights.

    Args:
        file: ``.pt`` with state dicts ``generator`` and ``discriminator``, or ``.safetensors`` with their tensors under
            names that begin so.

    Raises:
        UnlearningError: if it cannot be read, or holds something else.
    """
    nets = _nets_of(file)
    if len(nets) < 2:
        raise UnlearningError(
            f"{file} holds no weights of a generator and a discriminator: expected a dict of two state dicts, "
            "'generator' and 'discriminator', as save_weights() writes it and a run leaves it in unlearned.pt."
        )
    return _sha256(*nets)


def hashes_of_file(file: Path) -> dict[str, str]:
    """Returns what a record calls ``weights_sha256`` and ``generator_sha256``, as far as a file holds these nets.

    Args:
        file: as for :func:`file_weights_sha256`, or with the generator alone, by its name or not.

    Raises:
        UnlearningError: if it cannot be read, or holds something else.
    """
    nets = _nets_of(file)
    if not nets:
        raise UnlearningError(
            f"{file} holds no weights of a generator: expected its state dict, or a dict of two, 'generator' and "
            "'discriminator', as save_weights() writes it and a run leaves it in unlearned.pt."
        )
    found = {"generator_sha256": _sha256(nets[0])}
    return {"weights_sha256": _sha256(*nets), **found} if len(nets) == 2 else found


def _nets_of(file: Path) -> list[Mapping[str, Tensor]]:
    """Returns the state dicts of generator and discriminator, of the first alone, or none."""
    nested = file.suffix == ".safetensors"  # by the first part of a tensor's name, which is a net's or a layer's
    state: Mapping[str, Any] = read_released(file) if nested else read_weights(file)
    if not {"generator", "discriminator"} & state.keys():  # a net's own state
        state = {"generator": _flat(state) if nested else state}
    nets = [state[net] for net in ("generator", "discriminator") if net in state]
    return nets if "generator" in state and all(map(_is_state, nets)) else []


def _flat(layers: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{layer}.{name}": tensor for layer, own in layers.items() for name, tensor in own.items()}


def _is_state(state: Any) -> bool:
    """Whether this is a state dict that holds something."""
    if not isinstance(state, dict) or not state:
        return False
    return all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items())


def _sha256(*states: Mapping[str, Tensor]) -> str:
    """Returns the hash of state dicts, each in the order of its names."""
    return tensors_sha256(*(state[name] for state in states for name in sorted(state)))
