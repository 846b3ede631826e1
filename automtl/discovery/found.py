"""What was found in a folder: values that the steps of looking hand on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

Split = Literal["train", "validation", "test", ""]
"""What the name of a folder says of its use; empty if nothing."""

PictureKind = Literal["frames", "classes", "instances", "depth", "colours", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """A folder of picture files.

    Attributes:
        path: Relative to the root, with slashes.
        names: File names in order.
        size: Height and width of the first one, in pixels.
        kind: What its pictures show, as far as some of them tell.
        is_clip: Whether they are numbered evenly and of one size, as the frames of a video are.
    """

    path: str
    names: tuple[str, ...]
    size: tuple[int, int]
    kind: PictureKind
    is_clip: bool

    @property
    def stems(self) -> frozenset[str]:
        """Names without endings."""
        return frozenset(name.rpartition(".")[0] for name in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that is not used.

    Attributes:
        path: Relative to the root.
        reason: Why, and what to do to use it.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Frames of one folder with all labels that belong to them.

    Attributes:
        frames: The folder.
        boxes: How they are written: ``yolo``, ``coco``, ``mot``, or empty.
        boxes_path: The file or folder of the boxes.
        masks: Folder of class masks, or empty.
        mask_values: Values that the masks hold.
        mask_names: Names of the values, as far as a file tells.
        instances: Folder of MOTS instance masks, or empty.
        depth: Folder of depth maps, or empty.
        classes: Names of the boxes' classes by id.
        has_outlines: Whether the COCO file has segmentations to draw masks from.
        split: What the folders' names say.
    """

    frames: Pictures
    boxes: Literal["yolo", "coco", "mot", ""] = ""
    boxes_path: str = ""
    masks: str = ""
    mask_values: tuple[int, ...] = ()
    mask_names: Mapping[int, str] = field(default_factory=dict)
    instances: str = ""
    depth: str = ""
    classes: Mapping[int, str] = field(default_factory=dict)
    has_outlines: bool = False
    split: Split = ""

    @property
    def is_clip(self) -> bool:
        """Whether the frames are used as a clip: boxes without ids belong to stills."""
        return (
            self.boxes == "mot" or bool(self.instances) or (self.frames.is_clip and not self.boxes)
        )

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the labels allow."""
        has_ids = self.boxes == "mot" or bool(self.instances)
        found = {
            "detection": bool(self.boxes) or has_ids,
            "segmentation": bool(self.masks) or self.has_outlines,
            "tracking": has_ids and len(self.frames.names) > 1,
            "depth": bool(self.depth),
        }
        return tuple(task for task, is_there in found.items() if is_there)


def split_named(path: str) -> Split:
    """Return what a path says of its use.

    >>> split_named("images/val2017"), split_named("valley/img1")
    ('validation', '')
    """
    for part in reversed(PurePosixPath(path).parts):
        word = part.lower().rstrip("0123456789_-")
        if word in ("train", "training", "trainset"):
            return "train"
        if word in ("val", "valid", "validation", "dev", "valset"):
            return "validation"
        if word in ("test", "testing", "testset"):
            return "test"
    return ""
