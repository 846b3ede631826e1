"""Clips with MOTChallenge boxes, MOTS instances and class masks.

Facts of the formats: a line of ``gt.txt`` is frame (from 1), id, left, top, width, height, flag
(0 = do not use), class, visibility. A pixel of a MOTS PNG is class * 1000 + id; 10000 = ignore.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from automtl.data.files import read_text
from automtl.data.frames import FrameFiles, LabelledBox, decode_clips
from automtl.data.images import by_stem, list_images, names_of
from automtl.data.limits import MAX_TEXT_BYTES, shown
from automtl.data.raw import RawSource, inside
from automtl.data.targets import target_files, targets_of
from automtl.errors import DataError
from automtl.sources import MotSource

_MOST = 2**53
"""Above it two whole numbers may be one floating-point number, and so two objects one."""

_RULE = "Write frame, id, left, top, width, height, flag, class, visibility, split by commas"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A line of ``gt.txt``."""

    frame: int
    id: int
    box: tuple[float, float, float, float]
    is_used: bool
    class_id: int
    where: str


def read_mot(source: MotSource, *, root: Path, image_size: tuple[int, int]) -> RawSource:
    """Read the clip, or each clip of the folder ``source.clips``.

    Boxes and ids come from ``gt``, or without one from the instance masks.

    Raises:
        DataError: If a folder is missing, a line breaks the format, or an id has two classes.
    """
    name = source.frames if source.clips is None else source.clips
    if not source.classes and (source.gt or source.instances):
        msg = "`classes` is empty, so no box would be used"
        raise DataError(
            msg, where=name, fix="Map class ids to names, e.g. classes: {1: pedestrian}"
        )
    files = [_files(single, root) for single in _single(source, root)]
    clips, notes = decode_clips(files, image_size)
    return RawSource(
        name=name,
        clips=clips,
        notes=notes,
        n_frames=sum(map(len, files)),
        detection_classes=tuple(dict.fromkeys(source.classes.values())),
        segmentation_classes=(names_of(source.values) or None) if source.masks else (),
    )


def _single(source: MotSource, root: Path) -> list[MotSource]:
    """Return the source of each clip by itself."""
    if source.clips is None:
        return [source]
    folder = inside(root, source.clips, field="clips")
    entries = folder.iterdir() if folder.is_dir() else ()
    names = sorted(entry.name for entry in entries if entry.is_dir())
    if not names:
        msg = "there is no folder in it, and each folder is to be a clip"
        raise DataError(
            msg, where=str(folder), fix="Name the folder that holds the clips' folders"
        )
    return [_in_folder(source, f"{source.clips}/{name}") for name in names]


def _in_folder(source: MotSource, folder: str) -> MotSource:
    paths = {name: getattr(source, name) for name in ("frames", "gt", "instances", "masks")}
    changes: dict[str, object] = {n: path and f"{folder}/{path}" for n, path in paths.items()}
    changes["targets"] = {task: f"{folder}/{path}" for task, path in source.targets.items()}
    return source.model_copy(update=changes | {"clips": None})


def _files(source: MotSource, root: Path) -> list[FrameFiles]:
    """Return what lies where for each frame of one clip."""
    folder = inside(root, source.frames, field="frames")
    pictures = list_images(folder, root)
    first, last = _range(source, len(pictures), folder)
    boxes = _boxes(source, inside(root, source.gt, field="gt"), root) if source.gt else None
    masks = inside(root, source.masks, field="masks") if source.masks else None
    mask_of = _listed(source.masks, root, field="masks")
    instance_of = _listed(source.instances, root, field="instances")
    further = target_files(source.targets, root)
    return [
        FrameFiles(
            image=picture,
            frame=number - first,
            boxes=None if boxes is None else tuple(boxes.get(number, ())),
            has_ids=boxes is not None,
            masks=masks,
            mask=mask_of.get(picture.stem),
            ignore=source.ignore,
            values=source.values,
            instances=instance_of.get(picture.stem),
            classes=source.classes,
            targets=targets_of(further, picture.stem),
        )
        for number, picture in enumerate(pictures, start=1)
        if first <= number <= last
    ]


def _listed(folder: str | None, root: Path, *, field: str) -> dict[str, Path]:
    return by_stem(inside(root, folder, field=field), root) if folder else {}


def _range(source: MotSource, n_pictures: int, folder: Path) -> tuple[int, int]:
    first, last = source.frame_range or (1, n_pictures)
    if not first <= last <= n_pictures:
        msg = f"`frame_range: [{first}, {last}]` does not fit the folder's {n_pictures} frames"
        raise DataError(msg, where=str(folder), fix="Count from 1, both ends included")
    return first, last


def _boxes(source: MotSource, path: Path, root: Path) -> dict[int, list[LabelledBox]]:
    """Return the used boxes by frame."""
    boxes: dict[int, list[LabelledBox]] = defaultdict(list)
    classes: dict[int, _Row] = {}
    taken: dict[tuple[int, int], _Row] = {}
    for row in _rows(path, root):
        if not row.is_used or row.class_id not in source.classes:
            continue
        earlier = classes.setdefault(row.id, row)
        if earlier.class_id != row.class_id:
            msg = (
                f"the id {row.id} has class {row.class_id} here and class {earlier.class_id} "
                f"at {earlier.where}"
            )
            raise DataError(msg, where=row.where, fix="Give the two objects different ids")
        twin = taken.setdefault((row.frame, row.id), row)
        if twin is not row:
            msg = f"the id {row.id} is in frame {row.frame} twice, first at {twin.where}"
            raise DataError(msg, where=row.where, fix="Give the two objects different ids")
        boxes[row.frame].append(
            LabelledBox(box=row.box, name=source.classes[row.class_id], id=row.id, where=row.where)
        )
    return boxes


def _rows(path: Path, root: Path) -> Iterator[_Row]:
    text = read_text(path, root=root, max_bytes=MAX_TEXT_BYTES, fix="Name a MOTChallenge gt.txt")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield _row(line, f"{path}:{number}")


def _row(line: str, where: str) -> _Row:
    numbers = _numbers(line)
    if numbers is None:
        msg = f"{shown(line.strip())} is not a line of MOTChallenge ground truth"
        raise DataError(msg, where=where, fix=_RULE)
    frame, id_, left, top, width, height, flag, class_id = numbers
    return _Row(
        frame=int(frame),
        id=int(id_),
        # MOTChallenge counts pixels from 1; edges lie between pixels here.
        box=(left - 1, top - 1, left - 1 + width, top - 1 + height),
        is_used=flag != 0,
        class_id=int(class_id),
        where=where,
    )


def _numbers(line: str) -> list[float] | None:
    """Return the first eight numbers of a line, or None if it breaks the format."""
    try:
        numbers = [float(part) for part in line.split(",")[:8]]
    except ValueError:
        return None
    if len(numbers) < 8 or not all(math.isfinite(number) for number in numbers):
        return None
    frame, id_, class_id = numbers[0], numbers[1], numbers[7]
    is_whole = all(number.is_integer() for number in (frame, id_, class_id))
    is_exact = max(frame, id_, abs(class_id)) <= _MOST
    return numbers if is_whole and is_exact and frame >= 1 and id_ >= 0 else None
