"""The whole tracking system: own detections, motion and embeddings, scored by motrics."""

from collections.abc import Sequence

import numpy as np

from automtl.data.table import UNKNOWN_ID, FrameTable
from automtl.tasks.association import Floats, Ids, Tracker
from automtl.tasks.detection import Detections

SYSTEM_METRICS = (
    "tracking/HOTA",
    "tracking/MOTA",
    "tracking/system_IDF1",
    "tracking/id_switches",
)


def evaluate_system(
    detections: Sequence[Detections], embeddings: Sequence[Floats] | None, table: FrameTable
) -> dict[str, float]:
    """Track a model's own detections and score the tracks.

    HOTA: Luiten et al. 2021, arXiv 2009.07736; MOTA: Bernardin and Stiefelhagen 2008.

    Args:
        detections: For each frame of ``table``.
        embeddings: For each frame ``[n, D]`` in the order of its detections, or None.
        table: Frames with boxes and ids.
    """
    tracks = track_clips(detections, embeddings, table)
    gt_ids, gt_boxes, pred_ids, pred_boxes = [], [], [], []
    for i in np.flatnonzero(table.labels["tracking"]).tolist():
        rows = table.objects(i)
        known = table.ids[rows] != UNKNOWN_ID
        base = int(table.clip[i]) * 1_000_000
        gt_ids.append((table.ids[rows][known] + base).tolist())
        gt_boxes.append(table.boxes[rows][known].astype(np.float64))
        kept = tracks[i] != UNKNOWN_ID
        pred_ids.append((tracks[i][kept] + base).tolist())
        pred_boxes.append(detections[i].boxes.numpy()[kept].astype(np.float64))
    return score_tracks(gt_ids, gt_boxes, pred_ids, pred_boxes)


def track_clips(
    detections: Sequence[Detections], embeddings: Sequence[Floats] | None, table: FrameTable
) -> list[Ids]:
    """Return the track of each detection, frame by frame, a tracker for each clip."""
    tracks: list[Ids] = [np.zeros(0, np.int64)] * len(table)
    for clip in np.unique(table.clip):
        frames = np.flatnonzero(table.clip == clip)
        tracker = Tracker()
        for i in frames[np.argsort(table.frame[frames])].tolist():
            found = detections[i]
            tracks[i] = tracker.update(
                found.boxes.numpy(),
                found.scores.numpy(),
                found.classes.numpy(),
                None if embeddings is None else embeddings[i],
            )
    return tracks


def score_tracks(
    gt_ids: Sequence[Sequence[int]],
    gt_boxes: Sequence[np.ndarray],
    pred_ids: Sequence[Sequence[int]],
    pred_boxes: Sequence[np.ndarray],
) -> dict[str, float]:
    """Score frame-aligned tracks (boxes xyxy) with an overlap threshold of 0.5."""
    from motrics import Frames, evaluate

    result = evaluate(Frames(gt_ids, gt_boxes), Frames(pred_ids, pred_boxes))
    return {
        "tracking/HOTA": float(result.hota.hota),
        "tracking/MOTA": float(result.clear.mota),
        "tracking/system_IDF1": float(result.identity.idf1),
        "tracking/id_switches": float(result.clear.num_switches),
    }
