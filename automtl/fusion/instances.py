"""From boxes and a class map of one frame to instances: which pixel is whose.

Axis letters: n objects, D embedding, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.fusion.association import Association
from automtl.fusion.masks import Mask, extent, window_of

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

REACH = 0.1
"""Pixels up to such a share of its size outside a box may be the object's: boxes are not exact."""

FULL = 0.4
"""Share of its box that an object fills at least, where nothing hides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """Objects of one frame.

    Attributes:
        boxes: ``[n, 4]`` xyxy in pixels.
        scores: ``[n]`` in [0, 1].
        classes: ``[n]``, indices of the detection classes.
        embeddings: Unit vectors ``[n, D]``; None without a tracking head.
        masks: Pixels of each object, no pixel twice; None without a segmentation head.
        support: ``[n]`` in [0, 1], how well an object's pixels fill its box; None without masks.
        extents: ``[n, 4]``, the box around each object's pixels, or its own box where it has
            none; None without masks.
    """

    boxes: Floats
    scores: Floats
    classes: Ids
    embeddings: Floats | None = None
    masks: tuple[Mask, ...] | None = None
    support: Floats | None = None
    extents: Floats | None = None

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.boxes)


def make_instances(
    boxes: Floats,
    scores: Floats,
    classes: Ids,
    *,
    embeddings: Floats | None,
    semantic: NDArray[np.uint8] | None,
    mask_values: Sequence[int | None],
) -> Instances:
    """Give every object its pixels.

    An object may have the pixels of its class in its box (a little enlarged). Where several
    boxes want a pixel it goes to the sure and the near: the largest score times
    ``exp(-distance^2)``, the distance from the box's centre in units of its half size.

    Args:
        boxes: ``[n, 4]`` xyxy.
        scores: ``[n]``.
        classes: ``[n]``.
        embeddings: ``[n, D]``, or None.
        semantic: ``[H, W]`` mask values, or None.
        mask_values: For each detection class the mask value of the same name, or None; an
            object of such a class gets the pixels of the value that fills most of its middle.
    """
    if semantic is None:
        return Instances(boxes=boxes, scores=scores, classes=classes, embeddings=embeddings)
    masks = _share_out(boxes, scores, classes, semantic, mask_values)
    found = [extent(mask) for mask in masks]
    extents = [box if own is None else own for own, box in zip(found, boxes, strict=True)]
    sizes = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 1, None), axis=1)
    filled = np.array([mask.area for mask in masks], np.float32) / sizes
    return Instances(
        boxes=boxes,
        scores=scores,
        classes=classes,
        embeddings=embeddings,
        masks=masks,
        support=np.clip(filled / FULL, 0, 1).astype(np.float32),
        extents=np.array(extents, np.float32).reshape(-1, 4),
    )


def mask_values_of(
    detection_classes: Sequence[str], segmentation_classes: Sequence[str]
) -> tuple[int | None, ...]:
    """Return for each detection class the mask value of the same name, or None.

    >>> mask_values_of(["car", "dog"], ["sky", "car"])
    (1, None)
    """
    values = {name: value for value, name in enumerate(segmentation_classes)}
    return tuple(values.get(name) for name in detection_classes)


def fused(instances: Instances, association: Association) -> tuple[Floats, Floats]:
    """Return boxes and scores after the masks had their say."""
    boxes, scores = instances.boxes, instances.scores
    if instances.support is None or instances.extents is None:
        return boxes, scores
    if association.support_weight:
        scores = scores * instances.support**association.support_weight
    if association.box_share:
        boxes = boxes + association.box_share * (instances.extents - boxes)
    return boxes, scores


def _share_out(
    boxes: Floats,
    scores: Floats,
    classes: Ids,
    semantic: NDArray[np.uint8],
    mask_values: Sequence[int | None],
) -> tuple[Mask, ...]:
    size = (semantic.shape[0], semantic.shape[1])
    margin = REACH * (boxes[:, 2:] - boxes[:, :2])
    reach = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
    windows = [window_of(box, size) for box in reach]
    owner = np.full(size, -1, np.int64)
    best = np.zeros(size, np.float32)
    for i, (window, box) in enumerate(zip(windows, boxes, strict=True)):
        value = mask_values[int(classes[i])]
        wanted = _main_value(semantic, box) if value is None else value
        claim = scores[i] * _nearness(window, box)
        wins = (semantic[window] == wanted) & (claim > best[window])
        best[window] = np.where(wins, claim, best[window])
        owner[window] = np.where(wins, i, owner[window])
    masks = []
    for i, (rows, columns) in enumerate(windows):
        pixels = owner[rows, columns] == i
        area = int(np.count_nonzero(pixels))
        masks.append(Mask(top=rows.start, left=columns.start, pixels=pixels, area=area))
    return tuple(masks)


def _nearness(window: tuple[slice, slice], box: Floats) -> Floats:
    centre, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 0.5)
    y = (np.arange(window[0].start, window[0].stop) + 0.5 - centre[1]) / half[1]
    x = (np.arange(window[1].start, window[1].stop) + 0.5 - centre[0]) / half[0]
    nearness: Floats = np.exp(-(y[:, None] ** 2 + x[None] ** 2)).astype(np.float32)
    return nearness


def _main_value(semantic: NDArray[np.uint8], box: Floats) -> int:
    """Return the mask value that fills most of a box's middle; 255 where there is no picture."""
    quarter = (box[2:] - box[:2]) / 4
    middle = np.concatenate([box[:2] + quarter, box[2:] - quarter])
    inside = semantic[window_of(middle, (semantic.shape[0], semantic.shape[1]))]
    return int(np.bincount(inside.ravel(), minlength=256).argmax()) if inside.size else 255
