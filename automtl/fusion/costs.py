"""What speaks for and against a link: motion, embedding and mask.

Axis letters: n objects, m tracks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.fusion.association import Association
from automtl.fusion.instances import Floats, Ids, Instances, Pixels
from automtl.fusion.masks import overlaps
from automtl.fusion.tracks import Tracks


def link_costs(
    chosen: Ids,
    boxes: Floats,
    instances: Instances,
    tracks: Tracks,
    association: Association,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the cost of each pair of a chosen row and a track, and whether it may be linked.

    Args:
        chosen: ``[n]``, rows of ``boxes`` and ``instances``.
        boxes: Of all instances, after fusion.
        instances: What the frame shows.
        tracks: Moved on to this frame.
        association: Weights and thresholds.

    Returns:
        Two arrays ``[n, m]``.
    """
    looks, vectors, pixels = instances.embeddings, tracks.vectors, instances.pixels
    cues = []
    if association.motion_weight:
        cues.append(_motion_cue(boxes[chosen], tracks, association, association.motion_weight))
    if association.embedding_weight and looks is not None and vectors is not None:
        cues.append(_embedding_cue(looks[chosen], vectors, association))
    if association.mask_weight and pixels is not None:
        cues.append(_mask_cue(chosen, pixels, tracks, association))
    cues = cues or [_motion_cue(boxes[chosen], tracks, association, 1.0)]
    total = sum(cue.weight for cue in cues)
    cost: Floats = np.zeros((len(chosen), len(tracks.numbers)), np.float32)
    possible = np.zeros(cost.shape, np.bool_)
    for cue in cues:
        cost += cue.weight / total * cue.distance
        possible |= cue.near
    differs = instances.classes[chosen][:, None] != tracks.classes
    if association.class_penalty >= 1:
        return cost, possible & ~differs
    return cost + association.class_penalty * differs, possible


def iou_matrix(first: Floats, second: Floats) -> Floats:
    """Return the overlap of every pair of xyxy boxes, ``[n, m]``."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inter = _areas(high - low)
    union = _areas(first[:, 2:] - first[:, :2])[:, None] + _areas(second[:, 2:] - second[:, :2])
    result: Floats = (inter / np.maximum(union - inter, 1e-9)).astype(np.float32)
    return result


@dataclass(frozen=True, slots=True)
class _Cue:
    """What one cue says: weight, ``[n, m]`` distances, and which pairs it finds near."""

    weight: float
    distance: Floats
    near: NDArray[np.bool_]


def _motion_cue(boxes: Floats, tracks: Tracks, association: Association, weight: float) -> _Cue:
    share = association.buffer
    overlap = iou_matrix(_grown(boxes, share), _grown(tracks.boxes, share))
    return _Cue(weight, 1 - overlap, overlap >= association.min_iou)


def _embedding_cue(looks: Floats, vectors: Floats, association: Association) -> _Cue:
    distance = 1 - looks @ vectors.T
    near = distance <= association.max_cosine_distance
    return _Cue(association.embedding_weight, distance, near)


def _mask_cue(chosen: Ids, pixels: Pixels, tracks: Tracks, association: Association) -> _Cue:
    """Compare each mask with each track's mask, moved as the track's box was."""
    overlap = np.zeros((len(chosen), len(tracks.masks)), np.float32)
    for column, (mask, moved) in enumerate(zip(tracks.masks, tracks.moved.tolist(), strict=True)):
        if mask is not None:
            found = overlaps(mask, pixels.owners, pixels.areas, right=moved[0], down=moved[1])
            overlap[:, column] = found[chosen]
    return _Cue(association.mask_weight, 1 - overlap, overlap >= association.min_mask_iou)


def _areas(sizes: Floats) -> Floats:
    # A tuning spends most of its time here: a product of two columns, not along a short axis.
    sides = np.maximum(sizes, 0)
    areas: Floats = sides[..., 0] * sides[..., 1]
    return areas


def _grown(boxes: Floats, share: float) -> Floats:
    if not share:
        return boxes
    margin = share * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
