"""Which frames a training step sees, and how they are varied.

Axis letters: B frames of a batch, H height, W width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.config import View
from automtl.data.raw import TRACKING
from automtl.data.table import FrameTable, MultiTaskBatch, sent
from automtl.data.views import mirror_channels, rgb_channels
from automtl.errors import DataError

Indices = NDArray[np.int64]

FARTHEST = 3
"""Most shown frames between the two frames of a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """Frames to draw from.

    Attributes:
        rows: int64 ``[n]``, of the table.
        edges: float64 ``[n]``; frame ``i`` is drawn by numbers from ``edges[i - 1]`` to
            ``edges[i]``, the first one from 0; the last edge is 1.
    """

    rows: Indices
    edges: NDArray[np.float64]

    def at(self, number: float) -> int:
        """Return the frame that a number in [0, 1) stands for."""
        place = int(np.searchsorted(self.edges, number, side="right"))
        return int(self.rows[min(place, len(self.rows) - 1)])


class BatchSampler:
    """Draws the frames of each step: a pure function of seed, step and tasks.

    The random numbers are a function of seed and step alone; the tasks decide which frames they
    stand for. So where every frame carries every label, and has a frame of its clip near it if
    it has ids, a task is trained on the same frames whichever tasks are trained beside it, in
    whichever order.

    Args:
        table: The training frames.
        batch_size: Frames in a step, an even number.
        seed: Random stream of the training.

    Raises:
        ValueError: If ``batch_size`` is odd.
    """

    def __init__(self, table: FrameTable, *, batch_size: int, seed: int) -> None:
        if batch_size < 2 or batch_size % 2:
            msg = f"`batch_size` must be even and at least 2. Found {batch_size}."
            raise ValueError(msg)
        self._batch_size = batch_size
        self._seed = seed % 2**63
        self._labels = table.labels
        self._partners = _partners(table)
        rows = {task: np.flatnonzero(mask) for task, mask in table.labels.items()}
        rows[TRACKING] = np.array(sorted(self._partners), dtype=np.int64)
        self._pools = {task: _pool(table, own) for task, own in rows.items()}

    def check(self, tasks: Sequence[str]) -> None:
        """Make sure that every task can be trained.

        Raises:
            DataError: If no frame carries labels of a task, or tracking has no pair of frames.
        """
        for task in tasks:
            if task in self._pools and self._pools[task].rows.size:
                continue
            msg = f"no training frame carries labels of {task}"
            if task == TRACKING:
                msg = f"no training clip has two frames with ids at most {FARTHEST} frames apart"
            raise DataError(
                msg,
                where="data.train",
                fix=f"Add a source with such labels, or take {task} out of the recipe's tasks",
            )

    def sample(self, step: int, tasks: Sequence[str]) -> Indices:
        """Return the rows ``[batch_size]`` of the table that step ``step`` trains on.

        The batch is filled by twos, each for one of the tasks in turn, so that a task whose
        labels are few is still seen. Where ids are known a two is a pair, whichever task it is
        for: frames of one clip, at most :data:`FARTHEST` shown frames apart, in order. A frame
        of a source with twice the rate is drawn twice as often.

        Args:
            step: Number of the step.
            tasks: The tasks that the step trains; each needs labelled frames.

        Raises:
            DataError: If a task has none.
        """
        self.check(tasks)
        numbers = np.random.default_rng([self._seed, step]).random((self._batch_size // 2, 2))
        pairs = [
            self._draw(tasks[(step + slot) % len(tasks)], *two)
            for slot, two in enumerate(numbers.tolist())
        ]
        return np.array(pairs, dtype=np.int64).ravel()

    def _draw(self, task: str, first: float, second: float) -> tuple[int, int]:
        pool = self._pools[task]
        anchor = pool.at(first)
        near = self._partners.get(anchor, np.empty(0, np.int64))
        near = near[self._labels[task][near]]
        if not near.size:
            return anchor, pool.at(second)
        partner = int(near[int(second * len(near))])
        return min(anchor, partner), max(anchor, partner)


def _pool(table: FrameTable, rows: Indices) -> _Pool:
    weights = np.array(table.rates)[table.source[rows]]
    edges = np.cumsum(weights)
    return _Pool(rows=rows, edges=edges / edges[-1] if rows.size else edges)


def _partners(table: FrameTable) -> Mapping[int, Indices]:
    """Return for each frame with ids the frames with ids near it in its clip, if any."""
    rows = np.flatnonzero(table.labels.get(TRACKING, np.zeros(len(table), dtype=np.bool_)))
    rows = rows[np.lexsort((table.frame[rows], table.clip[rows]))]
    starts = np.flatnonzero(np.diff(table.clip[rows])) + 1
    partners = {}
    for members in np.split(rows, starts):
        for place, row in enumerate(members):
            # A clip's frames are distinct, so that no nearer frame stands further off than this.
            around = members[max(0, place - FARTHEST) : place + FARTHEST + 1]
            apart = np.abs(table.frame[around] - table.frame[row])
            near = around[(apart >= 1) & (apart <= FARTHEST)]
            if near.size:
                partners[int(row)] = near
    return partners


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How the frames of a batch are varied. All of it is known before anything is on a device.

    Attributes:
        mirrored: bool ``[B]``.
        gain: float32 ``[B, 1, 1, 1]``, multiplies the light.
        offset: float32 ``[B, 1, 1, 1]``, added to it.
    """

    mirrored: NDArray[np.bool_]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]


def draw_variation(clip: Indices, *, rng: np.random.Generator) -> Variation:
    """Draw how frames are varied.

    Mirroring is drawn for a clip, so that the frames of a pair stay comparable; gain and offset
    are drawn for a frame, so that brightness is no identity.

    Args:
        clip: Clip of each frame, ``[B]``.
        rng: Draws everything.
    """
    clips, of_clip = np.unique(clip, return_inverse=True)
    coins = rng.random(len(clips)) < 0.5
    shape = (len(clip), 1, 1, 1)
    return Variation(
        mirrored=coins[of_clip],
        gain=rng.uniform(0.8, 1.2, shape).astype(np.float32),
        offset=rng.uniform(-20, 20, shape).astype(np.float32),
    )


def augment(batch: MultiTaskBatch, *, rng: np.random.Generator) -> MultiTaskBatch:
    """Return the batch with half of its clips mirrored and with other light."""
    return vary(batch, draw_variation(batch.clip.cpu().numpy(), rng=rng))


def vary(batch: MultiTaskBatch, variation: Variation) -> MultiTaskBatch:
    """Return the batch as ``variation`` says, without waiting for its device.

    Views other than the picture are mirrored as what they are, a view of the mirrored picture,
    and left alone by the light, which they do not see. Uint8 stays uint8.

    Args:
        batch: Left as it is.
        variation: Of its frames.
    """
    device, width = batch.images.device, batch.images.shape[-1]
    gain, offset = sent(variation.gain, device), sent(variation.offset, device)
    images = batch.images.clone()
    rgb = rgb_channels(batch.views)
    lit = images[:, rgb].float().mul_(gain).add_(offset).clamp_(0, 255)
    images[:, rgb] = lit.to(torch.uint8)
    semantic = batch.semantic.clone()
    mirrored = sent(np.flatnonzero(variation.mirrored), device)
    images[mirrored] = _mirrored_views(images[mirrored], batch.views)
    semantic[mirrored] = semantic[mirrored].flip(-1)
    targets = {name: _mirrored_map(t, mirrored, images) for name, t in batch.targets.items()}
    flags = variation.mirrored.tolist()
    boxes = tuple(
        _mirror(box, width) if flag else box for box, flag in zip(batch.boxes, flags, strict=True)
    )
    return replace(batch, images=images, semantic=semantic, boxes=boxes, targets=targets)


def _mirrored_views(images: Tensor, views: Sequence[View]) -> Tensor:
    if tuple(views) == ("rgb",):
        return images.flip(-1)
    return images[:, sent(mirror_channels(views), images.device)].flip(-1)


def _mirrored_map(target: Tensor, mirrored: Tensor, images: Tensor) -> Tensor:
    if target.shape[-2:] != images.shape[-2:]:
        return target
    turned = target.clone()
    turned[mirrored] = turned[mirrored].flip(-1)
    return turned


def _mirror(boxes: Tensor, width: int) -> Tensor:
    left, top, right, bottom = boxes.unbind(1)
    return torch.stack((width - right, top, width - left, bottom), dim=1)
