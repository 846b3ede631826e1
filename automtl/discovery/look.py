"""From a folder to the labels in it, and why the rest is not used."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from automtl.discovery.found import Labelled, LeftOut
from automtl.discovery.match import Matching, match
from automtl.discovery.walk import walk
from automtl.errors import DataError

LOOKED_FOR = (
    "COCO JSON, YOLO texts, MOTChallenge gt/gt.txt, MOTS instance masks, class masks (8-bit PNG), "
    "depth maps"
)

OTHER_FILES = {
    (".mp4", ".avi", ".mov", ".mkv", ".webm"): "videos: take out frames, as with "
    "`ffmpeg -i FILE frames/%05d.jpg`, and label them",
    (".zip", ".tar", ".tgz", ".tar.gz", ".7z"): "archives: automtl unpack FILE FOLDER",
    (".xml",): "XML, as of Pascal VOC: convert it to COCO JSON",
    (".csv", ".parquet", ".mat"): "tables, which are not read: convert them to COCO JSON",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What lies in a folder.

    Attributes:
        root: The folder.
        labelled: Frames with labels, by path.
        left_out: What is not used, by path.
    """

    root: Path
    labelled: tuple[Labelled, ...]
    left_out: tuple[LeftOut, ...]


def look(root: Path) -> Findings:
    """Look for frames and their labels.

    Raises:
        DataError: If there are no frames with labels; it says what was looked for.
    """
    matching = match(walk(root))
    _note_the_rest(matching)
    labelled = tuple(one for one in matching.found.values() if one.tasks)
    left_out = tuple(sorted(matching.left_out, key=lambda one: one.path))
    if not labelled:
        told = "; ".join(f"{one.path}: {one.reason}" for one in left_out[:3])
        more = f" Found {told}." if told else ""
        msg = f"no frames with labels lie in {root}.{more} Looked for {LOOKED_FOR}"
        raise DataError(msg, fix="Each belongs to frames of the same names")
    return Findings(root=root, labelled=labelled, left_out=left_out)


def _note_the_rest(matching: Matching) -> None:
    bare = [path for path, one in matching.found.items() if not one.tasks]
    families = [str(PurePosixPath(path).parent) for path in bare]
    for path in bare:
        parent = str(PurePosixPath(path).parent)
        is_class = families.count(parent) > 1 and not matching.found[path].frames.is_clip
        matching.leave(path, _by_class(path) if is_class else "frames without any label")
    for suffixes, reason in OTHER_FILES.items():
        files = matching.tree.with_suffix(*suffixes)
        if files:
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            matching.leave(files[0] + more, reason)


def _by_class(path: str) -> str:
    name = PurePosixPath(path).name
    return (
        f"pictures of one class? Write `{name}` into a .txt of each picture's name, and name that "
        "folder as `targets: {classification: FOLDER}` (docs/tasks.md)"
    )
