"""Predictions as COCO JSON and MOTChallenge text, in pixels of the original pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl.data.images import resize_nearest
from automtl.export.result import FrameResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameObjects:
    """Objects of one frame, in pixels of the original picture.

    Attributes:
        file_name: Path of the frame relative to the folder of frames, with forward slashes.
        number: Position of the frame in its clip, from 1.
        size: Height and width of the original picture in pixels.
        boxes: float32 ``[n, 4]`` xyxy.
        scores: float32 ``[n]``; NaN for a label.
        classes: int64 ``[n]``.
        ids: int64 ``[n]``, from 1; -1 without a track.
        instances: uint16 ``[H, W]``, the row of each pixel's object, from 1; 0 where there is
            none. None unless the model has boxes and masks.
    """

    file_name: str
    number: int
    size: tuple[int, int]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    ids: NDArray[np.int64]
    instances: NDArray[np.uint16] | None = None


def to_original(
    result: FrameResult,
    *,
    input_size: tuple[int, int],
    size: tuple[int, int],
    file_name: str,
    number: int,
) -> FrameObjects:
    """Scale boxes from the network's input to the original picture and clip them to it.

    Boxes that have no area left are dropped.

    Args:
        result: Boxes in pixels of ``input_size``.
        input_size: Height and width of the network's input.
        size: Height and width of the original picture.
        file_name: The frame's relative path.
        number: Position in the clip, from 1.
    """
    scale = np.array([size[1] / input_size[1], size[0] / input_size[0]] * 2, dtype=np.float64)
    limit = np.array([size[1], size[0]] * 2, dtype=np.float64)
    boxes = np.clip(result.boxes.astype(np.float64) * scale, 0, limit).astype(np.float32)
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return FrameObjects(
        file_name=file_name,
        number=number,
        size=size,
        boxes=boxes[kept],
        scores=result.scores[kept],
        classes=result.classes[kept],
        ids=result.ids[kept],
        instances=_renumbered(result.instances, kept, size),
    )


def _renumbered(
    instances: NDArray[np.uint16] | None, kept: NDArray[np.bool_], size: tuple[int, int]
) -> NDArray[np.uint16] | None:
    if instances is None:
        return None
    numbers = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.uint16)
    return numbers[resize_nearest(instances, size)]


def coco_of(
    frames: Sequence[FrameObjects], class_names: Sequence[str], *, with_instances: bool
) -> dict[str, object]:
    """Return one COCO object: images, categories, and annotations that carry scores.

    ``annotations`` is at the same time a COCO results list. Images, categories and annotations
    are numbered from 1; category ``k`` is class ``k - 1`` of the model. ``track_id`` is there
    where an object has a track, ``instance`` where there are masks (``with_instances``): the value
    of the object's pixels in the frame's picture of instances.
    """
    images = [
        {"id": i, "file_name": f.file_name, "height": f.size[0], "width": f.size[1]}
        for i, f in enumerate(frames, start=1)
    ]
    categories = [{"id": k, "name": name} for k, name in enumerate(class_names, start=1)]
    annotations: list[dict[str, object]] = []
    for image_id, frame in enumerate(frames, start=1):
        for row in range(len(frame.boxes)):
            annotation = _annotation(frame, row, image_id, len(annotations) + 1)
            annotations.append(annotation | ({"instance": row + 1} if with_instances else {}))
    return {"images": images, "categories": categories, "annotations": annotations}


def mot_of(frames: Sequence[FrameObjects]) -> str:
    """Return the tracks of one clip as MOTChallenge results, ten columns a line.

    Columns: frame and id (both from 1), left, top, width, height, score, class (from 1), and
    two columns that are not used. Objects without a track are left out.
    """
    lines = []
    for frame in frames:
        for row in np.flatnonzero(frame.ids >= 0):
            left, top, right, bottom = (float(v) for v in frame.boxes[row])
            lines.append(
                f"{frame.number},{int(frame.ids[row])},{left:.2f},{top:.2f},"
                f"{right - left:.2f},{bottom - top:.2f},{float(frame.scores[row]):.4f},"
                f"{int(frame.classes[row]) + 1},-1,-1\n"
            )
    return "".join(lines)


def _annotation(frame: FrameObjects, row: int, image_id: int, number: int) -> dict[str, object]:
    left, top, right, bottom = (round(float(v), 3) for v in frame.boxes[row])
    width, height = round(right - left, 3), round(bottom - top, 3)
    found: dict[str, object] = {
        "id": number,
        "image_id": image_id,
        "category_id": int(frame.classes[row]) + 1,
        "bbox": [left, top, width, height],
        "area": round(width * height, 3),
        "iscrowd": 0,
        "score": round(float(frame.scores[row]), 6),
    }
    if frame.ids[row] >= 0:
        found["track_id"] = int(frame.ids[row])
    return found
