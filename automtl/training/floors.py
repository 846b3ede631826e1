"""What trivial predictors reach: a metric without its floor says little.

They are scored by the very code that scores a trial.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from automtl.config import TrialConfig
from automtl.data.table import IGNORED, DataInfo, FrameTable, SplitData
from automtl.model.network import build_network
from automtl.own_code import blamed
from automtl.tasks.base import RawOutput
from automtl.tasks.choose import task_named
from automtl.tasks.detection import Detections, mean_average_precision
from automtl.tasks.tracking import STRIDE
from automtl.training.evaluation import BATCH_SIZE, evaluate

SEED = 0
MAX_OBJECTS = 100
OVERLAP = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A trivial predictor's values on the validation split.

    Attributes:
        name: What predicts.
        values: Metric values by key, of the tasks that it can predict.
    """

    name: str
    values: Mapping[str, float]


def floors(data: SplitData, config: TrialConfig) -> list[Floor]:
    """Score trivial predictors of each task of ``config``, and its network before training.

    Args:
        data: ``train`` is what the predictors know, ``validation`` what they are scored on.
        config: Tasks and network; the network's weights are those that a training begins with.

    Raises:
        DataError: If a task has no labels in the validation split.
    """
    found = []
    for task in config.tasks:
        match task:
            case "detection":
                found.append(Floor(name="mean boxes", values=_mean_boxes(data)))
            case "segmentation":
                found.append(Floor(name="majority class", values=_majority_class(data)))
            case "tracking":
                values = _random_embeddings(data, config.heads.embedding_dim)
                found.append(Floor(name="random embeddings", values=values))
            case "classification":
                found.append(Floor(name="majority picture class", values=_majority_picture(data)))
            case "depth":
                found.append(Floor(name="median depth", values=_median_depth(data)))
            case _:  # a user's own task: only its untrained network is known
                continue
    return [*found, Floor(name="untrained network", values=_untrained(data, config))]


def _untrained(data: SplitData, config: TrialConfig) -> dict[str, float]:
    """Score the network that a training begins with; a task of one's own may break on it."""
    network = build_network(config, data.info, generator_seed=SEED)
    own = ", ".join(config.own_code)
    if not own:
        return evaluate(network, data.validation, data.info, config.tasks)
    fix = "Test the code with automtl.testing.task_contract"
    with blamed(f"an untrained network with {own} fails", where="imports", fix=fix):
        return evaluate(network, data.validation, data.info, config.tasks)


def _mean_boxes(data: SplitData) -> dict[str, float]:
    """Put each class's mean box where its objects are in the training split, commonest first."""
    boxes = mean_boxes(data.train, data.info)
    return mean_average_precision([boxes] * len(data.validation), data.validation)


def mean_boxes(table: FrameTable, info: DataInfo) -> Detections:
    """Return the boxes that the mean-box detector finds in every frame.

    Args:
        table: The training frames. A class's box has the mean size of its boxes there, and
            its score at a place grows with how many of them have their centre near.
        info: Classes and picture size.
    """
    rows = _rows(table)
    boxes, classes = table.boxes[rows], table.classes[rows]
    placed = [
        _places(boxes[classes == index], index, info) for index in np.unique(classes).tolist()
    ]
    if not placed:
        return Detections(
            boxes=torch.zeros(0, 4), scores=torch.zeros(0), classes=torch.zeros(0).long()
        )
    all_boxes, scores, labels = (torch.cat(parts) for parts in zip(*placed, strict=True))
    kept = batched_nms(all_boxes, scores, labels, OVERLAP)[:MAX_OBJECTS]
    return Detections(boxes=all_boxes[kept], scores=scores[kept], classes=labels[kept])


def _places(
    boxes: NDArray[np.float32], index: int, info: DataInfo
) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and classes of one class on a grid, empty cells left out."""
    height, width = info.image_size
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).mean(axis=0) / 2
    counts, xs, ys = np.histogram2d(
        centres[:, 0], centres[:, 1], bins=8, range=[[0, width], [0, height]]
    )
    columns, rows = np.nonzero(counts)
    middles = np.stack(
        [(xs[columns] + xs[columns + 1]) / 2, (ys[rows] + ys[rows + 1]) / 2], axis=1
    )
    placed = np.concatenate([middles - half, middles + half], axis=1).astype(np.float32)
    scores = (counts[columns, rows] / (counts.sum() + 1)).astype(np.float32)
    return (
        torch.from_numpy(placed),
        torch.from_numpy(scores),
        torch.full((len(placed),), index, dtype=torch.int64),
    )


def _rows(table: FrameTable) -> NDArray[np.int64]:
    """Return the rows of all objects in frames with boxes."""
    frames = np.flatnonzero(table.labelled("detection"))
    rows = [np.arange(table.offsets[i], table.offsets[i + 1]) for i in frames]
    return np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)


def _majority_class(data: SplitData) -> dict[str, float]:
    """Give every pixel the commonest class of the training split."""
    labelled = data.train.semantic[data.train.labelled("segmentation")]
    counts = np.bincount(labelled[labelled != IGNORED], minlength=1)
    logits = torch.zeros(1, len(data.info.segmentation_classes), 1, 1)
    logits[0, int(counts.argmax())] = 1.0
    outputs = [{"logits": logits.expand(n, -1, -1, -1)} for n in _chunks(data.validation)]
    return task_named("segmentation").evaluate(outputs, data.validation, data.info)


def _majority_picture(data: SplitData) -> dict[str, float]:
    """Give every picture the commonest class of the training split."""
    labelled = data.train.labelled("classification")
    known = data.train.targets["classification"][labelled] if labelled.any() else np.arange(0)
    counts = np.bincount(known[known >= 0], minlength=len(data.info.image_classes) or 1)
    logits = torch.zeros(len(data.validation), len(counts))
    logits[:, int(counts.argmax())] = 1.0
    task = task_named("classification")
    return task.evaluate([{"logits": logits}], data.validation, data.info)


def _median_depth(data: SplitData) -> dict[str, float]:
    """Give every pixel the median depth of the training split."""
    median = data.info.target_medians.get("depth", 1.0)
    outputs = [
        {"log": torch.full((n, 1, 1, 1), float(np.log(median)))} for n in _chunks(data.validation)
    ]
    return task_named("depth").evaluate(outputs, data.validation, data.info)


def _random_embeddings(data: SplitData, dim: int) -> dict[str, float]:
    """Give every place of every frame an embedding of its own, at random."""
    generator = torch.Generator().manual_seed(SEED)
    height, width = (-(-side // STRIDE) for side in data.info.image_size)
    outputs: list[RawOutput] = [
        {"embedding": torch.randn(n, dim, height, width, generator=generator)}
        for n in _chunks(data.validation)
    ]
    return task_named("tracking").evaluate(outputs, data.validation, data.info)


def _chunks(table: FrameTable) -> Iterator[int]:
    """Yield the sizes of the table's chunks."""
    for start in range(0, len(table), BATCH_SIZE):
        yield min(BATCH_SIZE, len(table) - start)
