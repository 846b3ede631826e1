"""Stills with a COCO JSON file: boxes, and class masks drawn from the segmentations."""

import json
from collections import defaultdict
from pathlib import Path

from pydantic import BaseModel, FiniteFloat, ValidationError

from automtl.data.files import below, read_text
from automtl.data.frames import FrameFiles, LabelledBox, decode_clips
from automtl.data.limits import MAX_JSON_BYTES, MAX_SHOWN, shown
from automtl.data.part import kept
from automtl.data.raw import RawSource, inside
from automtl.data.regions import Region, Runs, check_polygons
from automtl.data.table import IGNORED
from automtl.data.targets import target_files, targets_of
from automtl.errors import DataError
from automtl.sources import CocoSource

BACKGROUND = "background"


class _Runs(BaseModel):
    size: tuple[int, int]
    counts: tuple[int, ...] | str


class _Picture(BaseModel):
    id: int
    file_name: str


class _Category(BaseModel):
    id: int
    name: str


class _Annotation(BaseModel):
    id: int | str = "without id"
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    iscrowd: bool = False
    segmentation: tuple[tuple[float, ...], ...] | _Runs | None = None


class _File(BaseModel):
    """The parts of a COCO file that are used."""

    images: tuple[_Picture, ...]
    categories: tuple[_Category, ...]
    annotations: tuple[_Annotation, ...]


def read_coco(source: CocoSource, *, root: Path, image_size: tuple[int, int]) -> RawSource:
    """Read the stills that the file lists.

    A crowd has no box; with masks, its area is not labelled.

    Raises:
        DataError: If the folder or file is missing, the file breaks the format, or it names a
            picture outside the folder.
    """
    folder = inside(root, source.images, field="images")
    path = inside(root, source.annotations, field="annotations")
    content = _parse(path, root)
    names = {category.id: category.name for category in content.categories}
    classes = tuple(dict.fromkeys(names.values()))
    value_of = {id_: classes.index(name) + 1 for id_, name in names.items()}
    if source.with_masks and len(classes) >= IGNORED:
        msg = f"class masks hold at most {IGNORED - 1} classes, the file has {len(classes)}"
        raise DataError(msg, where=str(path), fix="Set `with_masks: false`")
    found = _by_picture(content, path)
    further = target_files(source.targets, root)
    pictures = kept(
        content.images, source.part, name=lambda picture: picture.file_name, where=source.images
    )
    stills = [
        [
            FrameFiles(
                image=_picture(folder, picture.file_name, path, root),
                boxes=tuple(_box(a, names, path) for a in found[picture.id] if not a.iscrowd),
                classes={},
                targets=targets_of(further, Path(picture.file_name).stem),
                regions=_regions(found[picture.id], value_of, path) if source.with_masks else None,
            )
        ]
        for picture in pictures
    ]
    clips, notes = decode_clips(stills, image_size)
    return RawSource(
        name=source.annotations,
        clips=clips,
        notes=notes,
        n_frames=len(stills),
        detection_classes=classes,
        segmentation_classes=(BACKGROUND, *classes) if source.with_masks else (),
    )


def _parse(path: Path, root: Path) -> _File:
    fix = "Name a COCO annotation file"
    text = read_text(path, root=root, max_bytes=MAX_JSON_BYTES, fix=fix)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"it is not JSON ({error})"
        raise DataError(msg, where=str(path), fix=fix) from error
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        msg = f"`{place}` breaks the COCO format: {first['msg']}"
        raise DataError(msg, where=str(path), fix="Name a COCO file of boxes") from error


def _by_picture(content: _File, path: Path) -> dict[int, list[_Annotation]]:
    pictures = {picture.id for picture in content.images}
    categories = {category.id for category in content.categories}
    found: dict[int, list[_Annotation]] = defaultdict(list)
    for annotation in content.annotations:
        if annotation.image_id not in pictures:
            msg = f"the image {annotation.image_id} is not among `images`"
            raise DataError(
                msg, where=_where(annotation, path), fix="Add it, or drop the annotation"
            )
        if annotation.category_id not in categories:
            msg = f"the category {annotation.category_id} is not among `categories`"
            raise DataError(msg, where=_where(annotation, path), fix="Add it with its name")
        found[annotation.image_id].append(annotation)
    return found


def _picture(folder: Path, file_name: str, path: Path, root: Path) -> Path:
    name = Path(file_name)
    leaves = name.is_absolute() or ".." in name.parts
    picture = None if leaves else below(root, folder / name)
    if picture is None:
        msg = f"the file name {shown(file_name)} leaves the folder {folder}"
        raise DataError(msg, where=str(path), fix="Use file names below the folder of pictures")
    return picture


def _box(annotation: _Annotation, names: dict[int, str], path: Path) -> LabelledBox:
    left, top, width, height = annotation.bbox
    return LabelledBox(
        box=(left, top, left + width, top + height),
        name=names[annotation.category_id],
        where=_where(annotation, path),
    )


def _regions(
    annotations: list[_Annotation], value_of: dict[int, int], path: Path
) -> tuple[Region, ...]:
    regions = []
    for annotation in annotations:
        outline = annotation.segmentation
        if outline is None:
            continue
        if isinstance(outline, _Runs):
            area: tuple[tuple[float, ...], ...] | Runs = Runs(
                size=outline.size, counts=outline.counts
            )
        else:
            check_polygons(outline, where=_where(annotation, path))
            area = outline
        value = IGNORED if annotation.iscrowd else value_of[annotation.category_id]
        regions.append(Region(value=value, outline=area, where=_where(annotation, path)))
    return tuple(regions)


def _where(annotation: _Annotation, path: Path) -> str:
    return f"{path}, annotation {str(annotation.id)[:MAX_SHOWN]}"
