"""Decoding of frames, class masks and instance masks with Pillow.

Axis letters: h, w of the file; H, W decoded.
"""

import struct
import warnings
import zlib
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from automtl.data.table import IGNORED
from automtl.errors import DataError

Number = TypeVar("Number", np.uint8, np.uint16, np.int64, np.float32)

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})

IGNORED_INSTANCE = 10_000
"""Pixel value of a MOTS region that is not labelled."""

_DECODING = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises on broken or far too large files."""


class UnreadableError(DataError):
    """A file that cannot be decoded; its frame is left out and named."""


def list_images(folder: Path) -> list[Path]:
    """Return the picture files of ``folder``, sorted by name.

    Raises:
        DataError: If there is none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        msg = "the folder holds no picture"
        raise DataError(
            msg, where=str(folder), fix=f"Known endings: {', '.join(sorted(SUFFIXES))}"
        )
    return found


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the picture files of ``folder`` by name without ending."""
    return {path.stem: path for path in list_images(folder)}


def read_image(path: Path, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a frame as uint8 ``[3, H, W]``, bilinearly resized, and its ``(h, w)``.

    Raises:
        UnreadableError: If it cannot be decoded.
    """
    picture = read_picture(path)
    return to_input(picture, size), (picture.height, picture.width)


def read_picture(path: Path) -> Image.Image:
    """Decode a picture as RGB.

    Raises:
        UnreadableError: If it cannot be decoded, or is so large that it may be an attack.
    """
    return open_picture(path).convert("RGB")


def to_input(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a picture to ``size`` (height, width); uint8 ``[3, H, W]``."""
    small = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))


def read_mask(
    path: Path, original: tuple[int, int], size: tuple[int, int], ignore: int
) -> NDArray[np.uint8]:
    """Return a class mask as uint8 ``[H, W]``; ``ignore`` becomes ``IGNORED``.

    Raises:
        UnreadableError: If it cannot be decoded or has another shape than its frame.
        DataError: If it is not an 8-bit mask.
    """
    picture = open_picture(path)
    if picture.mode not in {"L", "P"}:
        msg = f"a class mask must have 8 bits and one channel, found mode {picture.mode!r}"
        raise DataError(msg, where=str(path), fix="Save class numbers as an 8-bit grey PNG")
    check_shape(path, picture, original)
    mask = resize_nearest(np.asarray(picture), size)
    return np.where(mask == ignore, np.uint8(IGNORED), mask)


def read_instances(path: Path, original: tuple[int, int]) -> NDArray[np.uint16]:
    """Return a MOTS PNG as uint16 ``[h, w]`` (class * 1000 + id); ignored regions are 0.

    Raises:
        UnreadableError: If it cannot be decoded or has another shape than its frame.
        DataError: If it does not have 16 bits.
    """
    picture = open_picture(path)
    if not picture.mode.startswith("I"):
        msg = f"an instance mask must have 16 bits, found mode {picture.mode!r}"
        raise DataError(msg, where=str(path), fix="Save class * 1000 + id as a 16-bit PNG")
    check_shape(path, picture, original)
    values = np.asarray(picture).astype(np.uint16)
    values[values == IGNORED_INSTANCE] = 0
    return values


def open_picture(path: Path) -> Image.Image:
    """Return a picture with its pixels read.

    Raises:
        UnreadableError: If it cannot be decoded.
    """
    try:
        with warnings.catch_warnings():
            # Pillow only warns of a picture that would fill the memory; here it is refused.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                picture.load()
                return picture
    except _DECODING as error:
        reason = " ".join(str(error).split()).replace(str(path), path.name)
        msg = f"it cannot be decoded ({reason})"
        raise UnreadableError(msg, where=str(path)) from error


def check_shape(path: Path, picture: Image.Image, original: tuple[int, int]) -> None:
    """Allow a mask of other resolution than its frame, not of another shape.

    Raises:
        UnreadableError: If the shape is another one.
    """
    if abs(picture.height * original[1] - picture.width * original[0]) > 0.02 * (
        picture.width * original[0]
    ):
        msg = (
            f"the mask of {picture.width}x{picture.height} pixels does not fit its frame of "
            f"{original[1]}x{original[0]}"
        )
        raise UnreadableError(msg, where=str(path))


def resize_nearest(values: NDArray[Number], size: tuple[int, int]) -> NDArray[Number]:
    """Return ``values`` ``[h, w]`` at ``size``: the pixel under the centre of each new one."""
    rows = ((np.arange(size[0]) + 0.5) * values.shape[0] / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * values.shape[1] / size[1]).astype(np.int64)
    return np.asarray(values[rows[:, None], columns[None, :]], dtype=values.dtype)
