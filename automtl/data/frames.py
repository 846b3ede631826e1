"""From the files of a frame to its pixels and labels.

Axis letters: N objects; h, w of the file; H, W decoded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from automtl.data.files import UnreadableError
from automtl.data.images import (
    by_name,
    read_image,
    read_instances,
    read_mask,
    resize_nearest,
)
from automtl.data.raw import DETECTION, SEGMENTATION, TRACKING, Note, RawFrame
from automtl.data.regions import Region, paint_regions
from automtl.data.table import IGNORED, UNKNOWN_ID
from automtl.data.targets import Target, is_labelled, read_target

Box = tuple[float, float, float, float]

_SLACK = 1.0
"""Pixels that a box may stand out of its frame, from rounding, without a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBox:
    """A box as the annotation gives it.

    Attributes:
        box: xyxy, in pixels of the file or relative to its size.
        name: Class.
        id: Track id, ``UNKNOWN_ID`` where there is none.
        where: File and line.
    """

    box: Box
    name: str
    id: int = UNKNOWN_ID
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFiles:
    """A frame before it is decoded.

    Attributes:
        image: The picture.
        frame: Index within the clip, from 0.
        boxes: Its boxes; None where they are not labelled.
        is_relative: Whether the boxes are relative to the picture's size.
        has_ids: Whether the boxes' ids are labelled.
        masks: Folder of class masks that should hold one for this frame.
        mask: The class mask, if the folder holds it.
        ignore: Value of the mask that is not labelled.
        values: Names of the mask's values, if they are no indices of the classes.
        instances: The MOTS PNG; where ``boxes`` is None it gives them.
        classes: Class ids of the MOTS PNG that are used, and their names.
        regions: Polygons and run lengths to draw the class mask from; None if it is not drawn.
        targets: File of each further target; None where the frame has none.
    """

    image: Path
    frame: int = 0
    boxes: tuple[LabelledBox, ...] | None = None
    is_relative: bool = False
    has_ids: bool = False
    masks: Path | None = None
    mask: Path | None = None
    ignore: int = IGNORED
    values: Mapping[int, str] = field(default_factory=dict)
    instances: Path | None = None
    classes: Mapping[int, str]
    regions: tuple[Region, ...] | None = None
    targets: Mapping[str, Path | None] = field(default_factory=dict)


def decode_clips(
    clips: Sequence[Sequence[FrameFiles]], size: tuple[int, int]
) -> tuple[tuple[tuple[RawFrame, ...], ...], tuple[Note, ...]]:
    """Decode all frames; those that cannot be are left out with a note."""
    notes: list[Note] = []
    decoded = []
    for clip in clips:
        frames = [decode(files, size, notes) for files in clip]
        decoded.append(tuple(frame for frame in frames if frame is not None))
    return tuple(decoded), tuple(notes)


def decode(files: FrameFiles, size: tuple[int, int], notes: list[Note]) -> RawFrame | None:
    """Decode one frame, or add a note and return None.

    Args:
        files: The frame.
        size: Height and width to decode to.
        notes: What was left out or mended is added here.
    """
    try:
        image, original = read_image(files.image, size)
    except UnreadableError as error:
        notes.append(Note(name=str(files.image), reason=error.what, kind="frame"))
        return None
    lost: list[Note] = []
    semantic = _semantic(files, original, size, lost)
    values = _instances(files, original, lost)
    boxes = files.boxes
    if boxes is None and values is not None:
        boxes = _boxes_of(values, files)
    kept = _mend(boxes or (), files, original, notes)
    targets = _targets(files, original, size, lost)
    labels = {DETECTION: boxes is not None, SEGMENTATION: semantic is not None}
    labels[TRACKING] = boxes is not None and (files.has_ids or files.boxes is None)
    labels |= dict.fromkeys(targets, True)
    if lost and not any(labels.values()):
        reason = f"{lost[0].reason}, and it has no other label"
        notes.append(Note(name=lost[0].name, reason=reason, kind="frame"))
        return None
    notes.extend(lost)
    scale = np.array([size[1] / original[1], size[0] / original[0]] * 2)
    return RawFrame(
        name=files.image.name,
        frame=files.frame,
        image=image,
        boxes=(np.array([box for _, box in kept]).reshape(-1, 4) * scale).astype(np.float32),
        classes=tuple(label.name for label, _ in kept),
        ids=np.array([label.id for label, _ in kept], dtype=np.int64),
        semantic=np.full(size, IGNORED, dtype=np.uint8) if semantic is None else semantic,
        instances=np.zeros(size, np.uint16) if values is None else resize_nearest(values, size),
        labels=frozenset(task for task, carries in labels.items() if carries),
        targets=targets,
    )


