"""Which labels belong to which frames: told by the names of files."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np

from automtl.data.images import open_picture
from automtl.discovery.boxes import read_coco_file, read_mot_file, read_yolo_texts
from automtl.discovery.found import Labelled, LeftOut, Pictures, split_named
from automtl.discovery.names import MOT, completed, names_near
from automtl.discovery.pictures import INSTANCE, look_at, mask_values
from automtl.discovery.walk import Tree

LEAST_SHARED = 0.5
"""Labels belong to frames if so many of the names of the fewer are those of the others."""

NAMES_ABOVE = 2
"""Names of mask values are looked for so many folders above the masks, not at the very top."""

MOTS_IGNORED = 10


@dataclass(slots=True, kw_only=True)
class Matching:
    """Frames with what has been found for them so far.

    Attributes:
        tree: The files.
        found: By folder of frames.
        left_out: What is not used.
    """

    tree: Tree
    found: dict[str, Labelled] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave(self, path: str, reason: str) -> None:
        """Note that something is not used."""
        self.left_out.append(LeftOut(path=path, reason=reason))

    def put(self, frames: str, what: str, path: str, **facts: object) -> None:
        """Add labels to frames, or note that there are such labels already."""
        before = self.found[frames]
        used = before.boxes_path if "boxes" in facts else getattr(before, what, "")
        if used:
            self.leave(path, f"its frames {frames} have labels of that kind already ({used})")
        else:
            self.found[frames] = replace(before, **facts)  # type: ignore[arg-type]


def match(tree: Tree) -> Matching:
    """Find the labels of all frames below a folder."""
    matching = Matching(tree=tree)
    looked = {path: look_at(tree.root, path, names) for path, names in tree.pictures.items()}
    pictures = [found for found in looked.values() if found is not None]
    for path, found in looked.items():
        if found is None:
            matching.leave(path, "none of its pictures can be decoded")
    frames = [one for one in pictures if one.kind == "frames"]
    alone = [
        p for p in pictures if p.kind == "colours" and partner(p.stems, p.path, frames) is None
    ]
    for one in (*frames, *alone):
        matching.found[one.path] = Labelled(frames=one, split=split_named(one.path))
    _ground_truths(matching)
    _coco_files(matching)
    _yolo_folders(matching)
    for one in pictures:
        if one.path not in matching.found:
            _masks(matching, one)
    return matching


def partner(stems: Collection[str], path: str, frames: Iterable[Pictures]) -> Pictures | None:
    """Return the frames whose names a folder's labels bear; of equals, the nearest by path."""
    parts = PurePosixPath(path).parts
    best: tuple[tuple[int, bool, int], Pictures] | None = None
    for one in frames:
        n_shared = len(one.stems.intersection(stems))
        if n_shared < LEAST_SHARED * min(len(stems), len(one.stems)) or not n_shared:
            continue
        theirs = PurePosixPath(one.path).parts
        score = (n_shared, parts[-1:] == theirs[-1:], len(_words(path) & _words(one.path)))
        if best is None or score > best[0]:
            best = (score, one)
    return None if best is None else best[1]


def _words(path: str) -> set[str]:
    """Return the words of a path.

    >>> sorted(_words("annotations/instances_train2017.json"))
    ['annotations', 'instances', 'json', 'train']
    """
    return set(re.split(r"[\W\d_]+", path.lower())) - {""}


def _frames(matching: Matching) -> list[Pictures]:
    return [one.frames for one in matching.found.values()]


def _ground_truths(matching: Matching) -> None:
    for path in matching.tree.with_suffix(".txt"):
        name = PurePosixPath(path).name
        if name == "det.txt":
            matching.leave(path, "detections of some program, no ground truth")
        if name != "gt.txt":
            continue
        truth = read_mot_file(matching.tree, path)
        if truth is None:
            matching.leave(path, "no lines of MOTChallenge ground truth")
        elif truth.frames not in matching.found:
            matching.leave(path, f"boxes and ids without frames: {truth.frames} is not there")
        elif truth.why_not or not truth.classes:
            matching.leave(path, truth.why_not or "no box of it counts")
        else:
            known = MOT if truth.sequence.startswith("MOT") else names_near(matching.tree, path)
            classes = completed(truth.classes, known)
            matching.put(
                truth.frames, "boxes", path, boxes="mot", boxes_path=path, classes=classes
            )


