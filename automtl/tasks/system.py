"""The whole system: what the heads say together, linked over each clip and scored."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch.nn import functional
from torchvision.ops import nms

from automtl.data.table import DataInfo, FrameTable
from automtl.fusion.association import Association
from automtl.fusion.instances import (
    Floats,
    Instances,
    Pixels,
    make_pixels,
    mask_values_of,
)
from automtl.fusion.scoring import score_tracked, truth_of
from automtl.fusion.tracker import track_clips
from automtl.tasks import detection, segmentation, tracking
from automtl.tasks.base import RawOutput
from automtl.tasks.detection import Detections

MIN_SCORE = 0.05
"""Objects from this score on help over frames in which an object is hard to see."""

SAME_OBJECT_IOU = 0.8
"""Boxes of different classes that overlap more than this show one object."""


def evaluate_system(
    detections: Sequence[Detections], embeddings: Sequence[Floats] | None, table: FrameTable
) -> dict[str, float]:
    """Track a model's own detections and score the tracks; masks and tuning left out.

    The same parameters for every model, so that figures of different trials compare.

    Args:
        detections: For each frame of ``table``.
        embeddings: For each frame ``[n, D]`` in the order of its detections, or None.
        table: Frames with boxes and ids.
    """
    frames = [
        Instances(
            boxes=found.boxes.numpy(),
            scores=found.scores.numpy(),
            classes=found.classes.numpy(),
            embeddings=None if embeddings is None else embeddings[i],
        )
        for i, found in enumerate(detections)
    ]
    tracked = track_clips(frames, table.clip, table.frame, Association())
    values = score_tracked(tracked, truth_of(table))
    return {
        "tracking/HOTA": values["HOTA"],
        "tracking/MOTA": values["MOTA"],
        "tracking/system_IDF1": values["IDF1"],
        "tracking/id_switches": values["id_switches"],
    }


def observe(
    outputs: Mapping[str, Sequence[RawOutput]],
    info: DataInfo,
    *,
    min_score: float = MIN_SCORE,
) -> list[Instances]:
    """Return what the heads see in each frame, before it is linked.

    Args:
        outputs: Raw outputs on the CPU by task, in chunks; ``detection`` is needed, what
            ``segmentation`` and ``tracking`` say is used where they are there.
        info: Classes and picture size.
        min_score: Objects below it are left out.
    """
    frames: list[Instances] = []
    for chunk in _chunks(outputs):
        frames += _observe_chunk(chunk, info, min_score)
    return frames


def one_object_each(objects: Detections) -> Detections:
    """Keep the surest of boxes that show one object as several classes.

    The detector's score is an average over classes and takes each class for itself; a person or
    a robot wants to know of one object once.
    """
    kept = nms(objects.boxes, objects.scores, SAME_OBJECT_IOU)
    return Detections(
        boxes=objects.boxes[kept], scores=objects.scores[kept], classes=objects.classes[kept]
    )


def _chunks(outputs: Mapping[str, Sequence[RawOutput]]) -> Iterator[dict[str, RawOutput]]:
    used = {
        task: chunks
        for task, chunks in outputs.items()
        if task in {"detection", "segmentation", "tracking"}
    }
    for parts in zip(*used.values(), strict=True):
        yield dict(zip(used, parts, strict=True))


def _observe_chunk(
    chunk: Mapping[str, RawOutput], info: DataInfo, min_score: float
) -> list[Instances]:
    decoded = detection.decode(chunk["detection"], info, score_threshold=min_score)
    found = [one_object_each(objects) for objects in decoded]
    embeddings: list[torch.Tensor | None] = [None] * len(found)
    if "tracking" in chunk:
        boxes = [objects.boxes for objects in found]
        embeddings = list(tracking.sample_embeddings(chunk["tracking"], boxes, info))
    pixels: list[Pixels | None] = [None] * len(found)
    if "segmentation" in chunk:
        pixels = list(_pixels(found, chunk["segmentation"], info))
    return [
        Instances(
            boxes=objects.boxes.numpy(),
            scores=objects.scores.numpy(),
            classes=objects.classes.numpy(),
            embeddings=None if vectors is None else vectors.numpy(),
            pixels=own,
        )
        for objects, vectors, own in zip(found, embeddings, pixels, strict=True)
    ]


def _pixels(found: Sequence[Detections], output: RawOutput, info: DataInfo) -> Iterator[Pixels]:
    values = mask_values_of(info.detection_classes, info.segmentation_classes)
    semantic = segmentation.decode(output, info).numpy()
    foreground = _foreground(output, values, info).numpy()
    for i, objects in enumerate(found):
        yield make_pixels(
            objects.boxes.numpy(),
            objects.scores.numpy(),
            objects.classes.numpy(),
            semantic=semantic[i],
            mask_values=values,
            foreground=foreground[i],
        )


def _foreground(output: RawOutput, values: Sequence[int | None], info: DataInfo) -> torch.Tensor:
    """Return the probability that a pixel shows an object of a detection class, ``[B, H, W]``."""
    named = [value for value in values if value is not None]
    shown = output["logits"].float().softmax(dim=1)[:, named].sum(dim=1, keepdim=True)
    full = functional.interpolate(
        shown, size=info.image_size, mode="bilinear", align_corners=False
    )
    return full[:, 0]