def _semantic(
    files: FrameFiles, original: tuple[int, int], size: tuple[int, int], lost: list[Note]
) -> NDArray[np.uint8] | None:
    if files.regions is not None:
        return paint_regions(files.regions, original, size)
    if files.masks is None:
        return None
    if files.mask is None:
        reason = f"its class mask is missing in {files.masks.name}"
        lost.append(Note(name=str(files.image), reason=reason, kind="mask"))
        return None
    try:
        ignore = IGNORED if files.values else files.ignore
        mask = read_mask(files.mask, original, size, ignore)
    except UnreadableError as error:
        lost.append(Note(name=str(files.mask), reason=error.what, kind="mask"))
        return None
    return by_name(mask, files.values) if files.values else mask


def _instances(
    files: FrameFiles, original: tuple[int, int], lost: list[Note]
) -> NDArray[np.uint16] | None:
    """Return the instance map ``[h, w]`` with the unused classes blanked."""
    if files.instances is None:
        return None
    try:
        values = read_instances(files.instances, original)
    except UnreadableError as error:
        lost.append(Note(name=str(files.instances), reason=error.what, kind="mask"))
        return None
    used = np.isin(values // 1000, list(files.classes))
    return np.where(used, values, np.uint16(0))


def _targets(
    files: FrameFiles, original: tuple[int, int], size: tuple[int, int], lost: list[Note]
) -> dict[str, Target]:
    """Return the further targets that the frame has."""
    found = {}
    for name, path in files.targets.items():
        if path is None:
            reason = f"its target {name} is missing"
            lost.append(Note(name=str(files.image), reason=reason, kind="target"))
            continue
        try:
            target = read_target(path, original, size)
        except UnreadableError as error:
            lost.append(Note(name=str(path), reason=error.what, kind="target"))
            continue
        if is_labelled(target):
            found[name] = target
    return found


def _boxes_of(values: NDArray[np.uint16], files: FrameFiles) -> tuple[LabelledBox, ...]:
    """Return the tight box of every instance, in pixels of its frame's instance map."""
    found = ndimage.find_objects(values)
    return tuple(
        LabelledBox(
            box=(
                float(place[1].start),
                float(place[0].start),
                float(place[1].stop),
                float(place[0].stop),
            ),
            name=files.classes[value // 1000],
            id=value,
            where=f"{files.instances}",
        )
        for value, place in enumerate(found, start=1)
        if place is not None
    )


def _mend(
    boxes: Sequence[LabelledBox],
    files: FrameFiles,
    original: tuple[int, int],
    notes: list[Note],
) -> list[tuple[LabelledBox, Box]]:
    """Return the boxes in pixels of the file, clipped to it; name those clipped or dropped."""
    height, width = original
    unit = (float(width), float(height)) * 2 if files.is_relative else (1.0, 1.0, 1.0, 1.0)
    kept = []
    for label in boxes:
        x0, y0, x1, y1 = (edge * factor for edge, factor in zip(label.box, unit, strict=True))
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
        if x1 <= x0 or y1 <= y0:
            notes.append(Note(name=label.where, reason="a box without area, dropped", kind="box"))
            continue
        if box[2] <= box[0] or box[3] <= box[1]:
            reason = f"a box wholly outside its frame of {width}x{height} pixels, dropped"
            notes.append(Note(name=label.where, reason=reason, kind="box"))
            continue
        if min(x0, y0, width - x1, height - y1) < -_SLACK:
            reason = f"a box reaches out of its frame of {width}x{height} pixels, clipped"
            notes.append(Note(name=label.where, reason=reason, kind="box"))
        kept.append((label, box))
    return kept
