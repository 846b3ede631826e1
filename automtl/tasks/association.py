"""Who is who from frame to frame, by embedding alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
            from scipy.optimize import linear_sum_assignment

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
