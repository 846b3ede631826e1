"""What a task is: a head, a loss, a decoder and a metric, all in one file per task."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from automtl.config.blueprint import HeadsBlueprint
from automtl.data.table import DataInfo, FrameTable, MultiTaskBatch

RawOutput = Mapping[str, Tensor]
"""A head's output: tensors of fixed shape ``[B, ...]`` by name, nothing decoded."""


class Task(Protocol):
    """One task on the shared backbone.

    Contracts (proven by ``automtl.testing.task_contract``):
        - ``loss`` on a batch with no valid label is exactly 0 with zero gradient, and never NaN;
          a frame without the task's labels changes neither loss nor gradient.
        - ``evaluate`` gives every key of ``metrics``; with the ground truth as prediction the
          primary metric is its best value.
    """

    @property
    def name(self) -> str:
        """The task's name, as in ``sharing.order``."""
        ...

    @property
    def primary(self) -> str:
        """Key of the metric that selects, e.g. ``detection/mAP``; larger is better."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Keys that ``evaluate`` gives, the primary first."""
        ...

    @property
    def smaller_is_better(self) -> frozenset[str]:
        """Those of ``metrics`` that are errors; the primary is none of them."""
        ...

    def build_head(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        heads: HeadsBlueprint,
        info: DataInfo,
    ) -> nn.Module:
        """Return a module from the backbone's stage features to a :data:`RawOutput`.

        Args:
            channels: Channels of each stage's features, finest first.
            strides: Stride of each stage against the image.
            heads: Sizes.
            info: Classes and picture size.

        Returns:
            A module called with ``features: tuple[Tensor, ...]`` (each ``[B, C, H/s, W/s]``).
        """
        ...

    def loss(self, output: RawOutput, batch: MultiTaskBatch, info: DataInfo) -> Tensor:
        """Return the scalar loss over the frames that carry this task's labels."""
        ...

    def evaluate(
        self, outputs: Sequence[RawOutput], table: FrameTable, info: DataInfo
    ) -> dict[str, float]:
        """Score predictions.

        Args:
            outputs: Raw outputs on the CPU in the order of ``table``'s frames, in chunks.
            table: Frames and labels; frames without this task's labels are left out.
            info: Classes and picture size.

        Returns:
            Metric values by key.
        """
        ...


@runtime_checkable
class Decodes(Protocol):
    """A task of the user's own that says what its output means; ``automtl predict`` writes it."""

    def decode(self, output: RawOutput, info: DataInfo) -> Mapping[str, Tensor]:
        """Return what the frames are found to be.

        Args:
            output: Raw output on the CPU.
            info: Classes and picture size.

        Returns:
            Tensors ``[B, ...]`` by name. Numbers and vectors of a frame are written as JSON,
            arrays of more axes as ``.npy``, in pixels of the network's input.
        """
        ...
