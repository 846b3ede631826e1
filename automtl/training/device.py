"""How a device is used, chosen from what it is. A CPU's results do not depend on it."""

from dataclasses import dataclass
from typing import Literal

import torch

from automtl.config.optimizer import OptimizerConfig, Precision

HELD_SHARE = 0.25
"""Largest share of a device's free memory that a training's frames may take on it.

The rest is for activations, of which most is needed in the first step, after the frames are there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlan:
    """What a training does for its device.

    Attributes:
        device: Where it runs.
        precision: What autocast computes forward passes of training steps in.
        compiled: Whether stages and heads run compiled in training steps.
        channels_last: Whether the weights' channels lie together in memory, as those of the
            picture do, so that no kernel has to turn them.
        n_ahead: Batches that a thread prepares while the device computes; 0 for none. A batch is
            a function of seed and step, so that it is the same whoever makes it, and when.
    """

    device: torch.device
    precision: Precision = "float32"
    compiled: bool = False
    channels_last: bool
    n_ahead: int

    def facts(self, *, frames_held: bool) -> dict[str, float]:
        """Return what was chosen as numbers to report, 1 for yes and 0 for no.

        Args:
            frames_held: Whether the training frames lie on the device.
        """
        return {
            "device/gpu": float(self.device.type == "cuda"),
            "device/bfloat16": float(self.precision == "bfloat16"),
            "device/compiled": float(self.compiled),
            "device/frames_held": float(frames_held),
        }


def plan_for(device: torch.device, settings: OptimizerConfig) -> DevicePlan:
    """Return how to use a device for a training with ``settings``.

    >>> plan_for(torch.device("cpu"), OptimizerConfig()).n_ahead
    0
    """
    is_gpu = device.type == "cuda"
    asked = settings.precision
    return DevicePlan(
        device=device,
        precision=precision_of(asked, native=asked == "auto" and has_bfloat16(device)),
        compiled=settings.compile,
        channels_last=is_gpu,
        n_ahead=2 if is_gpu else 0,
    )


def precision_of(asked: Literal[Precision, "auto"], *, native: bool) -> Precision:
    """Return the precision to train in.

    Args:
        asked: What the configuration says. float16, whose range asks for scaled losses, is not
            on offer.
        native: Whether the device has bfloat16 in hardware.
    """
    if asked == "auto":
        return "bfloat16" if native else "float32"
    return asked


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device is a GPU with bfloat16 in hardware.

    A CPU counts as having none: where it has, it seldom gains, and results on CPUs stay the
    same to the bit from one to the next.
    """
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def holds_frames(n_bytes: int, *, free: int, gpu_share: float = 1.0) -> bool:
    """Return whether frames are to be held on a device for a whole training.

    Args:
        n_bytes: What they take.
        free: Bytes that the device has to spare, shared by all trials on it.
        gpu_share: The training's share of the device.

    >>> holds_frames(200, free=1000), holds_frames(200, free=1000, gpu_share=0.5)
    (True, False)
    """
    return n_bytes <= HELD_SHARE * min(1.0, gpu_share) * free


def free_bytes(device: torch.device) -> int:
    """Return the bytes that a device has to spare; 0 for a CPU, where frames already are."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
