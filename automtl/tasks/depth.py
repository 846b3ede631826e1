"""Depth: a distance for each pixel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from automtl.config.blueprint import HeadsBlueprint
from automtl.config.metrics import TASK_METRICS
from automtl.data.table import DataInfo, FrameTable, MultiTaskBatch
from automtl.errors import DataError
from automtl.tasks.base import RawOutput
from automtl.tasks.blocks import DenseHead, stride_of

STRIDE = 4
NEAR = 1.25
"""Ratio up to which a pixel's depth counts as right (Eigen et al. 2014, arXiv 1406.2283)."""

_LIMIT = 20.0
"""Largest size of a logarithm that is decoded: a wild head shall have a bad score, not none."""


@dataclass(frozen=True, slots=True)
class DepthTask:
    """Depth in the unit of the labels, scored by the share of pixels that are nearly right.

    Targets are float32 ``[B, H, W]``; a pixel that is not a positive number is not labelled.
    """

    name: str = "depth"
    primary: str = "depth/delta1"
    metrics: tuple[str, ...] = TASK_METRICS["depth"]
    smaller_is_better: frozenset[str] = frozenset({"depth/abs_rel", "depth/rmse"})

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        """Return the head: logarithms at stride 4, ``{"log": [B, 1, H / 4, W / 4]}``."""
        head = DenseHead(
            channels, strides, stride=STRIDE, width=heads.channels, outputs={"log": 1}
        )
        # Beginning at the median spares the bias a way of thousands of steps.
        median = info.target_medians.get(self.name, 1.0)
        nn.init.constant_(head.get_parameter("log.bias"), log(median) if median > 0 else 0.0)
        return head

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        """Return the mean distance of the logarithms over the labelled pixels."""
        labelled = batch.labels[self.name]
        found = output["log"][labelled, 0].float()
        step = stride_of(output["log"], info)
        # One pixel of each cell is enough to learn from.
        truth = batch.targets[self.name][labelled][:, step // 2 :: step, step // 2 :: step]
        found = found[:, : truth.shape[-2], : truth.shape[-1]]
        valid = truth.isfinite() & (truth > 0)
        apart = (found[valid] - truth[valid].log()).abs()
        return apart.sum() / max(1, len(apart))

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        """Return delta1, the mean relative error and the root mean square error of all pixels.

        Raises:
            DataError: If no pixel has a depth.
        """
        sums = np.zeros(4)
        for found, truth in self._pairs(outputs, table, info):
            ratio = np.maximum(found / truth, truth / found)
            error = np.abs(found - truth)
            near, relative, square = (ratio < NEAR).sum(), (error / truth).sum(), (error**2).sum()
            sums += (truth.size, near, relative, square)
        if not sums[0]:
            msg = "no frame of this split has a depth"
            raise DataError(msg, where=self.name)
        n_pixels, near, relative, square = sums.tolist()
        return {
            "depth/delta1": near / n_pixels,
            "depth/abs_rel": relative / n_pixels,
            "depth/rmse": (square / n_pixels) ** 0.5,
        }

    def _pairs(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield the found and the true depth of each frame's labelled pixels, ``[n]`` each."""
        labelled, start = table.labelled(self.name), 0
        for output in outputs:
            rows = np.flatnonzero(labelled[start : start + len(output["log"])])
            decoded = decode({"log": output["log"][torch.from_numpy(rows)]}, info).numpy()
            for row, found in zip(rows.tolist(), decoded, strict=True):
                truth = table.targets[self.name][start + row]
                valid = np.isfinite(truth) & (truth > 0)
                yield found[valid].astype(np.float64), truth[valid].astype(np.float64)
            start += len(output["log"])


def decode(output: RawOutput, info: DataInfo) -> Tensor:
    """Return the depth of each pixel, float32 ``[B, H, W]``."""
    full = functional.interpolate(
        output["log"].float(), size=info.image_size, mode="bilinear", align_corners=False
    )
    return full[:, 0].clamp(-_LIMIT, _LIMIT).exp()
