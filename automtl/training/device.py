"""How a device is used, chosen from what it is. A CPU's results do not depend on it."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlan:
    """What a training does for its device.

    Attributes:
        device: Where it runs.
        channels_last: Whether the weights' channels lie together in memory, as those of the
            picture do, so that no kernel has to turn them.
        n_ahead: Batches that a thread prepares while the device computes; 0 for none. A batch is
            a function of seed and step, so that it is the same whoever makes it, and when.
    """

    device: torch.device
    channels_last: bool
    n_ahead: int


def plan_for(device: torch.device) -> DevicePlan:
    """Return how to use a device.

    >>> plan_for(torch.device("cpu"))
    DevicePlan(device=device(type='cpu'), channels_last=False, n_ahead=0)
    """
    is_gpu = device.type == "cuda"
    return DevicePlan(device=device, channels_last=is_gpu, n_ahead=2 if is_gpu else 0)
