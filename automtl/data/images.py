"""Decoding of frames, class masks and instance masks with Pillow.

Axis letters: h, w of the file; H, W decoded.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from automtl.data.files import UnreadableError, check_file, list_files
from automtl.data.table import IGNORED
from automtl.errors import DataError

Number = TypeVar("Number", np.uint8, np.uint16, np.int64, np.float32)

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})

IGNORED_INSTANCE = 10_000
"""Pixel value of a MOTS region that is not labelled."""

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM")
"""Whatever a file is called, no other decoder runs: Pillow hands PostScript to a program."""


def list_images(folder: Path, root: Path) -> list[Path]:
    """Return the picture files of ``folder``, sorted by name.

    Raises:
        DataError: If there is none, or a link leads out of ``root``.
    """
    found = list_files(folder, SUFFIXES, root)
    if not found:
        msg = "the folder holds no picture"
        raise DataError(
            msg, where=str(folder), fix=f"Known endings: {', '.join(sorted(SUFFIXES))}"
        )
    return found


def by_stem(folder: Path, root: Path) -> dict[str, Path]:
    """Return the picture files of ``folder`` by name without ending."""
    return {path.stem: path for path in list_images(folder, root)}


def read_image(path: Path, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a frame as uint8 ``[3, H, W]``, bilinearly resized, and its ``(h, w)``.

    Raises:
        UnreadableError: If it cannot be decoded.
    """
    picture = read_picture(path)
    return to_input(picture, size), (picture.height, picture.width)


def read_picture(path: Path) -> Image.Image:
    """Decode a picture as RGB, turned as its EXIF orientation says: as people saw and labelled it.

    Of a moving picture it is the first frame; what is transparent is shown.

    Raises:
        UnreadableError: If it cannot be decoded, has more than 8 bits a channel, or is so large
            that it may be an attack.
    """
    with _decoded(path) as picture:
        if picture.mode.startswith(("I", "F")):
            msg = f"a frame must have 8 bits a channel, found mode {picture.mode!r}"
            raise UnreadableError(msg, where=str(path))
        ImageOps.exif_transpose(picture, in_place=True)
        return picture.convert("RGB")


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
    check_shape(path, picture.size, original)
    mask = resize_nearest(np.asarray(picture), size)
    return np.where(mask == ignore, np.uint8(IGNORED), mask)


def by_name(mask: NDArray[np.uint8], names: Mapping[int, str]) -> NDArray[np.uint8]:
    """Return a class mask with the index of each value's name; what has no name is ``IGNORED``."""
    lookup = np.full(256, IGNORED, dtype=np.uint8)
    classes = names_of(names)
    for value, name in names.items():
        lookup[value] = classes.index(name)
    return lookup[mask]


def names_of(values: Mapping[int, str]) -> tuple[str, ...]:
    """Return the names of a mask's values, each once."""
    return tuple(dict.fromkeys(values.values()))


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
    check_shape(path, picture.size, original)
    values = as_16_bits(picture, path)
    values[values == IGNORED_INSTANCE] = 0
    return values


def open_picture(path: Path) -> Image.Image:
    """Return a picture with its pixels read, as they are stored.

    Raises:
        UnreadableError: If it cannot be decoded.
    """
    with _decoded(path) as picture:
        return picture


@contextmanager
def _decoded(path: Path) -> Iterator[Image.Image]:
    """Give a picture whose pixels are read; what is raised in the block is a reason too."""
    check_file(path)
    try:
        with warnings.catch_warnings():
            # Of damage that leaves the pixels readable.
            warnings.simplefilter("ignore")
            # Pillow only warns of a picture that would fill the memory; here it is refused.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                picture.load()
                yield picture
    except UnreadableError:
        raise
    except Exception as error:  # decoders of foreign bytes raise all kinds
        reason = " ".join(str(error).split()).replace(str(path), path.name)
        msg = f"it cannot be decoded ({reason or type(error).__name__})"
        raise UnreadableError(msg, where=str(path)) from error


def as_16_bits(picture: Image.Image, path: Path) -> NDArray[np.uint16]:
    """Return the values ``[h, w]`` of a picture of one channel with more than 8 bits.

    Raises:
        UnreadableError: If a value does not fit into 16 bits.
    """
    values = np.asarray(picture)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        msg = f"its values must fit into 16 bits, found {low} to {high}"
        raise UnreadableError(msg, where=str(path))
    return values.astype(np.uint16)


def check_shape(path: Path, size: tuple[int, int], original: tuple[int, int]) -> None:
    """Allow a mask of other resolution than its frame, not of another shape.

    Args:
        path: The mask.
        size: Its width and height.
        original: Height and width of its frame.

    Raises:
        UnreadableError: If the shape is another one.
    """
    width, height = size
    if abs(height * original[1] - width * original[0]) > 0.02 * width * original[0]:
        msg = (
            f"the mask of {width}x{height} pixels does not fit its frame of "
            f"{original[1]}x{original[0]}"
        )
        raise UnreadableError(msg, where=str(path))


def resize_nearest(values: NDArray[Number], size: tuple[int, int]) -> NDArray[Number]:
    """Return ``values`` ``[h, w]`` at ``size``: the pixel under the centre of each new one."""
    rows = ((np.arange(size[0]) + 0.5) * values.shape[0] / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * values.shape[1] / size[1]).astype(np.int64)
    return np.asarray(values[rows[:, None], columns[None, :]], dtype=values.dtype)