def _coco_files(matching: Matching) -> None:
    for path in matching.tree.with_suffix(".json"):
        file = read_coco_file(matching.tree.root / path)
        if file.kind == "panoptic":
            matching.leave(path, "a panoptic file, which is not read: export boxes as COCO JSON")
        if file.kind != "boxes":
            continue
        stems = {PurePosixPath(name).stem for name in file.names}
        frames = partner(stems, path, _frames(matching))
        if frames is None:
            matching.leave(path, "COCO boxes without frames: no folder has its file names")
            continue
        matching.put(
            frames.path,
            "boxes",
            path,
            boxes="coco",
            boxes_path=path,
            has_outlines=file.has_outlines,
            classes=dict(enumerate(file.classes)),
        )


def _yolo_folders(matching: Matching) -> None:
    for folder, names in matching.tree.others.items():
        texts = [name for name in names if name.endswith(".txt")]
        frames = partner({name[:-4] for name in texts}, folder, _frames(matching))
        if not texts or frames is None:
            continue
        shown = [name for name in texts if name[:-4] in frames.stems]
        found = read_yolo_texts(matching.tree.root / folder, shown)
        if found.kind == "outlines":
            matching.leave(folder, "YOLO polygons, which are not read: convert them to COCO JSON")
        elif found.kind == "boxes":
            known = names_near(matching.tree, folder)
            n_classes = max((*found.classes, *known)) + 1
            classes = completed(range(n_classes), known)
            matching.put(
                frames.path, "boxes", folder, boxes="yolo", boxes_path=folder, classes=classes
            )


def _masks(matching: Matching, pictures: Pictures) -> None:
    frames = partner(pictures.stems, pictures.path, _frames(matching))
    if frames is None:
        matching.leave(
            pictures.path, "masks without frames: no folder has pictures of their names"
        )
        return
    match pictures.kind:
        case "classes":
            _class_masks(matching, pictures, frames)
        case "instances":
            _instances(matching, pictures, frames)
        case "depth":
            matching.put(frames.path, "depth", pictures.path, depth=pictures.path)
        case "colours":
            why = "masks in colours, which are not read: save class numbers as 8-bit grey PNG"
            matching.leave(pictures.path, why)
        case _:
            why = "no class mask (8 bits), MOTS mask (class * 1000 + id) or depth map in its name"
            matching.leave(pictures.path, why)


def _class_masks(matching: Matching, pictures: Pictures, frames: Pictures) -> None:
    if matching.found[frames.path].boxes == "coco":
        why = "class masks beside a COCO file, whose own segmentations are used if it has any"
        matching.leave(pictures.path, why)
        return
    values = mask_values(matching.tree.root, pictures)
    matching.put(
        frames.path,
        "masks",
        pictures.path,
        masks=pictures.path,
        mask_values=values,
        mask_names=_mask_names(matching.tree, pictures.path, values),
    )


def _mask_names(tree: Tree, path: str, values: Collection[int]) -> Mapping[int, str]:
    above = [path, *map(str, PurePosixPath(path).parents)][: NAMES_ABOVE + 1]
    near = {folder: tree.others.get(folder, ()) for folder in above if folder != "."}
    names = names_near(replace(tree, others=near), path)
    return names if set(values) - {255} <= set(names) else {}


def _instances(matching: Matching, pictures: Pictures, frames: Pictures) -> None:
    before = matching.found[frames.path]
    if before.boxes in ("yolo", "coco"):
        matching.leave(pictures.path, f"instance masks beside {before.boxes_path}, which is used")
        return
    ids = set(_instance_classes(matching.tree, pictures)) - {MOTS_IGNORED}
    known = before.classes or names_near(matching.tree, pictures.path)
    classes = completed({*ids, *before.classes}, known)
    matching.put(frames.path, "instances", pictures.path, instances=pictures.path, classes=classes)


def _instance_classes(tree: Tree, pictures: Pictures) -> Iterator[int]:
    for name in pictures.names:
        values = np.unique(np.asarray(open_picture(tree.root / pictures.path / name)))
        yield from {int(value) // INSTANCE for value in values if value >= INSTANCE}
