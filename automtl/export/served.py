"""A bundle behind MLflow's generic Python model: pictures in, plain JSON out.

MLflow calls :func:`_load_pyfunc` with the folder that was logged, which is the bundle. Nothing is
unpickled on the way.
"""

import base64
import binascii
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from automtl.data.images import resize_nearest, to_input
from automtl.errors import DataError
from automtl.export.bundle import Bundle, load_bundle
from automtl.export.formats import FrameObjects, to_original
from automtl.export.further import depth_picture
from automtl.export.result import FrameResult

COLUMN = "image"
MAX_PIXELS = 50_000_000
"""Larger pictures are refused: a small file may claim a size that fills the memory."""

_FIX = (
    "Send frames as numbers 0 to 255 [B, H, W, 3], or PNG or JPEG files in base64, as a list or "
    f"in a column {COLUMN!r}"
)


@dataclass(frozen=True, slots=True)
class Served:
    """What MLflow calls.

    Attributes:
        bundle: The model.
    """

    bundle: Bundle

    def predict(self, model_input: Any, params: Any = None) -> list[dict[str, object]]:
        """Predict the frames of one clip, in order; another call is another clip.

        Args:
            model_input: An array ``[B, H, W, 3]`` or ``[H, W, 3]`` of RGB values from 0 to 255,
                or pictures (PNG, JPEG) as bytes or base64: a list, or a table or mapping with a
                column ``image``.
            params: Not used; MLflow passes it.

        Returns:
            For each frame ``boxes`` (xyxy in its own pixels), ``scores``, ``classes`` (names) and
            ``ids`` (tracks from 1, -1 without one); with heads for them ``mask_png`` and
            ``instances_png`` (base64), ``depth_png`` (16 bits, depth * 256), ``image_class`` and
            ``image_score``.

        Raises:
            DataError: If the input holds something else.
        """
        del params
        pictures = [_picture(item) for item in _items(model_input)]
        if not pictures:
            return []
        size = self.bundle.info.image_size
        inputs = np.stack([to_input(picture, size) for picture in pictures])
        results = self.bundle.predict(torch.from_numpy(inputs))
        return [self._plain(p, result) for p, result in zip(pictures, results, strict=True)]

    def _plain(self, picture: Image.Image, result: FrameResult) -> dict[str, object]:
        info, size = self.bundle.info, (picture.height, picture.width)
        objects = to_original(
            result, input_size=info.image_size, size=size, file_name="", number=1
        )
        found = _plain_objects(objects, info.detection_classes)
        if result.mask is not None:
            found["mask_png"] = _png(Image.fromarray(resize_nearest(result.mask, size)))
        if objects.instances is not None:
            found["instances_png"] = _png(Image.fromarray(objects.instances))
        if result.depth is not None:
            found["depth_png"] = _png(depth_picture(result.depth, picture.size))
        if result.image_class is not None:
            found["image_class"] = info.image_classes[result.image_class]
            found["image_score"] = result.image_score
        return found


def _load_pyfunc(data_path: str) -> Served:
    """Load the bundle that MLflow fetched; the name is MLflow's."""
    return Served(load_bundle(Path(data_path)))


def _plain_objects(objects: FrameObjects, names: Sequence[str]) -> dict[str, object]:
    return {
        "boxes": [[round(float(v), 2) for v in box] for box in objects.boxes],
        "scores": [round(float(score), 4) for score in objects.scores],
        "classes": [names[int(index)] for index in objects.classes],
        "ids": objects.ids.tolist(),
    }


def _items(given: Any) -> list[Any]:
    """Return the pictures of what MLflow passes on, one by one."""
    if isinstance(given, np.ndarray):
        is_one = given.ndim in {0, 3} and given.shape[-1:] in {(), (3,)}
        return [given if given.ndim else given.item()] if is_one else list(given)
    if isinstance(given, str | bytes):
        return [given]
    if isinstance(given, list | tuple):
        return list(given)
    try:
        return list(given[COLUMN])
    except (TypeError, KeyError, IndexError) as error:
        msg = f"the input is a {type(given).__name__} without a column {COLUMN!r}"
        raise DataError(msg, fix=_FIX) from error


def _picture(item: Any) -> Image.Image:
    if isinstance(item, str | bytes):
        return _decoded(item)
    values = np.asarray(item)
    is_number = values.dtype.kind in "uif"
    if values.ndim != 3 or values.shape[-1] != 3 or not values.size or not is_number:
        msg = f"a frame is {values.dtype} {list(values.shape)}, not numbers [H, W, 3]"
        raise DataError(msg, fix=_FIX)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
        msg = f"a frame has values from {values.min()} to {values.max()}"
        raise DataError(msg, fix=_FIX)
    bytes_hwc: NDArray[np.uint8] = values.astype(np.uint8)
    return Image.fromarray(bytes_hwc)


def _decoded(item: str | bytes) -> Image.Image:
    try:
        content = base64.b64decode(item, validate=True) if isinstance(item, str) else item
        picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
        if picture.width * picture.height > MAX_PIXELS:
            msg = f"a picture of {picture.width} x {picture.height} pixels is too large"
            raise DataError(msg, fix=f"Send at most {MAX_PIXELS} pixels")
        return picture.convert("RGB")
    except (binascii.Error, OSError, SyntaxError, ValueError) as error:
        msg = f"a picture cannot be decoded ({type(error).__name__})"
        raise DataError(msg, fix=_FIX) from error


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()
