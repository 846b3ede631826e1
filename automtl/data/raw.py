"""What a reader gives: decoded frames with names of classes, before sources are joined.

Axis letters: N objects, H height, W width; all at the decoded size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl.data.archives import is_archive
from automtl.data.files import below
from automtl.errors import DataError
from automtl.left_out import Kind

DETECTION = "detection"
SEGMENTATION = "segmentation"
TRACKING = "tracking"
CLASSIFICATION = "classification"
DEPTH = "depth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that was left out or mended, with its place and reason.

    Attributes:
        name: File, with the line where there is one.
        reason: Why, in a few words.
        kind: What it is about; only ``frame`` counts against ``max_left_out``.
    """

    name: str
    reason: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """One decoded frame.

    Attributes:
        name: File name or generated name.
        frame: Index within the clip, from 0.
        image: uint8 ``[3, H, W]``.
        boxes: float32 ``[N, 4]`` xyxy.
        classes: Class name of each box.
        ids: int64 ``[N]``.
        semantic: uint8 ``[H, W]``, by the source's own values.
        instances: uint16 ``[H, W]``.
        labels: The tasks whose labels the frame carries.
        targets: Targets of further tasks by name: float32, int64, or the name of a class.
    """

    name: str
    frame: int
    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: tuple[str, ...]
    ids: NDArray[np.int64]
    semantic: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    labels: frozenset[str]
    targets: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSource:
    """Everything that one source gives.

    Attributes:
        name: For messages.
        clips: Frames by clip; a still is a clip of one frame.
        notes: What was left out or mended.
        n_frames: Frames that the source has, those left out too.
        detection_classes: Names, in the source's order.
        segmentation_classes: Names of the values of ``semantic``; None where the values are
            indices of the classes that the data configuration names.
        image_classes: Names of the pictures' classes in the source's order; empty where they
            are those that occur.
    """

    name: str
    clips: tuple[tuple[RawFrame, ...], ...]
    notes: tuple[Note, ...]
    n_frames: int
    detection_classes: tuple[str, ...] = ()
    segmentation_classes: tuple[str, ...] | None = ()
    image_classes: tuple[str, ...] = ()


def data_root(root: Path | None, source: str) -> Path:
    """Return the root of the data's paths, which a source of files needs.

    Args:
        root: The folder, or None if the user named none.
        source: The source, for messages.

    Raises:
        DataError: If there is none, or it is a file.
    """
    if root is None:
        msg = f"the source {source} needs a data root"
        raise DataError(msg, where="data", fix="Name the folder that holds it with --data")
    if root.is_file():
        msg = "the data root is a file"
        fix = f"Unpack it first: automtl unpack {root} FOLDER" if is_archive(root) else None
        raise DataError(msg, where=str(root), fix=fix or "Name a folder with --data")
    return root


def inside(root: Path, relative: str, *, field: str) -> Path:
    """Return ``root / relative``, which must exist inside ``root``.

    Raises:
        DataError: If the path leaves it, or nothing is there.
    """
    named = f"`{field}: {relative}`"
    path = below(root, relative)
    if path is None:
        msg = f"{named} leaves the data root {root}"
        raise DataError(
            msg,
            where="data",
            fix="Use a path below the root, without `..`",
        )
    if not path.exists():
        msg = f"{named} does not exist"
        raise DataError(
            msg,
            where=str(root),
            fix="Correct the path in the recipe, or the folder given with --data",
        )
    return path
