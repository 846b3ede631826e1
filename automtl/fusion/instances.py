"""From boxes and a class map of one frame to instances: which pixel is whose.

Axis letters: n objects, D embedding, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.fusion.association import Association
from automtl.fusion.masks import NOBODY, Owners, Window, window_of, windows_of

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

REACH = 0.1
"""Pixels up to such a share of its size outside a box may be the object's: boxes are not exact."""

OTHER_CLASS = 0.5
"""Weight of a claim to pixels that show an object of another class: heads disagree on classes
more often than on whether there is an object at all."""

NEUTRAL = 0.5
"""Support that leaves a score as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Which pixels of a frame belong to which object.

    Attributes:
        owners: int16 ``[H, W]``, the row of each pixel's object, or ``NOBODY``.
        windows: For each object the rows and columns of its pixels; None where it has none.
        areas: ``[n]``, number of pixels.
        extents: ``[n, 4]``, the box around the pixels; the object's own where it has none.
        support: ``[n]`` in [0, 1], mean probability that the pixels in the middle of the box
            show an object.
    """

    owners: Owners
    windows: tuple[Window | None, ...]
    areas: Ids
    extents: Floats
    support: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """Objects of one frame.

    Attributes:
        boxes: ``[n, 4]`` xyxy in pixels.
        scores: ``[n]`` in [0, 1].
        classes: ``[n]``, indices of the detection classes.
        embeddings: Unit vectors ``[n, D]``; None without a tracking head.
        pixels: Their masks; None without a segmentation head.
    """

    boxes: Floats
    scores: Floats
    classes: Ids
    embeddings: Floats | None = None
    pixels: Pixels | None = None

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.boxes)


def make_pixels(
    boxes: Floats,
    scores: Floats,
    classes: Ids,
    *,
    semantic: NDArray[np.uint8],
    mask_values: Sequence[int | None],
    foreground: Floats | None = None,
) -> Pixels:
    """Give every object its pixels.

    An object may have the pixels of its class in its box (a little enlarged), and those of
    other objects' classes if no box of theirs wants them more. Where several boxes want a pixel
    it goes to the sure and the near: the largest score times ``exp(-distance^2)``, the distance
    from the box's centre in units of its half size.

    Args:
        boxes: ``[n, 4]`` xyxy.
        scores: ``[n]``.
        classes: ``[n]``.
        semantic: ``[H, W]`` mask values.
        mask_values: For each detection class the mask value of the same name, or None; an
            object of such a class gets the pixels of the value that fills most of its middle.
        foreground: ``[H, W]``, probability that a pixel shows an object of a detection class;
            by default 1 where ``semantic`` says so and 0 elsewhere.
    """
    owners = _share_out(boxes, scores, classes, semantic, mask_values)
    windows = tuple(windows_of(owners, len(boxes)))
    extents = [
        box if window is None else _box_of(window)
        for window, box in zip(windows, boxes, strict=True)
    ]
    return Pixels(
        owners=owners,
        windows=windows,
        areas=np.bincount(owners[owners != NOBODY], minlength=len(boxes)),
        extents=np.array(extents, np.float32).reshape(-1, 4),
        support=_support(boxes, classes, semantic, mask_values, foreground),
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
    """Return boxes and scores after the masks had their say.

    A score's log odds rise by ``support_weight`` times what its support is above neutral.
    """
    boxes, scores, pixels = instances.boxes, instances.scores, instances.pixels
    if pixels is None:
        return boxes, scores
    if association.support_weight:
        scores = _supported(scores, pixels.support, association.support_weight)
    if association.box_share:
        boxes = boxes + association.box_share * (pixels.extents - boxes)
    return boxes, scores


def _supported(scores: Floats, support: Floats, weight: float) -> Floats:
    safe = np.clip(scores, 1e-6, 1 - 1e-6)
    odds = np.log(safe / (1 - safe)) + weight * (support - NEUTRAL)
    supported: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return supported


def _support(
    boxes: Floats,
    classes: Ids,
    semantic: NDArray[np.uint8],
    mask_values: Sequence[int | None],
    foreground: Floats | None,
) -> Floats:
    named = [value for value in mask_values if value is not None]
    shown = np.isin(semantic, named) if foreground is None else foreground
    support = np.full(len(boxes), NEUTRAL, np.float32)
    for i, box in enumerate(boxes):
        inside = shown[window_of(_middle(box), _size(semantic))]
        if inside.size and mask_values[int(classes[i])] is not None:
            support[i] = inside.mean()
    return support


def _share_out(
    boxes: Floats,
    scores: Floats,
    classes: Ids,
    semantic: NDArray[np.uint8],
    mask_values: Sequence[int | None],
) -> Owners:
    margin = REACH * (boxes[:, 2:] - boxes[:, :2])
    reach = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
    is_object = np.isin(semantic, [value for value in mask_values if value is not None])
    owners = np.full(semantic.shape, NOBODY, np.int16)
    best = np.zeros(semantic.shape, np.float32)
    for i, box in enumerate(boxes):
        window = window_of(reach[i], _size(semantic))
        value = mask_values[int(classes[i])]
        wanted = _main_value(semantic, box) if value is None else value
        own = semantic[window] == wanted
        claim = scores[i] * _nearness(window, box) * np.where(own, 1.0, OTHER_CLASS)
        wins = (own | is_object[window]) & (claim > best[window])
        best[window] = np.where(wins, claim, best[window])
        owners[window] = np.where(wins, i, owners[window])
    return owners


def _nearness(window: Window, box: Floats) -> Floats:
    centre, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 0.5)
    y = (np.arange(window[0].start, window[0].stop) + 0.5 - centre[1]) / half[1]
    x = (np.arange(window[1].start, window[1].stop) + 0.5 - centre[0]) / half[0]
    nearness: Floats = np.exp(-(y[:, None] ** 2 + x[None] ** 2)).astype(np.float32)
    return nearness


def _main_value(semantic: NDArray[np.uint8], box: Floats) -> int:
    """Return the mask value that fills most of a box's middle; 255 where there is no picture."""
    inside = semantic[window_of(_middle(box), _size(semantic))]
    return int(np.bincount(inside.ravel(), minlength=256).argmax()) if inside.size else 255


def _middle(box: Floats) -> Floats:
    quarter = (box[2:] - box[:2]) / 4
    return np.concatenate([box[:2] + quarter, box[2:] - quarter])


def _box_of(window: Window) -> Floats:
    rows, columns = window
    return np.array([columns.start, rows.start, columns.stop, rows.stop], np.float32)


def _size(semantic: NDArray[np.uint8]) -> tuple[int, int]:
    return semantic.shape[0], semantic.shape[1]
