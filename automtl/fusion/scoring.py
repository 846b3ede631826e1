"""How well tracks agree with the truth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automtl.data.table import UNKNOWN_ID, FrameTable
from automtl.fusion.tracker import Tracked

CLIP_BASE = 1_000_000
"""An id is unique within its clip only: clips get disjoint ranges."""


def score_tracked(tracked: Sequence[Tracked], table: FrameTable) -> dict[str, float]:
    """Score the tracks on the frames of ``table`` that carry track ids.

    Args:
        tracked: For each frame; objects without a track are left out.
        table: Frames with boxes and ids; objects without a known id are left out.

    Returns:
        See :func:`score_tracks`.
    """
    gt_ids, gt_boxes, pred_ids, pred_boxes = [], [], [], []
    for i in np.flatnonzero(table.labels["tracking"]).tolist():
        rows = table.objects(i)
        known = table.ids[rows] != UNKNOWN_ID
        base = int(table.clip[i]) * CLIP_BASE
        gt_ids.append((table.ids[rows][known] + base).tolist())
        gt_boxes.append(table.boxes[rows][known].astype(np.float64))
        kept = tracked[i].ids != UNKNOWN_ID
        pred_ids.append((tracked[i].ids[kept] + base).tolist())
        pred_boxes.append(tracked[i].boxes[kept].astype(np.float64))
    return score_tracks(gt_ids, gt_boxes, pred_ids, pred_boxes)


def score_tracks(
    gt_ids: Sequence[Sequence[int]],
    gt_boxes: Sequence[NDArray[np.float64]],
    pred_ids: Sequence[Sequence[int]],
    pred_boxes: Sequence[NDArray[np.float64]],
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
