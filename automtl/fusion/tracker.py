"""Instances to tracks, frame by frame: embedding, motion and mask decide together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from automtl.data.table import UNKNOWN_ID
from automtl.fusion.association import Association
from automtl.fusion.instances import Floats, Ids, Instances, fused
from automtl.fusion.masks import Mask, mask_iou

FORBIDDEN = 1e3
"""Cost of a link that may not be: larger than all that may be together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What fusion makes of a frame's instances, row by row.

    Attributes:
        boxes: ``[n, 4]`` xyxy, moved towards the masks.
        scores: ``[n]``, with the masks' support.
        ids: ``[n]``, track from 0, unique within the clip; ``UNKNOWN_ID`` without one.
    """

    boxes: Floats
    scores: Floats
    ids: Ids


@dataclass(slots=True)
class _Track:
    number: int
    box: Floats
    class_id: int
    vector: Floats | None
    mask: Mask | None
    velocity: Floats = field(default_factory=lambda: np.zeros(2, np.float32))
    moved: Floats = field(default_factory=lambda: np.zeros(2, np.float32))
    age: int = 0

    def advance(self) -> None:
        self.box = self.box + np.tile(self.velocity, 2)
        self.moved = self.moved + self.velocity
        self.age += 1


@dataclass(slots=True)
class Tracker:
    """Links the frames of one clip, in order, in two passes by score.

    Two passes: Zhang et al. 2022, arXiv 2110.06864. Motion is a constant velocity.
    """

    association: Association = field(default_factory=Association)
    _tracks: list[_Track] = field(default_factory=list)
    _n_tracks: int = 0

    def update(self, instances: Instances) -> Tracked:
        """Take the instances of the next frame."""
        boxes, scores = fused(instances, self.association)
        ids = np.full(len(boxes), UNKNOWN_ID, np.int64)
        for track in self._tracks:
            track.advance()
        high = scores >= self.association.high_score
        low = ~high & (scores >= self.association.low_score)
        for chosen in (np.flatnonzero(high), np.flatnonzero(low)):
            self._link(chosen, boxes, instances, ids)
        for i in np.flatnonzero(high & (ids == UNKNOWN_ID)).tolist():
            ids[i] = self._begin(boxes[i], instances, i)
        self._tracks = [t for t in self._tracks if t.age <= self.association.max_age]
        return Tracked(boxes=boxes, scores=scores, ids=ids)

    def _link(self, chosen: Ids, boxes: Floats, instances: Instances, ids: Ids) -> None:
        free = [t for t in self._tracks if t.age > 0]
        if not len(chosen) or not free:
            return
        cost = self._cost(chosen, boxes, instances, free)
        possible = cost <= self.association.max_cost
        rows, columns = linear_sum_assignment(np.where(possible, cost, FORBIDDEN))
        for row, column in zip(rows, columns, strict=True):
            if possible[row, column]:
                i = int(chosen[row])
                self._continue(free[column], boxes[i], instances, i)
                ids[i] = free[column].number

    def _cost(
        self, chosen: Ids, boxes: Floats, instances: Instances, free: Sequence[_Track]
    ) -> Floats:
        setting = self.association
        against = (1 - generalized_iou(boxes[chosen], np.stack([t.box for t in free]))) / 2
        total, weight = setting.motion_weight * against, setting.motion_weight
        vectors = [t.vector for t in free if t.vector is not None]
        all_known = len(vectors) == len(free)
        if setting.embedding_weight and instances.embeddings is not None and all_known:
            cosine = instances.embeddings[chosen] @ np.stack(vectors).T
            total = total + setting.embedding_weight * (1 - cosine) / 2
            weight += setting.embedding_weight
        if setting.mask_weight and instances.masks is not None:
            masks = [instances.masks[i] for i in chosen]
            total = total + setting.mask_weight * (1 - _mask_overlaps(masks, free))
            weight += setting.mask_weight
        other_class = instances.classes[chosen][:, None] != np.array([t.class_id for t in free])
        cost: Floats = total / max(weight, 1e-9) + setting.class_penalty * other_class
        return cost

    def _continue(self, track: _Track, box: Floats, instances: Instances, i: int) -> None:
        step = (box - track.box).reshape(2, 2).mean(axis=0) / track.age
        track.velocity = track.velocity + self.association.velocity_gain * step
        track.box, track.age, track.moved = box.copy(), 0, np.zeros(2, np.float32)
        track.class_id = int(instances.classes[i])
        track.mask = None if instances.masks is None else instances.masks[i]
        if instances.embeddings is not None and track.vector is not None:
            memory = self.association.memory
            mixed = memory * track.vector + (1 - memory) * instances.embeddings[i]
            track.vector = mixed / max(float(np.linalg.norm(mixed)), 1e-9)

    def _begin(self, box: Floats, instances: Instances, i: int) -> int:
        track = _Track(
            number=self._n_tracks,
            box=box.copy(),
            class_id=int(instances.classes[i]),
            vector=None if instances.embeddings is None else instances.embeddings[i],
            mask=None if instances.masks is None else instances.masks[i],
        )
        self._tracks.append(track)
        self._n_tracks += 1
        return track.number


def track_clips(
    frames: Sequence[Instances], clip: Ids, frame: Ids, association: Association
) -> list[Tracked]:
    """Link the instances of every clip by a tracker of its own.

    Args:
        frames: Instances of each frame, in any order.
        clip: ``[N]``, the clip of each frame.
        frame: ``[N]``, its place in the clip.
        association: How to link.

    Returns:
        The tracks of each frame, in the order of ``frames``.
    """
    found: dict[int, Tracked] = {}
    for each in np.unique(clip):
        rows = np.flatnonzero(clip == each)
        tracker = Tracker(association=association)
        for i in rows[np.argsort(frame[rows])].tolist():
            found[i] = tracker.update(frames[i])
    return [found[i] for i in range(len(frames))]


def generalized_iou(first: Floats, second: Floats) -> Floats:
    """Return the generalised overlap of every pair of xyxy boxes, ``[n, m]`` in [-1, 1].

    Rezatofighi et al. 2019, arXiv 1902.09630, algorithm 1: it falls on with the distance where
    boxes do not touch.
    """
    a, b = first[:, None], second[None]
    inter = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    hull = _area(np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - inter
    hull = np.maximum(hull, 1e-9)
    result: Floats = inter / np.maximum(union, 1e-9) - (hull - union) / hull
    return result


def _area(low: Floats, high: Floats) -> Floats:
    sides = np.clip(high - low, 0, None)
    area: Floats = sides[..., 0] * sides[..., 1]
    return area


def _mask_overlaps(masks: Sequence[Mask], tracks: Sequence[_Track]) -> Floats:
    """Return the overlap of each mask with each track's mask, moved as the track's box was."""
    moved = [
        t.mask.shifted(float(t.moved[0]), float(t.moved[1])) if t.mask else None for t in tracks
    ]
    overlap = np.zeros((len(masks), len(tracks)), np.float32)
    for column, old in enumerate(moved):
        if old is not None:
            overlap[:, column] = [mask_iou(new, old) for new in masks]
    return overlap
