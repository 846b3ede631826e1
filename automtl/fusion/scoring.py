"""How well tracks agree with the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.data.table import UNKNOWN_ID, FrameTable
from automtl.fusion.instances import Ids
from automtl.fusion.tracker import Tracked

CLIP_BASE = 1_000_000
"""An id is unique within its clip only: clips get disjoint ranges."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrueObjects:
    """Objects of one frame whose identity is known.

    Attributes:
        ids: ``[n]``, unique over all clips.
        boxes: ``[n, 4]`` xyxy.
    """

    ids: tuple[int, ...]
    boxes: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What tracks are scored against.

    Attributes:
        clip: ``[N]``, clip of each frame.
        frame: ``[N]``, its place in the clip.
        objects: For each frame; None where the frame carries no track ids.
    """

    clip: Ids
    frame: Ids
    objects: tuple[TrueObjects | None, ...]

    @property
    def n_objects(self) -> int:
        """Number of objects over all frames."""
        return sum(len(each.ids) for each in self.objects if each is not None)

    def part(self, rows: Ids) -> "Truth":
        """Return the truth of some frames."""
        objects = tuple(self.objects[i] for i in rows.tolist())
        return Truth(clip=self.clip[rows], frame=self.frame[rows], objects=objects)


def truth_of(table: FrameTable) -> Truth:
    """Gather the objects with a known identity on the frames that carry track ids."""
    found: list[TrueObjects | None] = []
    for i, has in enumerate(table.labelled("tracking").tolist()):
        rows = table.objects(i)
        known = table.ids[rows] != UNKNOWN_ID
        ids = table.ids[rows][known] + int(table.clip[i]) * CLIP_BASE
        boxes = table.boxes[rows][known].astype(np.float64)
        found.append(TrueObjects(tuple(ids.tolist()), boxes) if has else None)
    return Truth(clip=table.clip, frame=table.frame, objects=tuple(found))


def score_tracked(
    tracked: Sequence[Tracked], truth: Truth, *, min_score: float = 0.0
) -> dict[str, float]:
    """Score the tracks on the frames that carry track ids.

    Args:
        tracked: For each frame; objects without a track are left out.
        truth: What should be found.
        min_score: Objects below it are left out.

    Returns:
        See :func:`score_tracks`.
    """
    scored = [
        (found, each, int(clip) * CLIP_BASE)
        for found, each, clip in zip(tracked, truth.objects, truth.clip, strict=True)
        if each is not None
    ]
    shown = [(f.ids != UNKNOWN_ID) & (f.scores >= min_score) for f, _, _ in scored]
    return score_tracks(
        [each.ids for _, each, _ in scored],
        [each.boxes for _, each, _ in scored],
        [(f.ids[s] + base).tolist() for (f, _, base), s in zip(scored, shown, strict=True)],
        [f.boxes[s].astype(np.float64) for (f, _, _), s in zip(scored, shown, strict=True)],
    )


def score_tracks(
    gt_ids: Sequence[Sequence[int]],
    gt_boxes: Sequence[Doubles],
    pred_ids: Sequence[Sequence[int]],
    pred_boxes: Sequence[Doubles],
) -> dict[str, float]:
    """Score frame-aligned tracks.

    HOTA, DetA, AssA: Luiten et al. 2021, arXiv 2009.07736; MOTA: Bernardin and Stiefelhagen
    2008; IDF1: Ristani et al. 2016, arXiv 1609.01775. Computed by ``motrics``.

    Args:
        gt_ids: True ids in each frame.
        gt_boxes: Their boxes, ``[n, 4]`` xyxy.
        pred_ids: Found ids in each frame.
        pred_boxes: Their boxes.

    Returns:
        ``HOTA``, ``DetA``, ``AssA``, ``MOTA``, ``IDF1`` and ``id_switches``; the last three
        with an overlap threshold of 0.5.
    """
    from motrics import Frames, evaluate

    result = evaluate(Frames(gt_ids, gt_boxes), Frames(pred_ids, pred_boxes))
    return {
        "HOTA": float(result.hota.hota),
        "DetA": float(result.hota.deta),
        "AssA": float(result.hota.assa),
        "MOTA": float(result.clear.mota),
        "IDF1": float(result.identity.idf1),
        "id_switches": float(result.clear.num_switches),
    }
