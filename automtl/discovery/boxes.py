"""Files of boxes: YOLO texts, MOTChallenge ground truth, COCO JSON. Read as far as it takes."""

import configparser
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from automtl.discovery.walk import Tree

N_SAMPLES = 50
MAX_JSON_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFile:
    """What a JSON file holds.

    Attributes:
        kind: ``boxes``, ``panoptic``, or empty for another file.
        names: File names of its pictures.
        classes: Names of its categories.
        has_outlines: Whether an annotation has a segmentation.
    """

    kind: Literal["boxes", "panoptic", ""]
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    has_outlines: bool = False


def read_coco_file(file: Path) -> CocoFile:
    """Return what kind of JSON a file is, and which pictures it names."""
    if file.stat().st_size > MAX_JSON_BYTES:
        return CocoFile(kind="")
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return CocoFile(kind="")
    wanted = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in wanted):
        return CocoFile(kind="")
    annotations = [a for a in content["annotations"] if isinstance(a, dict)]
    pictures = [p for p in content["images"] if isinstance(p, dict)]
    if any("segments_info" in annotation for annotation in annotations):
        return CocoFile(kind="panoptic")
    return CocoFile(
        kind="boxes" if any("bbox" in annotation for annotation in annotations) else "",
        names=tuple(str(picture.get("file_name", "")) for picture in pictures),
        classes=tuple(
            str(c.get("name", "")) for c in content["categories"] if isinstance(c, dict)
        ),
        has_outlines=any(annotation.get("segmentation") for annotation in annotations),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloTexts:
    """What the text files of a folder hold.

    Attributes:
        kind: ``boxes``, ``outlines`` (polygons), or empty for other texts.
        classes: Class ids.
    """

    kind: Literal["boxes", "outlines", ""]
    classes: tuple[int, ...] = ()


def read_yolo_texts(folder: Path, names: Sequence[str]) -> YoloTexts:
    """Return whether text files are YOLO boxes, by the first lines, and all class ids."""
    ids: set[int] = set()
    kinds: set[str] = set()
    for number, name in enumerate(names):
        text = (folder / name).read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            values = _numbers(line.split())
            if not values and line.strip():
                kinds.add("")
            elif values:
                kinds.add(_yolo_kind(values))
                ids.add(int(values[0]))
        if number < N_SAMPLES and "" in kinds:
            break
    if not kinds or "" in kinds:
        return YoloTexts(kind="")
    kind: Literal["boxes", "outlines"] = "outlines" if "outlines" in kinds else "boxes"
    return YoloTexts(kind=kind, classes=tuple(sorted(ids)))


def _yolo_kind(values: Sequence[float]) -> str:
    is_class = values[0] >= 0 and values[0].is_integer()
    if not is_class or not all(-1 <= value <= 2 for value in values[1:]):
        return ""
    if len(values) == 5:
        return "boxes"
    return "outlines" if len(values) >= 7 and len(values) % 2 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotFile:
    """A ground truth of MOTChallenge.

    Attributes:
        frames: Folder where its frames should be, as ``seqinfo.ini`` or custom says.
        sequence: Name of the sequence.
        classes: Class ids of the boxes that count; empty if the lines tell none.
        why_not: Why it cannot be used; empty if it can.
    """

    frames: str
    sequence: str
    classes: tuple[int, ...] = ()
    why_not: str = ""


def read_mot_file(tree: Tree, path: str) -> MotFile | None:
    """Read a ``gt.txt``; None if it is another kind of text."""
    rows = [
        _numbers(line.split(","))
        for line in (tree.root / path).read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]
    if not rows or any(len(row) < 6 for row in rows):
        return None
    frames, sequence = _frames_of(tree, path)
    if any(len(row) < 8 or not row[7].is_integer() or row[7] < 1 for row in rows if _counts(row)):
        why = "its boxes have no class column (as in MOT15): write class ids into column 8"
        return MotFile(frames=frames, sequence=sequence, why_not=why)
    ids = {int(row[7]) for row in rows if _counts(row)}
    return MotFile(frames=frames, sequence=sequence, classes=tuple(sorted(ids)))


def _counts(row: Sequence[float]) -> bool:
    return len(row) < 7 or row[6] != 0


def _frames_of(tree: Tree, path: str) -> tuple[str, str]:
    """Return where the frames of a ground truth should be, and the sequence's name."""
    sequence = PurePosixPath(path).parent
    if sequence.name == "gt":
        sequence = sequence.parent
    info: Mapping[str, str] = {}
    file = tree.root / sequence / "seqinfo.ini"
    if file.is_file():
        parser = configparser.ConfigParser()
        try:
            parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
            info = dict(parser["Sequence"]) if "Sequence" in parser else {}
        except configparser.Error:
            info = {}  # A broken file tells nothing; the usual place is looked at.
    name = info.get("name", sequence.name)
    for place in (info.get("imdir", ""), "img1", "img", "frames", "images", "."):
        frames = _joined(sequence, place)
        if place and frames in tree.pictures:
            return frames, name
    return _joined(sequence, info.get("imdir", "img1")), name


def _joined(folder: PurePosixPath, place: str) -> str:
    """Return ``folder/place`` with ``..`` resolved; what leaves the root is found nowhere."""
    parts: list[str] = []
    for part in (*folder.parts, *PurePosixPath(place).parts):
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


def _numbers(words: Sequence[str]) -> list[float]:
    """Return numbers, or nothing if one of the words is none."""
    try:
        found = [float(word) for word in words]
    except ValueError:
        return []
    return found if all(map(math.isfinite, found)) else []
