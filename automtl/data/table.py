"""Frames and labels as flat arrays: decoded once, shared by all trials of a node.

Axis letters: N frames, M objects, H height, W width, B batch.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.config.blueprint import View

Made = TypeVar("Made")

IGNORED = 255
"""Mask value that is not labelled."""

UNKNOWN_ID = -1
"""Track id of an object whose identity is not labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInfo:
    """What heads need to know of the data.

    Attributes:
        detection_classes: Names by index.
        segmentation_classes: Names by mask value.
        image_size: Height and width of the decoded frames in pixels.
        segmentation_frequency: Share of the labelled training pixels by mask value.
        digest: Digest of all frames and labels.
        image_classes: Names of the pictures' classes by index.
        target_medians: Median of each further target's labelled numbers in the training split.
    """

    detection_classes: tuple[str, ...]
    segmentation_classes: tuple[str, ...]
    image_size: tuple[int, int]
    segmentation_frequency: tuple[float, ...] = ()
    digest: str = ""
    image_classes: tuple[str, ...] = ()
    target_medians: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTable:
    """Decoded frames of one split.

    Attributes:
        images: uint8 ``[N, C, H, W]``: the pictures, or the stacked views that ``views`` names.
        clip: int64 ``[N]``, clip of each frame; a still is a clip of its own.
        frame: int64 ``[N]``, index within the clip, from 0.
        names: File names or generated names, for messages.
        labels: Per task, bool ``[N]``: whether the frame carries that task's labels.
        offsets: int64 ``[N + 1]``: objects of frame ``i`` are rows ``offsets[i]:offsets[i + 1]``.
        boxes: float32 ``[M, 4]`` xyxy in pixels of the decoded frame.
        classes: int64 ``[M]``.
        ids: int64 ``[M]``, unique within a clip; ``UNKNOWN_ID`` where not labelled.
        semantic: uint8 ``[N, H, W]``, ``IGNORED`` where not labelled.
        instances: uint16 ``[N, H, W]``, 0 where there is none or it is not labelled.
        source: int64 ``[N]``, the source of each frame, an index into ``rates``.
        rates: How often a frame of each source is drawn in training, relative to the others.
        targets: Targets of further tasks by name, ``[N, ...]``; where the last two axes are
            ``[H, W]`` they are mirrored with the picture.
        views: What ``images`` holds, in the order of its channels.
    """

    images: NDArray[np.uint8]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    names: tuple[str, ...]
    labels: Mapping[str, NDArray[np.bool_]]
    offsets: NDArray[np.int64]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    ids: NDArray[np.int64]
    semantic: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    source: NDArray[np.int64]
    rates: tuple[float, ...]
    targets: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    views: tuple[View, ...] = ("rgb",)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.images)

    def objects(self, index: int) -> slice:
        """Return the rows of frame ``index`` in ``boxes``, ``classes`` and ``ids``."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def labelled(self, task: str) -> NDArray[np.bool_]:
        """Return which frames carry the labels of ``task``, ``[N]``; none of an unknown one."""
        return self.labels.get(task, np.zeros(len(self), dtype=np.bool_))


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitData:
    """The splits of a study, ready to train."""

    info: DataInfo
    train: FrameTable
    validation: FrameTable
    test: FrameTable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiTaskBatch:
    """Frames of one step on one device; any frame may lack any label.

    Attributes:
        images: uint8 ``[B, C, H, W]``, the stacked views that ``views`` names.
        clip: int64 ``[B]``.
        frame: int64 ``[B]``.
        labels: Per task, bool ``[B]``.
        boxes: Per frame, float32 ``[n, 4]`` xyxy in pixels.
        classes: Per frame, int64 ``[n]``.
        ids: Per frame, int64 ``[n]``, ``UNKNOWN_ID`` where not labelled.
        semantic: int64 ``[B, H, W]``, ``IGNORED`` where not labelled.
        targets: Targets of further tasks by name, ``[B, ...]``.
        views: What ``images`` holds, in the order of its channels.
    """

    images: Tensor
    clip: Tensor
    frame: Tensor
    labels: Mapping[str, Tensor]
    boxes: tuple[Tensor, ...]
    classes: tuple[Tensor, ...]
    ids: tuple[Tensor, ...]
    semantic: Tensor
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    views: tuple[View, ...] = ("rgb",)
    _kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what ``make`` returns, made once for this batch: targets made of its labels.

        A step that looks at its batch again, as FAMO's does, finds them made. Nothing may change
        them, or the batch's labels, in place.

        Args:
            key: What is made, and all it depends on beside the batch.
            make: Makes it; without gradients, and for trainings too where none is under way.
        """
        if key not in self._kept:
            with torch.inference_mode(mode=False), torch.no_grad():
                self._kept[key] = make()
        return cast("Made", self._kept[key])

    def part(self, rows: slice) -> "MultiTaskBatch":
        """Return some of the frames."""
        return MultiTaskBatch(
            images=self.images[rows],
            clip=self.clip[rows],
            frame=self.frame[rows],
            labels={task: mask[rows] for task, mask in self.labels.items()},
            boxes=self.boxes[rows],
            classes=self.classes[rows],
            ids=self.ids[rows],
            semantic=self.semantic[rows],
            targets={name: values[rows] for name, values in self.targets.items()},
            views=self.views,
        )

    def has(self, task: str) -> bool:
        """Return whether any frame carries labels of ``task``."""
        mask = self.labels.get(task)
        return mask is not None and bool(mask.any())


