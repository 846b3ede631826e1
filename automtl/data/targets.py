"""Targets of further tasks: one array for each frame, by the name of its task.

Files lie in a folder for each target and are named as the frames: ``.npy`` (a number, a vector
or a map), 16-bit ``.png`` (a map of pixel / 256, where 0 is not labelled) or ``.txt`` (the name
of a class). A map is resized with its frame. Axis letters: h, w of the file; H, W decoded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl.data.files import UnreadableError, check_file, list_files
from automtl.data.images import as_16_bits, check_shape, open_picture, resize_nearest
from automtl.data.limits import MAX_PIXELS, shown
from automtl.data.raw import CLASSIFICATION, DETECTION, SEGMENTATION, TRACKING, RawFrame, inside
from automtl.errors import DataError, closest

MISSING = -1
"""Whole number that is not labelled; among other numbers it is NaN."""

PNG_UNIT = 256
"""Pixel value of a 16-bit PNG that stands for 1."""

MAX_NAME_BYTES = 1024
"""Of a file with the name of a class."""

MAX_ARRAY_BYTES = 1 << 30

MAX_REASON = 200
"""Characters of numpy's messages, which repeat what a file says of itself."""

SUFFIXES = (".npy", ".png", ".txt")

Target = NDArray[Any]
TargetFiles = Mapping[str, Mapping[str, Path]]
"""Files by name of the target, then by name of the frame without ending."""


def target_files(folders: Mapping[str, str], root: Path) -> TargetFiles:
    """List the files of each target.

    Raises:
        DataError: If a folder is missing or empty, or a target is called as a task whose labels
            have a format of their own.
    """
    found: dict[str, Mapping[str, Path]] = {}
    for name, folder in folders.items():
        if name in (DETECTION, SEGMENTATION, TRACKING):
            msg = f"`targets.{name}` is no further target"
            raise DataError(
                msg, where=folder, fix="Give boxes, masks and ids by the source's own keys"
            )
        path = inside(root, folder, field=f"targets.{name}")
        files = {file.stem: file for file in list_files(path, SUFFIXES, root)}
        if not files:
            msg = "the folder holds no target"
            raise DataError(msg, where=str(path), fix=f"Known endings: {', '.join(SUFFIXES)}")
        found[name] = files
    return found


def targets_of(files: TargetFiles, stem: str) -> dict[str, Path | None]:
    """Return the file of each target for the frame ``stem``, None where there is none."""
    return {name: by_stem.get(stem) for name, by_stem in files.items()}


def read_target(path: Path, original: tuple[int, int], size: tuple[int, int]) -> Target:
    """Return a frame's target: float32, int64, or a class name.

    Args:
        path: The file.
        original: Height and width of the frame's file; a map must have its shape.
        size: Height and width that a map is resized to, by nearest pixels.

    Raises:
        UnreadableError: If the file cannot be read, or a map does not fit its frame.
    """
    match path.suffix.lower():
        case ".txt":
            return np.array(_text(path).strip())
        case ".png":
            return _map_of_png(path, original, size)
        case _:
            return _array(path, original, size)


def is_labelled(target: Target) -> bool:
    """Return whether a target says anything."""
    if target.dtype.kind == "f":
        return bool(np.isfinite(target).any())
    if target.dtype.kind == "U":
        return bool(target.size) and str(target) != ""
    return bool((target != MISSING).any())


