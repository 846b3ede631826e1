"""Classification: one class for each picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from automtl.config.blueprint import HeadsBlueprint
from automtl.config.metrics import TASK_METRICS
from automtl.data.table import DataInfo, FrameTable, MultiTaskBatch
from automtl.errors import DataError
from automtl.tasks.base import RawOutput


class ClassificationHead(nn.Module):
    """Class scores of the whole picture: ``{"logits": [B, K]}``."""

    def __init__(self, channels: int, width: int, n_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(channels, width), nn.ReLU(inplace=True))
        self.logits = nn.Linear(width, n_classes)

    @override
    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"logits": self.logits(self.body(features[-1].mean(dim=(2, 3))))}


@dataclass(frozen=True, slots=True)
class ClassificationTask:
    """A class for each picture, scored by the share of pictures that get the right one.

    Targets are int64 ``[B]``, indices of ``info.image_classes``; a negative one is not labelled.
    """

    name: str = "classification"
    primary: str = "classification/accuracy"
    metrics: tuple[str, ...] = TASK_METRICS["classification"]
    smaller_is_better: frozenset[str] = frozenset()

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        """Return the head: the coarsest stage's mean over the picture, and two layers."""
        del strides
        return ClassificationHead(channels[-1], heads.channels, len(info.image_classes))

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        """Return the mean cross-entropy of the labelled pictures."""
        del info
        target = batch.targets["classification"]
        labelled = batch.labels["classification"] & (target >= 0)
        logits = output["logits"][labelled].float()
        total = functional.cross_entropy(logits, target[labelled], reduction="sum")
        return total / max(1, len(logits))

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        """Return the share of right pictures, over all and as the mean over the true classes.

        Raises:
            DataError: If no picture has a class.
        """
        predicted = np.concatenate([decode(output).numpy() for output in outputs])
        labelled = table.labelled("classification")
        if labelled.any():
            labelled = labelled & (table.targets["classification"] >= 0)
        if not labelled.any():
            msg = "no frame of this split has a class"
            raise DataError(msg, where="classification")
        truth = table.targets["classification"][labelled]
        is_right = predicted[labelled] == truth
        by_class = [is_right[truth == k].mean() for k in np.unique(truth)]
        return {
            "classification/accuracy": float(is_right.mean()),
            "classification/balanced_accuracy": float(np.mean(by_class)),
        }


def decode(output: RawOutput) -> Tensor:
    """Return the class of each picture, int64 ``[B]``."""
    return output["logits"].argmax(dim=1)


def probabilities(output: RawOutput) -> Tensor:
    """Return the probability of each class, float32 ``[B, K]``."""
    return torch.softmax(output["logits"].float(), dim=1)
