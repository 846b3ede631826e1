"""Stills with YOLO boxes: one text file each, five numbers a line, relative to the picture."""

from pathlib import Path

from automtl.data.files import read_text
from automtl.data.frames import FrameFiles, LabelledBox, decode_clips
from automtl.data.images import by_stem, list_images, names_of
from automtl.data.limits import MAX_TEXT_BYTES, shown
from automtl.data.part import kept
from automtl.data.raw import RawSource, inside
from automtl.data.targets import target_files, targets_of
from automtl.errors import DataError
from automtl.sources import YoloSource

_RULE = "Write class, centre x, centre y, width, height, the last four between 0 and 1"


def read_yolo(source: YoloSource, *, root: Path, image_size: tuple[int, int]) -> RawSource:
    """Read the stills; one without a text file has no boxes.

    Raises:
        DataError: If a folder is missing or a line breaks the format.
    """
    labels = inside(root, source.labels, field="labels")
    masks = inside(root, source.masks, field="masks") if source.masks else None
    mask_of = by_stem(masks, root) if masks else {}
    further = target_files(source.targets, root)
    stills = [
        [
            FrameFiles(
                image=picture,
                boxes=_boxes(labels / f"{picture.stem}.txt", source.names, root),
                is_relative=True,
                masks=masks,
                mask=mask_of.get(picture.stem),
                ignore=source.ignore,
                values=source.values,
                classes={},
                targets=targets_of(further, picture.stem),
            )
        ]
        for picture in kept(
            list_images(inside(root, source.images, field="images"), root),
            source.part,
            name=lambda path: path.name,
            where=source.images,
        )
    ]
    clips, notes = decode_clips(stills, image_size)
    return RawSource(
        name=source.images,
        clips=clips,
        notes=notes,
        n_frames=len(stills),
        detection_classes=source.names,
        segmentation_classes=names_of(source.values) or None if masks else (),
    )


def _boxes(path: Path, names: tuple[str, ...], root: Path) -> tuple[LabelledBox, ...]:
    if not path.exists():
        return ()
    text = read_text(path, root=root, max_bytes=MAX_TEXT_BYTES, fix=_RULE)
    return tuple(
        _box(line, f"{path}:{number}", names)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    )


def _box(line: str, where: str, names: tuple[str, ...]) -> LabelledBox:
    numbers = _numbers(line)
    if numbers is None:
        msg = f"{shown(line.strip())} is not a line of YOLO boxes"
        raise DataError(msg, where=where, fix=_RULE)
    class_id, x, y, width, height = numbers
    if class_id >= len(names):
        msg = f"the class {int(class_id)} has no name"
        raise DataError(msg, where=where, fix=f"`names` has {len(names)} names, from class 0 on")
    return LabelledBox(
        box=(x - width / 2, y - height / 2, x + width / 2, y + height / 2),
        name=names[int(class_id)],
        where=where,
    )


def _numbers(line: str) -> list[float] | None:
    """Return a line's five numbers, or None if it breaks the format.

    A box may stand out of its picture and is mended later; pixels instead of shares are refused.
    """
    try:
        numbers = [float(part) for part in line.split()]
    except ValueError:
        return None
    if len(numbers) != 5 or not all(-1 <= number <= 2 for number in numbers[1:]):
        return None
    return numbers if numbers[0] >= 0 and numbers[0].is_integer() else None
