"""What a network costs to run: parameters, operations, time."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import override

from automtl.config import BackboneConfig, HeadsConfig, TrialConfig, View
from automtl.config.backbones import N_STAGES, TIMM
from automtl.config.sharing import groups_by_stage
from automtl.data.table import DataInfo
from automtl.data.views import channels_of, compute_views
from automtl.model.backbones import build_stages
from automtl.model.network import MultiTaskNetwork
from automtl.tasks.choose import build_head


def measure_costs(network: MultiTaskNetwork, image_size: tuple[int, int]) -> dict[str, float]:
    """Return what a network costs to run, whatever it has learned.

    ``cost/latency_ms`` is the median of one frame, its views included, on one thread, so it is
    comparable between trials that ran with different shares of a machine.
    """
    return {
        "cost/parameters": float(count_parameters(network)),
        "cost/flops": float(count_flops(network, image_size, n_channels=network.n_channels)),
        "cost/latency_ms": latency_ms(network, image_size, n_channels=network.n_channels)
        + views_ms(network.views, image_size),
    }


def count_parameters(network: nn.Module) -> int:
    """Return the number of parameters, each counted once."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, image_size: tuple[int, int], *, n_channels: int = 3) -> int:
    """Return the floating-point operations of one frame through all tasks.

    A multiplication and an addition count as two.
    """
    was_training = network.training
    network.eval()
    _, flops = _run(network, _frame(network, (1, n_channels, *image_size)))
    network.train(was_training)
    return flops


def parameters_of_tree(config: TrialConfig, info: DataInfo) -> int:
    """Return what ``count_parameters`` will say of a network, without building it.

    Each stage and each head is measured once and remembered; a tree is a sum over them.

    Args:
        config: The trial.
        info: Classes and picture size.

    Raises:
        AutomtlError: If the backbone or a task cannot be had.
    """
    stages, heads = _costs_of(config, info)
    return sum(n * cost.parameters for cost, n in stages.items()) + sum(
        cost.parameters for cost in heads
    )


def flops_of_tree(config: TrialConfig, info: DataInfo) -> int:
    """Return what ``count_flops`` will say of a network, without building it.

    Arguments and errors as in :func:`parameters_of_tree`.
    """
    stages, heads = _costs_of(config, info)
    return sum(n * cost.flops for cost, n in stages.items()) + sum(cost.flops for cost in heads)


def latency_ms(
    network: nn.Module,
    image_size: tuple[int, int],
    *,
    n_channels: int = 3,
    batch: int = 1,
    repeats: int = 15,
) -> float:
    """Return the median milliseconds of a forward pass through all tasks.

    On the CPU with one thread, so that trials with different shares of a machine compare.
    """
    threads = torch.get_num_threads()
    was_training = network.training
    frames = _frame(network, (batch, n_channels, *image_size))
    torch.set_num_threads(1)
    network.eval()
    try:
        with torch.inference_mode():
            for _ in range(3):
                network(frames)
            return statistics.median(_timed_ms(network, frames) for _ in range(repeats))
    finally:
        torch.set_num_threads(threads)
        network.train(was_training)


def views_ms(views: Sequence[View], image_size: tuple[int, int], *, repeats: int = 7) -> float:
    """Return the median milliseconds that the views of one picture take; 0 for RGB alone."""
    if tuple(views) == ("rgb",):
        return 0.0
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, *image_size), dtype=np.uint8)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        compute_views(picture, views)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def _timed_ms(network: nn.Module, frames: torch.Tensor) -> float:
    _wait(frames.device)
    start = time.perf_counter()
    network(frames)
    _wait(frames.device)
    return 1000 * (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _frame(network: nn.Module, shape: tuple[int, ...]) -> Tensor:
    device = next(network.parameters()).device
    return torch.zeros(shape, dtype=torch.uint8, device=device)


def _run(module: nn.Module, given: object) -> tuple[object, int]:
    """Return a module's output and its floating-point operations."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(given)
    return output, int(counter.get_total_flops())


@dataclass(frozen=True, slots=True)
class _Cost:
    parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class _BackboneCost:
    stages: tuple[_Cost, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]


def _costs_of(config: TrialConfig, info: DataInfo) -> tuple[Counter[_Cost], list[_Cost]]:
    """Return how often each stage's cost counts, and the cost of each head."""
    backbone = config.backbone
    if backbone.name in N_STAGES or backbone.name.startswith(TIMM):
        # Trained weights cost as much as others, and these need no download.
        backbone = backbone.model_copy(update={"weights": "none"})
    stages = _backbone_cost(backbone).stages
    counted: Counter[_Cost] = Counter()
    for cost, groups in zip(stages, groups_by_stage(config.sharing, len(stages)), strict=True):
        counted[cost] += len(groups)
    data = _Data(info)
    return counted, [
        _head_cost(task, config.imports.get(task, ""), backbone, config.heads, data)
        for task in config.tasks
    ]


@lru_cache(maxsize=64)
def _backbone_cost(backbone: BackboneConfig) -> _BackboneCost:
    with torch.random.fork_rng(devices=[]):
        stages = build_stages(backbone)
    costs, sizes = [], []
    output: object = torch.zeros(1, channels_of(backbone.views), *backbone.image_size)
    for stage in stages.modules:
        output, flops = _run(stage.eval(), output)
        assert isinstance(output, Tensor), "a stage gives one tensor"
        costs.append(_Cost(count_parameters(stage), flops))
        sizes.append((output.shape[2], output.shape[3]))
    return _BackboneCost(tuple(costs), stages.channels, stages.strides, tuple(sizes))


@dataclass(frozen=True, slots=True)
class _Data:
    """What is known of the data, by content, as a key to remember by."""

    info: DataInfo

    @override
    def __hash__(self) -> int:
        return hash((self.info.detection_classes, self.info.segmentation_classes))


@lru_cache(maxsize=256)
def _head_cost(
    task: str, path: str, backbone: BackboneConfig, heads: HeadsConfig, data: _Data
) -> _Cost:
    known = _backbone_cost(backbone)
    with torch.random.fork_rng(devices=[]):
        head = build_head(
            task,
            {task: path} if path else {},
            channels=known.channels,
            strides=known.strides,
            heads=heads,
            info=data.info,
        )
    features = tuple(
        torch.zeros(1, channels, *size)
        for channels, size in zip(known.channels, known.sizes, strict=True)
    )
    _, flops = _run(head.eval(), features)
    return _Cost(count_parameters(head), flops)
