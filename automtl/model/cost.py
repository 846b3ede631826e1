"""What a network costs to run: parameters, operations, time."""

import statistics
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Return the number of parameters, each counted once."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, image_size: tuple[int, int]) -> int:
    """Return the floating-point operations of one frame through all tasks.

    A multiplication and an addition count as two.
    """
    was_training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(_frame(network, image_size, 1))
    network.train(was_training)
    return int(counter.get_total_flops())


def latency_ms(
    network: nn.Module, image_size: tuple[int, int], *, batch: int = 1, repeats: int = 15
) -> float:
    """Return the median milliseconds of a forward pass through all tasks.

    On the CPU with one thread, so that trials with different shares of a machine compare.
    """
    threads = torch.get_num_threads()
    was_training = network.training
    frames = _frame(network, image_size, batch)
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


def _timed_ms(network: nn.Module, frames: torch.Tensor) -> float:
    _wait(frames.device)
    start = time.perf_counter()
    network(frames)
    _wait(frames.device)
    return 1000 * (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _frame(network: nn.Module, image_size: tuple[int, int], batch: int) -> torch.Tensor:
    device = next(network.parameters()).device
    return torch.zeros(batch, 3, *image_size, dtype=torch.uint8, device=device)