def make_batch(
    table: FrameTable, indices: NDArray[np.int64], *, device: torch.device
) -> MultiTaskBatch:
    """Gather frames ``indices`` of ``table`` onto ``device``."""
    columns = columns_of(table)
    objects = objects_of(table, indices)
    return assembled(
        table,
        indices,
        of_frames=lambda name: sent(columns[name][indices], device),
        of_objects=lambda name: sent(columns[name][objects], device),
    )


def columns_of(table: FrameTable) -> dict[str, NDArray[Any]]:
    """Return what a batch is made of by name: a row for each frame, or for each object."""
    return {
        "images": table.images,
        "clip": table.clip,
        "frame": table.frame,
        "semantic": table.semantic,
        "boxes": table.boxes,
        "classes": table.classes,
        "ids": table.ids,
        **{f"labels/{task}": mask for task, mask in table.labels.items()},
        **{f"targets/{name}": values for name, values in table.targets.items()},
    }


def objects_of(table: FrameTable, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the objects of some frames, one frame after the other."""
    starts = table.offsets[indices]
    counts = table.offsets[indices + 1] - starts
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def assembled(
    table: FrameTable,
    indices: NDArray[np.int64],
    *,
    of_frames: Callable[[str], Tensor],
    of_objects: Callable[[str], Tensor],
) -> MultiTaskBatch:
    """Make a batch, wherever its columns are.

    Args:
        table: Tells how many objects a frame has, and what its pictures hold.
        indices: Which frames.
        of_frames: Gives the rows of these frames in a column, in memory of their own.
        of_objects: Gives those of their objects.
    """
    counts = (table.offsets[indices + 1] - table.offsets[indices]).tolist()
    return MultiTaskBatch(
        images=of_frames("images"),
        clip=of_frames("clip"),
        frame=of_frames("frame"),
        labels={task: of_frames(f"labels/{task}") for task in table.labels},
        boxes=torch.split(of_objects("boxes"), counts),
        classes=torch.split(of_objects("classes"), counts),
        ids=torch.split(of_objects("ids"), counts),
        semantic=of_frames("semantic").to(torch.int64),
        targets={name: of_frames(f"targets/{name}") for name in table.targets},
        views=table.views,
    )


def sent(values: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array on ``device``; to a GPU without waiting for its other work.

    Args:
        values: On a CPU the tensor is the same memory.
        device: Where to.
    """
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
