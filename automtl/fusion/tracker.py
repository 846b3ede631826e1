"""Instances to tracks, frame by frame: embedding, motion and mask decide together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from automtl.data.table import UNKNOWN_ID
from automtl.fusion.association import Association
from automtl.fusion.costs import link_costs
from automtl.fusion.instances import Floats, Ids, Instances, fused
from automtl.fusion.masks import Mask, cut
from automtl.fusion.tracks import Tracks, chosen_rows, joined

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
class Tracker:
    """Links the frames of one clip, in order, in two passes by score.

    Two passes: Zhang et al. 2022, arXiv 2110.06864. Motion is a constant velocity.
    """

    association: Association = field(default_factory=Association)
    _tracks: Tracks | None = None
    _n_tracks: int = 0

    def update(self, instances: Instances) -> Tracked:
        """Take the instances of the next frame."""
        boxes, scores = fused(instances, self.association)
        ids = np.full(len(boxes), UNKNOWN_ID, np.int64)
        high = scores >= self.association.high_score
        low = ~high & (scores >= self.association.low_score)
        if self._tracks is not None:
            self._tracks.advance()
            for chosen in (np.flatnonzero(high), np.flatnonzero(low)):
                _link(self._tracks, chosen, boxes, instances, self.association, ids)
        strangers = np.flatnonzero(high & (ids == UNKNOWN_ID))
        ids[strangers] = self._n_tracks + np.arange(len(strangers))
        self._n_tracks += len(strangers)
        begun = _begin(strangers, ids, boxes, instances, self.association)
        kept = begun if self._tracks is None else joined(self._tracks, begun)
        self._tracks = chosen_rows(kept, np.flatnonzero(kept.ages <= self.association.max_age))
        return Tracked(boxes=boxes, scores=scores, ids=ids)


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


def _link(
    tracks: Tracks,
    chosen: Ids,
    boxes: Floats,
    instances: Instances,
    association: Association,
    ids: Ids,
) -> None:
    """Assign the chosen rows to tracks that this frame has not seen yet."""
    free = np.flatnonzero(tracks.ages > 0)
    if not len(chosen) or not len(free):
        return
    # Only linking needs SciPy: boxes and masks are had without it.
    from scipy.optimize import linear_sum_assignment

    cost, possible = link_costs(chosen, boxes, instances, chosen_rows(tracks, free), association)
    rows, columns = linear_sum_assignment(np.where(possible, cost, FORBIDDEN))
    kept = possible[rows, columns]
    i, t = chosen[rows[kept]], free[columns[kept]]
    ids[i] = tracks.numbers[t]
    step = (boxes[i] - tracks.boxes[t]).reshape(-1, 2, 2).mean(axis=1)
    step = step / tracks.ages[t].astype(np.float32)[:, None]
    tracks.velocity[t] = tracks.velocity[t] + association.velocity_gain * step
    tracks.boxes[t], tracks.ages[t], tracks.moved[t] = boxes[i], 0, 0
    tracks.classes[t] = instances.classes[i]
    if instances.embeddings is not None and tracks.vectors is not None:
        new = instances.embeddings[i]
        tracks.vectors[t] = _remembered(tracks.vectors[t], new, association.memory)
    for row, track in zip(i.tolist(), t.tolist(), strict=True):
        tracks.masks[track] = _mask_of(instances, row, association)


def _begin(
    rows: Ids, ids: Ids, boxes: Floats, instances: Instances, association: Association
) -> Tracks:
    return Tracks(
        numbers=ids[rows],
        boxes=boxes[rows],
        classes=instances.classes[rows],
        velocity=np.zeros((len(rows), 2), np.float32),
        moved=np.zeros((len(rows), 2), np.float32),
        ages=np.zeros(len(rows), np.int64),
        vectors=None if instances.embeddings is None else instances.embeddings[rows],
        masks=[_mask_of(instances, row, association) for row in rows.tolist()],
    )


def _mask_of(instances: Instances, row: int, association: Association) -> Mask | None:
    pixels = instances.pixels if association.mask_weight else None
    return None if pixels is None else cut(pixels.owners, row, pixels.windows[row])


def _remembered(old: Floats, new: Floats, memory: float) -> Floats:
    if not memory:
        return new
    mixed = memory * old + (1 - memory) * new
    length = np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    result: Floats = (mixed / length).astype(np.float32)
    return result
