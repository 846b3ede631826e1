"""Score a network on a split: every task's metrics, and the whole system's where it exists."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from automtl.config import View
from automtl.data.table import DataInfo, FrameTable
from automtl.data.views import compute_views
from automtl.model.network import MultiTaskNetwork
from automtl.tasks.base import RawOutput
from automtl.tasks.choose import task_named
from automtl.tasks.detection import decode
from automtl.tasks.system import evaluate_system
from automtl.tasks.tracking import sample_embeddings

BATCH_SIZE = 16
"""Frames in a forward pass: on a CPU larger ones leave the caches and are not faster."""

Outputs = Mapping[str, Sequence[RawOutput]]
"""Raw outputs of each task in chunks, in the order of a table's frames."""


def evaluate(
    network: MultiTaskNetwork,
    table: FrameTable,
    info: DataInfo,
    tasks: Sequence[str],
    *,
    batch_size: int = BATCH_SIZE,
) -> dict[str, float]:
    """Return the metrics of ``tasks`` on ``table``, in eval mode and float32.

    Args:
        network: Left in the mode in which it was.
        table: Frames and labels.
        info: Classes and picture size.
        tasks: Names of tasks that the network has.
        batch_size: Frames in a forward pass; it changes the values by rounding only.

    Returns:
        Metric values by key; with detection and tracking also those of the whole system,
        which tracks its own detections.
    """
    outputs = predict(network, table, tasks, batch_size=batch_size)
    return score_outputs(outputs, table, info, imports=network.imports)


def predict(
    network: MultiTaskNetwork,
    table: FrameTable,
    tasks: Sequence[str],
    *,
    batch_size: int = BATCH_SIZE,
) -> Outputs:
    """Return the raw outputs of ``tasks`` on the CPU, in eval mode and float32."""
    return predict_images(network, table.images, tasks, views=table.views, batch_size=batch_size)


def predict_images(
    network: MultiTaskNetwork,
    images_nchw: NDArray[np.uint8],
    tasks: Sequence[str],
    *,
    views: Sequence[View] = ("rgb",),
    batch_size: int = BATCH_SIZE,
) -> Outputs:
    """Return what :func:`predict` does for frames without labels.

    Args:
        network: As there.
        images_nchw: uint8 pictures ``[N, 3, H, W]``, or what ``views`` says.
        tasks: As there.
        views: What the frames hold. Of pictures the views that the network reads are computed.
        batch_size: As there.
    """
    device, n = next(network.parameters()).device, len(images_nchw)
    was_training = network.training
    network.eval()
    outputs: dict[str, list[RawOutput]] = {task: [] for task in tasks}
    with torch.inference_mode():
        for rows in np.split(np.arange(n), range(batch_size, n, batch_size)):
            # Indexing copies: the frames may lie in shared memory that must not be written to.
            chunk = images_nchw[rows]
            read = chunk if network.views == tuple(views) else compute_views(chunk, network.views)
            images = torch.from_numpy(read).to(device)
            for task, output in network(images, tasks).items():
                outputs[task].append({name: t.float().cpu() for name, t in output.items()})
    network.train(was_training)
    return outputs


def score_outputs(
    outputs: Outputs,
    table: FrameTable,
    info: DataInfo,
    *,
    imports: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, float]:
    """Return the metrics of the tasks in ``outputs``, and the whole system's if it is there.

    Args:
        outputs: Raw outputs.
        table: Frames and labels.
        info: Classes and picture size.
        imports: Where tasks that are not built in come from.
    """
    values: dict[str, float] = {}
    for task, chunks in outputs.items():
        values |= task_named(task, imports).evaluate(chunks, table, info)
    if {"detection", "tracking"} <= set(outputs):
        values |= _system(outputs, table, info)
    return values


def _system(outputs: Outputs, table: FrameTable, info: DataInfo) -> dict[str, float]:
    chunks = zip(outputs["detection"], outputs["tracking"], strict=True)
    detections, embeddings = [], []
    for detected, embedded in chunks:
        found = decode(detected, info)
        detections += found
        sampled = sample_embeddings(embedded, [objects.boxes for objects in found], info)
        embeddings += [embedding.numpy() for embedding in sampled]
    return evaluate_system(detections, embeddings, table)
