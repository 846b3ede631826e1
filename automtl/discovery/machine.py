"""What this machine has, and how long a step of a network takes on it: measured, not guessed."""

import time
from dataclasses import dataclass
from pathlib import Path

from automtl.config import TrialConfig
from automtl.dispatch.resources import usable_cores

BATCH = 8
N_TIMED = 3
LOSSES = 1.5
"""A training step against the network's two passes alone: losses, optimizer, data."""

WEIGHTS = "mobilenet_v2-b0353104.pth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What trials can use.

    Attributes:
        n_cores: Cores of this process.
        n_gpus: GPUs.
        has_weights: Whether ImageNet weights of mobilenet_v2 are here, so that nothing is fetched.
    """

    n_cores: int
    n_gpus: int
    has_weights: bool

    @property
    def slots(self) -> int:
        """Trials at a time: two on a GPU, one on a core."""
        return 2 * self.n_gpus if self.n_gpus else self.n_cores


def this_machine() -> Machine:
    """Look at this machine."""
    import torch

    weights = Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    return Machine(
        n_cores=usable_cores(),
        n_gpus=torch.cuda.device_count(),
        has_weights=weights.is_file(),
    )


def step_s(config: TrialConfig, n_classes: int, *, on_gpu: bool) -> float:
    """Measure a training step of a configuration's network on pictures without content.

    Args:
        config: Its backbone's weights are left out: they change no time.
        n_classes: Of boxes and of masks.
        on_gpu: Where trials will run.

    Returns:
        Seconds; the best of some steps.
    """
    import torch

    from automtl.data.table import DataInfo
    from automtl.model.network import build_network

    size = config.backbone.image_size
    names = tuple(f"class_{i}" for i in range(n_classes))
    info = DataInfo(detection_classes=names, segmentation_classes=names, image_size=size)
    backbone = config.backbone.model_copy(update={"weights": "none"})
    device = torch.device("cuda" if on_gpu else "cpu")
    plain = config.model_copy(update={"backbone": backbone})
    network = build_network(plain, info, generator_seed=0).to(device).train()
    pictures = torch.zeros(BATCH, network.n_channels, *size, dtype=torch.uint8, device=device)
    times = []
    for _ in range(N_TIMED):
        began = time.monotonic()
        outputs = network(pictures)
        means = [t.float().mean() for output in outputs.values() for t in output.values()]
        torch.autograd.backward(torch.stack(means).sum())
        if on_gpu:
            torch.cuda.synchronize()
        times.append(time.monotonic() - began)
    return LOSSES * min(times)
