"""Who is who from frame to frame: by embedding alone, and as a whole tracking system."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from automtl.data.table import UNKNOWN_ID, FrameTable

MAX_COSINE_DISTANCE = 0.5
MEMORY_FRAMES = 3

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


def associate_by_embedding(table: FrameTable, embeddings: Sequence[Floats]) -> list[Ids]:
    """Link the labelled boxes of each clip by their embeddings alone.

    Each frame's boxes are assigned to the tracks of the frames before (minimum total cosine
    distance); a box that is further than ``MAX_COSINE_DISTANCE`` from its track begins a new one.

    Args:
        table: Frames, with boxes.
        embeddings: For each frame, unit vectors ``[n, D]`` of its labelled boxes.

    Returns:
        For each frame, the track of each box, unique within a clip.
    """
    found: list[Ids] = [np.zeros(0, np.int64)] * len(table)
    for clip in np.unique(table.clip):
        frames = np.flatnonzero(table.clip == clip)
        memory = _Memory()
        for i in frames[np.argsort(table.frame[frames])].tolist():
            found[i] = memory.assign(embeddings[i])
    return found


@dataclass(slots=True)
class _Memory:
    """Newest embedding of each track of a clip, and how long ago it was seen."""

    vectors: list[Floats] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)

    def assign(self, vectors_nd: Floats) -> Ids:
        ids = np.full(len(vectors_nd), UNKNOWN_ID, np.int64)
        alive = [t for t, age in enumerate(self.ages) if age <= MEMORY_FRAMES]
        if alive and len(vectors_nd):
            distance = 1 - vectors_nd @ np.stack([self.vectors[t] for t in alive]).T
            rows, columns = linear_sum_assignment(distance)
            for row, column in zip(rows, columns, strict=True):
                if distance[row, column] <= MAX_COSINE_DISTANCE:
                    ids[row] = alive[column]
        self.ages = [age + 1 for age in self.ages]
        for row, vector in enumerate(vectors_nd):
            if ids[row] == UNKNOWN_ID:
                ids[row] = len(self.vectors)
                self.vectors.append(vector)
                self.ages.append(1)
            else:
                self.vectors[ids[row]] = vector
                self.ages[ids[row]] = 1
        return ids


def identity_f1(table: FrameTable, tracks: Sequence[Ids]) -> float:
    """Return IDF1 over all clips, with the ground truth's boxes as predictions.

    Ristani et al. 2016, arXiv 1609.01775; computed by ``motrics``. Only frames with tracking
    labels and objects with a known identity count.
    """
    from motrics import compute_identity

    gt_ids, gt_boxes, pred_ids = [], [], []
    for i in np.flatnonzero(table.labels["tracking"]).tolist():
        rows = table.objects(i)
        known = table.ids[rows] != UNKNOWN_ID
        # An id is unique within its clip only: clips get disjoint ranges.
        base = int(table.clip[i]) * 1_000_000
        gt_ids.append((table.ids[rows][known] + base).tolist())
        pred_ids.append((tracks[i][known] + base).tolist())
        gt_boxes.append(table.boxes[rows][known].astype(np.float64))
    result = compute_identity(gt_ids, gt_boxes, pred_ids, gt_boxes)
    return float(result.idf1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerConfig:
    """Thresholds of the tracker.

    Attributes:
        high_score: Detections above it begin tracks and are matched first.
        low_score: Detections below it are not used.
        min_iou: Smallest overlap of a match by motion.
        max_age: Frames that a track survives unseen.
        embedding_weight: Share of the embedding in the cost, in [0, 1].
    """

    high_score: float = 0.45
    low_score: float = 0.25
    min_iou: float = 0.1
    max_age: int = 5
    embedding_weight: float = 0.6


@dataclass(slots=True)
class _Track:
    number: int
    box: Floats
    class_id: int
    velocity: Floats = field(default_factory=lambda: np.zeros(2, np.float32))
    vector: Floats | None = None
    age: int = 0


@dataclass(slots=True)
class Tracker:
    """Boxes to tracks, frame by frame, in two passes by score.

    After Zhang et al. 2022 (arXiv 2110.06864), with constant velocity and embeddings.
    """

    config: TrackerConfig = field(default_factory=TrackerConfig)
    _tracks: list[_Track] = field(default_factory=list)
    _n_tracks: int = 0

    def update(
        self, boxes: Floats, scores: Floats, classes: Ids, embeddings: Floats | None
    ) -> Ids:
        """Take the detections of the next frame.

        Args:
            boxes: ``[n, 4]`` xyxy.
            scores: ``[n]``.
            classes: ``[n]``.
            embeddings: Unit vectors ``[n, D]``, or None.

        Returns:
            The track of each detection, ``UNKNOWN_ID`` where it has none.
        """
        ids = np.full(len(boxes), UNKNOWN_ID, np.int64)
        for track in self._tracks:
            track.box = track.box + np.tile(track.velocity, 2)
            track.age += 1
        high = np.flatnonzero(scores >= self.config.high_score)
        low = np.flatnonzero((scores < self.config.high_score) & (scores >= self.config.low_score))
        for chosen in (high, low):
            self._match(chosen, boxes, classes, embeddings, ids)
        for i in high:
            if ids[i] == UNKNOWN_ID:
                ids[i] = self._begin(boxes[i], int(classes[i]), embeddings, int(i))
        self._tracks = [t for t in self._tracks if t.age <= self.config.max_age]
        return ids

    def _match(
        self, chosen: Ids, boxes: Floats, classes: Ids, embeddings: Floats | None, ids: Ids
    ) -> None:
        free = [t for t in self._tracks if t.age > 0]
        if not len(chosen) or not free:
            return
        overlap = iou_matrix(boxes[chosen], np.stack([t.box for t in free]))
        cost = 1 - overlap
        possible = overlap >= self.config.min_iou
        if embeddings is not None and all(t.vector is not None for t in free):
            vectors = np.stack([t.vector for t in free if t.vector is not None])
            distance = 1 - embeddings[chosen] @ vectors.T
            share = self.config.embedding_weight
            cost = (1 - share) * cost + share * distance
            possible |= distance <= MAX_COSINE_DISTANCE
        possible &= classes[chosen][:, None] == np.array([t.class_id for t in free])
        rows, columns = linear_sum_assignment(np.where(possible, cost, 1e3))
        for row, column in zip(rows, columns, strict=True):
            if possible[row, column]:
                track, i = free[column], int(chosen[row])
                moved = (boxes[i] - track.box).reshape(2, 2).mean(axis=0)
                track.velocity = track.velocity + 0.5 * moved / max(1, track.age)
                track.box, track.age = boxes[i].copy(), 0
                track.vector = None if embeddings is None else embeddings[i]
                ids[i] = track.number

    def _begin(self, box: Floats, class_id: int, embeddings: Floats | None, i: int) -> int:
        vector = None if embeddings is None else embeddings[i]
        self._tracks.append(
            _Track(number=self._n_tracks, box=box.copy(), class_id=class_id, vector=vector)
        )
        self._n_tracks += 1
        return self._n_tracks - 1


def iou_matrix(first: Floats, second: Floats) -> Floats:
    """Return the overlap of every pair of xyxy boxes, ``[n, m]``."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = [np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=-1) for b in (first, second)]
    union = areas[0][:, None] + areas[1][None] - inter
    result: Floats = (inter / np.maximum(union, 1e-9)).astype(np.float32)
    return result
