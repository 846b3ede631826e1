"""Tensors of a model: to and from safetensors, and into a network that they must fit exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from torch import Tensor

from automtl.data.table import DataInfo
from automtl.errors import BundleError
from automtl.model.network import MultiTaskNetwork, build_network

if TYPE_CHECKING:
    from automtl.config import TrialConfig

PARITY_SEED = 0
"""Seed of the picture on which two networks are compared."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the raw outputs of two networks are apart.

    Attributes:
        max_abs: Largest absolute difference; infinity where a value is not a number.
        n_outputs: Tensors compared.
    """

    max_abs: float
    n_outputs: int


def weights_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Return tensors as safetensors, each with memory of its own."""
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    )


def state_on_cpu(network: MultiTaskNetwork) -> dict[str, Tensor]:
    """Return copies of a network's tensors on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def read_weights(content: bytes, where: Path) -> dict[str, Tensor]:
    """Return the tensors in ``content`` by name.

    Raises:
        BundleError: If it is not a whole safetensors file.
    """
    try:
        return safetensors.torch.load(content)
    except Exception as error:  # besides SafetensorError, what torch says of kinds and sizes
        msg = f"the file is not safetensors or was cut off ({error})"
        raise BundleError(
            msg,
            where=str(where),
            fix="Copy the bundle again, or export the model again",
        ) from error


def build_from(
    config: "TrialConfig", info: DataInfo, state: Mapping[str, Tensor], *, where: str
) -> MultiTaskNetwork:
    """Return the network of ``config`` with exactly the tensors of ``state``, in eval mode.

    Args:
        config: The configuration that trained the model.
        info: Classes and picture size.
        state: Tensors by name.
        where: Where ``state`` is from, for messages.

    Raises:
        BundleError: If a tensor is missing, unknown, or of another shape or type.
    """
    network = build_network(without_pretraining(config), info, generator_seed=0)
    return filled(network, state, where=where)


def filled(
    network: MultiTaskNetwork, state: Mapping[str, Tensor], *, where: str
) -> MultiTaskNetwork:
    """Give a network exactly the tensors of ``state``; return it in eval mode.

    Args:
        network: Changed.
        state: Tensors by name.
        where: Where ``state`` is from, for messages.

    Raises:
        BundleError: If a tensor is missing, unknown, or of another shape or type.
    """
    mistakes = mismatches(network.state_dict(), state)
    if mistakes:
        more = f" (and {len(mistakes) - 5} more)" if len(mistakes) > 5 else ""
        raise BundleError(
            "the tensors do not fit the configuration: " + "; ".join(mistakes[:5]) + more,
            where=where,
            fix="Export the model again with the configuration that trained it",
        )
    network.load_state_dict(dict(state), strict=True)
    return network.eval()


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Name each tensor in which ``found`` differs from what a network expects."""
    missing = [f"missing {name}" for name in sorted(set(expected) - set(found))]
    unknown = [f"unknown {name}" for name in sorted(set(found) - set(expected))]
    differing = [
        f"{name} is {_kind(found[name])}, expected {_kind(expected[name])}"
        for name in sorted(set(expected) & set(found))
        if _kind(found[name]) != _kind(expected[name])
    ]
    return missing + unknown + differing


def difference(one: MultiTaskNetwork, other: MultiTaskNetwork, info: DataInfo) -> Parity:
    """Compare the raw outputs of two networks on one seeded picture."""
    generator = torch.Generator().manual_seed(PARITY_SEED)
    picture = torch.randint(
        0, 256, (1, one.n_channels, *info.image_size), dtype=torch.uint8, generator=generator
    )
    with torch.inference_mode():
        first, second = one(picture), other(picture)
    gaps = [
        (tensor - second[task][name]).abs().max().nan_to_num(nan=float("inf")).item()
        for task, output in first.items()
        for name, tensor in output.items()
    ]
    return Parity(max(gaps), len(gaps))


def without_pretraining(config: "TrialConfig") -> "TrialConfig":
    """All tensors come from the bundle: nothing is downloaded, no other file is opened."""
    return config.model_copy(
        update={"backbone": config.backbone.model_copy(update={"weights": "none"})}
    )


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
