"""Frames that stay on a device for a whole training, so that no step has to fetch them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.data.table import (
    FrameTable,
    MultiTaskBatch,
    assembled,
    columns_of,
    objects_of,
    sent,
)

CHUNK = 512
"""Frames placed at a time: the host needs no second copy of all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFrames:
    """A table's frames and labels on a device.

    Attributes:
        table: Where they come from.
        columns: By the names of ``columns_of``, in the table's own types.
        device: Where they are.
    """

    table: FrameTable
    columns: Mapping[str, Tensor]
    device: torch.device

    def batch(self, indices: NDArray[np.int64]) -> MultiTaskBatch:
        """Gather frames: to the bit what ``make_batch`` gives."""
        frames = sent(indices, self.device)
        objects = sent(objects_of(self.table, indices), self.device)
        return assembled(
            self.table,
            indices,
            of_frames=lambda name: self.columns[name][frames],
            of_objects=lambda name: self.columns[name][objects],
        )


def bytes_of(table: FrameTable) -> int:
    """Return what :func:`hold` will take on a device."""
    return sum(values.nbytes for values in columns_of(table).values())


def hold(table: FrameTable, device: torch.device) -> HeldFrames:
    """Put a table's frames and labels on a device."""
    columns = {name: _placed(values, device) for name, values in columns_of(table).items()}
    return HeldFrames(table=table, columns=columns, device=device)


def _placed(values: NDArray[Any], device: torch.device) -> Tensor:
    # Copied on the way: the table may lie in shared memory that must not be written to.
    chunks = np.split(values, range(CHUNK, len(values), CHUNK))
    placed = torch.empty(
        values.shape, dtype=torch.from_numpy(np.array(chunks[0][:0])).dtype, device=device
    )
    for number, chunk in enumerate(chunks):
        placed[number * CHUNK : number * CHUNK + len(chunk)] = torch.from_numpy(np.array(chunk))
    return placed
