"""What a model sees in one frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameResult:
    """What a model sees in one frame, in pixels of the network's input.

    Attributes:
        boxes: float32 ``[n, 4]`` xyxy; empty without a detection head.
        scores: float32 ``[n]`` in [0, 1].
        classes: int64 ``[n]``, indices of ``detection_classes``.
        ids: int64 ``[n]``, track of each box within its clip, from 1; -1 without one.
        mask: uint8 ``[H, W]``, indices of ``segmentation_classes``; None without that head.
        image_class: Index of ``image_classes``; None without a classification head.
        image_score: Probability of that class.
        depth: float32 ``[H, W]`` in the unit of the labels; None without a depth head.
        instances: uint16 ``[H, W]``, the row of each pixel's object, from 1; 0 where there is
            none. None unless the model has boxes and masks.
        own: What tasks of your own say, by task and name, as their ``decode`` gives it.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    ids: NDArray[np.int64]
    mask: NDArray[np.uint8] | None
    image_class: int | None = None
    image_score: float | None = None
    depth: NDArray[np.float32] | None = None
    instances: NDArray[np.uint16] | None = None
    own: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
