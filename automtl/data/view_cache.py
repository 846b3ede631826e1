"""Views of a table's frames, computed once and kept in a file that processes share."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automtl.config import View
from automtl.data.table import FrameTable, SplitData
from automtl.data.views import VERSION, channels_of, compute_views
from automtl.errors import DataError

CHUNK = 64
"""Frames between two looks at the disk; their views are in memory at one time."""


def with_views(table: FrameTable, views: Sequence[View], *, folder: Path | None) -> FrameTable:
    """Return the table with the stacked views of its frames in place of the pictures.

    The file's name says which views of which pictures it holds, so that a file is never out of
    date, trials with other labels share it, and it may be deleted at any time. It is written
    beside its place and moved there when it is whole. It is mapped into memory: processes of one
    machine share its pages.

    Args:
        table: With pictures (``rgb``).
        views: In the order of their channels.
        folder: Where the file is kept; None computes the views in memory.

    Raises:
        DataError: If the file cannot be written.
    """
    if table.views == tuple(views):
        return table
    if folder is None:
        images = compute_views(table.images, views)
    else:
        images = _kept(table.images, views, folder)
    return replace(table, images=images, views=tuple(views))


def splits_with_views(data: SplitData, views: Sequence[View], *, folder: Path | None) -> SplitData:
    """Return the splits that train and validate with views; the test split stays as it is."""
    return replace(
        data,
        train=with_views(data.train, views, folder=folder),
        validation=with_views(data.validation, views, folder=folder),
    )


def _kept(images: NDArray[np.uint8], views: Sequence[View], folder: Path) -> NDArray[np.uint8]:
    digest = hashlib.sha256(f"{images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    path = folder / f"{'+'.join(views)}-{VERSION}-{digest.hexdigest()[:16]}.npy"
    shape = (len(images), channels_of(views), *images.shape[2:])
    found = _load(path, shape)
    if found is None:
        try:
            _write(path, images, views, shape)
        except OSError as error:
            msg = f"the views {', '.join(views)} of the frames cannot be kept ({error})"
            n_megabytes = int(np.prod(shape)) // 10**6
            raise DataError(
                msg, where=str(path), fix=f"Make room for {n_megabytes} MB, or use fewer views"
            ) from error
        found = _load(path, shape)
    if found is None:
        msg = "the file of views changed while it was read"
        raise DataError(msg, where=str(path), fix="Let no other program write there")
    return found


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the file's array, or None if there is none or it is not whole."""
    if not path.is_file():
        return None
    try:
        found = np.load(path, mmap_mode="r")
    except (ValueError, EOFError):
        return None
    return np.asarray(found) if (found.shape, found.dtype) == (shape, np.uint8) else None


def _write(
    path: Path, images: NDArray[np.uint8], views: Sequence[View], shape: tuple[int, ...]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, len(images), CHUNK):
                file.write(compute_views(images[first : first + CHUNK], views).tobytes())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
