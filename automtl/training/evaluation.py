"""Score a network on a split: every task's metrics, and the whole system's where it exists."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from automtl.data.table import DataInfo, FrameTable, make_batch
from automtl.model.network import MultiTaskNetwork
from automtl.tasks import detection, tracking
from automtl.tasks.base import RawOutput
from automtl.tasks.choose import task_named
from automtl.tasks.system import evaluate_system

BATCH_SIZE = 16
"""Frames in a forward pass; measured: larger ones leave the cache and are slower on a CPU."""


def evaluate(
    network: MultiTaskNetwork,
    table: FrameTable,
    info: DataInfo,
    tasks: Sequence[str],
    *,
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Return the metrics of all ``tasks`` on ``table``, in eval mode and float32.

    Args:
        network: Left in the mode in which it was.
        table: Frames and labels.
        info: Classes and picture size.
        tasks: Names of tasks that the network has.
        batch_size: Frames in a forward pass; it does not change the values.

    Returns:
        Metric values by key; with detection and tracking also those of the whole system,
        which tracks its own detections.
    """
    outputs = predict(network, table, tasks, batch_size=batch_size)
    return score(outputs, table, info, tasks)


def predict(
    network: MultiTaskNetwork, table: FrameTable, tasks: Sequence[str], *, batch_size: int
) -> dict[str, list[RawOutput]]:
    """Return the raw outputs of each task, on the CPU in chunks, in the order of the frames."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    outputs: dict[str, list[RawOutput]] = {task: [] for task in tasks}
    with torch.inference_mode():
        for chunk in _chunks(len(table), batch_size):
            images = torch.from_numpy(table.images[chunk]).to(device)
            for task, output in network(images, tasks).items():
                outputs[task].append({name: t.float().cpu() for name, t in output.items()})
    network.train(was_training)
    return outputs