def stack_targets(
    frames: Sequence[RawFrame], image_classes: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Return each target of all frames, ``[N, ...]``, with what is missing filled.

    Args:
        frames: In order.
        image_classes: Names by index, for targets that are class names.

    Raises:
        DataError: If the arrays of a target differ in shape, or a class is unknown.
    """
    names = dict.fromkeys(name for frame in frames for name in frame.targets)
    found: dict[str, NDArray[Any]] = {}
    for name in sorted(names):
        rows = [_numbers(name, frame, image_classes) for frame in frames]
        shapes = sorted({row.shape for row in rows if row is not None})
        if len(shapes) > 1:
            msg = f"the target {name!r} has frames of the shapes {shapes[0]} and {shapes[1]}"
            raise DataError(msg, where="data", fix="Give every frame an array of one shape")
        kinds = [row.dtype for row in rows if row is not None]
        dtype = np.result_type(*kinds)
        missing = np.full(shapes[0], np.nan if dtype.kind == "f" else MISSING, dtype=dtype)
        found[name] = np.stack([missing if row is None else row.astype(dtype) for row in rows])
    return found


def image_classes_of(frames: Sequence[RawFrame]) -> tuple[str, ...]:
    """Return the class names that the frames' targets hold, sorted."""
    targets = (frame.targets.get(CLASSIFICATION) for frame in frames)
    return tuple(sorted({str(t) for t in targets if t is not None and t.dtype.kind == "U"}))


def _numbers(name: str, frame: RawFrame, image_classes: tuple[str, ...]) -> Target | None:
    target = frame.targets.get(name)
    if target is None or (target.dtype.kind != "U" and name != CLASSIFICATION):
        return target
    if name != CLASSIFICATION:
        msg = f"the target {name!r} is the text {str(target)!r}"
        raise DataError(msg, where=frame.name, fix="Only `classification` takes names of classes")
    if target.dtype.kind == "U":
        if str(target) not in image_classes:
            near = closest(str(target), image_classes)
            msg = f"the class {str(target)!r} is not among `data.image_classes`"
            fix = f"Did you mean {near!r}?" if near else f"Known: {', '.join(image_classes)}"
            raise DataError(msg, where=frame.name, fix=fix)
        return np.array(image_classes.index(str(target)), dtype=np.int64)
    if target.shape or target.dtype.kind == "f" or not MISSING <= target < len(image_classes):
        msg = f"the class of the picture is {target.tolist()!r}"
        fix = f"Give a whole number below the {len(image_classes)} of `data.image_classes`"
        raise DataError(msg, where=frame.name, fix=fix)
    return target


def _text(path: Path) -> str:
    check_file(path, MAX_NAME_BYTES)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"it cannot be read as text ({error})"
        raise UnreadableError(msg, where=str(path)) from error


def _map_of_png(path: Path, original: tuple[int, int], size: tuple[int, int]) -> Target:
    picture = open_picture(path)
    if not picture.mode.startswith("I"):
        msg = f"a target map must have 16 bits, found mode {picture.mode!r}"
        raise DataError(msg, where=str(path), fix=f"Save value * {PNG_UNIT} as a 16-bit PNG")
    check_shape(path, picture.size, original)
    values = resize_nearest(as_16_bits(picture, path), size)
    return np.where(values == 0, np.float32(np.nan), values.astype(np.float32) / PNG_UNIT)


def _array(path: Path, original: tuple[int, int], size: tuple[int, int]) -> Target:
    numbers = _plain_array(path)
    if numbers.ndim < 2:
        return numbers
    check_shape(path, (numbers.shape[-1], numbers.shape[-2]), original)
    flat = numbers.reshape(-1, *numbers.shape[-2:])
    if len(flat) * size[0] * size[1] > MAX_PIXELS:
        msg = f"{len(flat)} maps in the frames' size have more than {MAX_PIXELS} numbers"
        raise UnreadableError(msg, where=str(path))
    resized = np.stack([resize_nearest(plane, size) for plane in flat])
    return resized.reshape(*numbers.shape[:-2], *size)


def _plain_array(path: Path) -> Target:
    """Return the array of a ``.npy`` file as float32, what is not finite as NaN, or int64."""
    check_file(path, MAX_ARRAY_BYTES)
    try:
        # No pickle: a file of data must not run code. Mapped, an array is as large as its file.
        values = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy parses the header as Python, which raises all kinds
        msg = f"it is no array of numbers ({' '.join(str(error).split())[:MAX_REASON]})"
        raise UnreadableError(msg, where=str(path)) from error
    if values.dtype.kind not in "iufb":
        msg = f"it holds {shown(str(values.dtype))}, not numbers"
        raise UnreadableError(msg, where=str(path))
    if not values.size:
        msg = "it holds no number"
        raise UnreadableError(msg, where=str(path))
    if values.dtype.kind != "f":
        if int(values.max()) > np.iinfo(np.int64).max:
            msg = "its numbers do not fit into 64 bits with a sign"
            raise UnreadableError(msg, where=str(path))
        return np.array(values, dtype=np.int64)
    with np.errstate(over="ignore"):
        numbers = np.array(values, dtype=np.float32)
    return np.where(np.isfinite(numbers), numbers, np.float32(np.nan))
