"""A task of one's own in one file, and the contract that it has to satisfy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from automtl.config.blueprint import HeadsBlueprint
from automtl.data.table import DataInfo, FrameTable, MultiTaskBatch
from automtl.errors import DataError
from automtl.tasks.base import RawOutput
from automtl.testing.task_contract import Targets, TaskContract


class BrightnessHead(nn.Module):
    """One number for each picture: ``{"value": [B]}``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value = nn.Linear(channels, 1)

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"value": self.value(features[-1].mean(dim=(2, 3)))[:, 0]}


@dataclass(frozen=True)
class BrightnessTask:
    """How bright the scene is, scored by the coefficient of determination."""

    name: str = "brightness"
    primary: str = "brightness/r2"
    metrics: tuple[str, ...] = ("brightness/r2", "brightness/mae")
    smaller_is_better: frozenset[str] = frozenset({"brightness/mae"})

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        return BrightnessHead(channels[-1])

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        # Frames without the label are taken out. With none left the sum is 0, never NaN.
        labelled = batch.labels[self.name]
        apart = output["value"][labelled].float() - batch.targets[self.name][labelled]
        return apart.square().sum() / max(1, len(apart))

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        labelled = table.labelled(self.name)
        if not labelled.any():
            msg = "no frame of this split has a brightness"
            raise DataError(msg, where=self.name)
        truth = table.targets[self.name][labelled]
        found = torch.cat([output["value"] for output in outputs]).numpy()[labelled]
        spread = max(float(truth.var()), 1e-12)
        return {
            "brightness/r2": 1 - float(((found - truth) ** 2).mean()) / spread,
            "brightness/mae": float(np.abs(found - truth).mean()),
        }

    def decode(self, output: RawOutput, info: DataInfo) -> dict[str, Tensor]:
        return {"brightness": output["value"]}


class TestBrightness(TaskContract):
    @pytest.fixture
    def task(self) -> BrightnessTask:
        return BrightnessTask()

    @pytest.fixture
    def targets(self) -> Targets:
        return {"brightness": np.linspace(0, 1, 6, dtype=np.float32)}

    @pytest.fixture
    def perfect(self, targets: Targets) -> RawOutput:
        return {"value": torch.from_numpy(targets["brightness"])}
