"""Results of the tasks that say something of a whole picture or of its depth.

Axis letters: H height, W width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from automtl.data.table import DataInfo
from automtl.data.targets import PNG_UNIT
from automtl.export.result import FrameResult
from automtl.tasks import classification, depth
from automtl.tasks.base import RawOutput


def with_further(
    results: Sequence[FrameResult], outputs: Mapping[str, RawOutput], info: DataInfo
) -> list[FrameResult]:
    """Return the results of some frames with class and depth, as far as there are heads.

    Args:
        results: What is known already, in the order of the frames.
        outputs: Raw outputs by task, on the CPU.
        info: Classes and picture size.
    """
    found = list(results)
    if "classification" in outputs:
        shares = classification.probabilities(outputs["classification"]).numpy()
        found = [
            replace(result, image_class=int(share.argmax()), image_score=float(share.max()))
            for result, share in zip(found, shares, strict=True)
        ]
    if "depth" in outputs:
        maps = depth.decode(outputs["depth"], info).numpy()
        found = [replace(result, depth=map_) for result, map_ in zip(found, maps, strict=True)]
    return found


def class_record(result: FrameResult, file_name: str, names: Sequence[str]) -> dict[str, object]:
    """Return a picture's class for JSON: file, name of the class and its probability."""
    assert result.image_class is not None
    assert result.image_score is not None
    return {
        "file_name": file_name,
        "class": names[result.image_class],
        "score": round(result.image_score, 4),
    }


def depth_picture(depth_hw: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """Return a depth map as a 16-bit picture, in the format that sources read.

    Args:
        depth_hw: float32 ``[H, W]``, in the unit of the labels.
        size: Width and height wanted, as Pillow counts; by nearest pixels.
    """
    # 0 would mean that nothing is known.
    values = np.clip(np.rint(depth_hw * PNG_UNIT), 1, np.iinfo(np.uint16).max).astype(np.uint16)
    return Image.fromarray(values).resize(size, Image.Resampling.NEAREST)
