"""Segmentation: a class for each pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from automtl.config.blueprint import HeadsBlueprint
from automtl.config.metrics import TASK_METRICS
from automtl.data.table import IGNORED, DataInfo, FrameTable, MultiTaskBatch
from automtl.errors import DataError
from automtl.tasks.base import RawOutput
from automtl.tasks.blocks import DenseHead

STRIDE = 4


@dataclass(frozen=True, slots=True)
class SegmentationTask:
    """Per-pixel classes, scored by the mean intersection over union."""

    name: str = "segmentation"
    primary: str = "segmentation/mIoU"
    metrics: tuple[str, ...] = TASK_METRICS["segmentation"]
    smaller_is_better: frozenset[str] = frozenset()

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        """Return the head: class scores at stride 4, ``{"logits": [B, K, H / 4, W / 4]}``."""
        return DenseHead(
            channels,
            strides,
            stride=STRIDE,
            width=heads.channels,
            outputs={"logits": len(info.segmentation_classes)},
        )

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        """Return the class-balanced cross-entropy over labelled pixels."""
        logits = output["logits"][batch.labels["segmentation"]].float()
        shape, frequency = logits.shape, info.segmentation_frequency
        truth = batch.once(
            ("segmentation", shape, frequency), lambda: _truth(shape, batch, class_weights(info))
        )
        height, width = truth.pixels.shape[-2:]
        total = functional.cross_entropy(
            logits[:, :, :height, :width],
            truth.pixels,
            weight=truth.weights,
            ignore_index=IGNORED,
            reduction="sum",
        )
        return total / truth.mass

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        """Return the mean IoU over the classes that the labels contain.

        Raises:
            DataError: If no pixel is labelled.
        """
        n = len(info.segmentation_classes)
        confusion = np.zeros((n, n), dtype=np.int64)
        start = 0
        for output in outputs:
            predicted = decode(output, info).numpy()
            stop = start + len(predicted)
            labelled = table.labelled("segmentation")[start:stop]
            truth = table.semantic[start:stop][labelled]
            confusion += confusion_matrix(truth, predicted[labelled], n)
            start = stop
        return {"segmentation/mIoU": mean_iou(confusion)}


def decode(output: RawOutput, info: DataInfo) -> Tensor:
    """Return the class of each pixel, uint8 ``[B, H, W]``."""
    full = functional.interpolate(
        output["logits"].float(), size=info.image_size, mode="bilinear", align_corners=False
    )
    return full.argmax(dim=1).to(torch.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    """What the labelled frames teach.

    Attributes:
        pixels: Classes, int64 ``[L, h, w]``.
        weights: By class.
        mass: Sum of the weights of the labelled pixels.
    """

    pixels: Tensor
    weights: Tensor
    mass: Tensor


def _truth(shape: torch.Size, batch: MultiTaskBatch, class_weights: Sequence[float]) -> _Truth:
    """Return what the labelled frames teach, for logits ``[L, K, h, w]``."""
    scale = batch.semantic.shape[-1] // shape[-1]
    # Every `scale`-th pixel is enough to learn from, and costs a sixteenth at stride 4.
    pixels = batch.semantic[:, scale // 2 :: scale, scale // 2 :: scale]
    pixels = pixels[:, : shape[-2], : shape[-1]][batch.labels["segmentation"]]
    weights = torch.tensor(class_weights, device=pixels.device)
    safe = pixels.clamp(max=len(weights) - 1)
    mass = (weights[safe] * (pixels != IGNORED)).sum()
    return _Truth(pixels=pixels, weights=weights, mass=mass.clamp(min=1e-6))


def class_weights(info: DataInfo) -> list[float]:
    """Return the square root of median frequency balancing, within [0.2, 5].

    Median frequency balancing: Eigen and Fergus 2015, arXiv 1411.4734, section 6.3.2.
    """
    frequency = np.array(info.segmentation_frequency or [1.0] * len(info.segmentation_classes))
    present = frequency[frequency > 0]
    median = float(np.median(present)) if len(present) else 1.0
    ratio = np.divide(median, frequency, out=np.ones_like(frequency), where=frequency > 0)
    weights: list[float] = np.clip(np.sqrt(ratio), 0.2, 5.0).tolist()
    return weights


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count pixels by true class (rows) and predicted class (columns)."""
    valid = truth < n_classes
    pairs = truth[valid].astype(np.int64) * n_classes + predicted[valid]
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def mean_iou(confusion: np.ndarray) -> float:
    """Return the mean IoU over classes with at least one labelled pixel.

    Raises:
        DataError: If no pixel is labelled.
    """
    truth = confusion.sum(axis=1)
    if not truth.any():
        msg = "no frame of this split has a class mask"
        raise DataError(msg, where="segmentation")
    hit = np.diag(confusion)
    union = truth + confusion.sum(axis=0) - hit
    return float(np.mean((hit / np.maximum(union, 1))[truth > 0]))
