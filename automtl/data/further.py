"""Targets of further tasks in the generated clips: the picture's class and its depth.

Axis letters: H height, W width.
"""

from collections.abc import Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl.data.raw import CLASSIFICATION, DEPTH
from automtl.sources import ShapesSource

IMAGE_CLASSES = ("open", "busy", "crowded")
"""How full of objects a picture is."""

_SHARES = (0.10, 0.14)
"""Shares of covered pixels from which a picture is busy or crowded: about a third each."""

BAR = 65_535
"""Number of the bars among the numbers of what is seen at a pixel; objects count from 1."""

_BACKGROUND = (20.0, 10.0)
"""Depth of the background in metres, at the upper and the lower edge: a floor seen from above."""

_OBJECTS = (8.0, 4.0)
"""Depth of the object that is behind all others and of the one before them."""

_BARS = 2.0


def further_labels(source: ShapesSource, clip: int) -> frozenset[str]:
    """Draw which of the further tasks a clip has labels of.

    The stream is not that of the pictures: these are the same with and without further targets.
    """
    rng = np.random.default_rng([source.seed % 2**63, clip, 1])
    share = source.label_dropout
    return frozenset(
        task
        for task in (CLASSIFICATION, DEPTH)
        if rng.random() >= share.get(task, 0.0) and task in source.targets
    )


def further_targets(
    seen: NDArray[np.uint16], owner: NDArray[np.uint16], n_objects: int, labels: Set[str]
) -> dict[str, NDArray[Any]]:
    """Return the further targets of a frame that its labels ask for.

    Args:
        seen: What is seen at each pixel, as :func:`depth_of` takes it.
        owner: Number of the labelled object at each pixel, 0 where there is none.
        n_objects: Objects of the clip.
        labels: The tasks whose labels the frame carries.
    """
    found: dict[str, NDArray[Any]] = {}
    if CLASSIFICATION in labels:
        found[CLASSIFICATION] = np.array(crowding(owner))
    if DEPTH in labels:
        found[DEPTH] = depth_of(seen, n_objects)
    return found


def depth_of(seen: NDArray[np.uint16], n_objects: int) -> NDArray[np.float32]:
    """Return the depth in metres at each pixel, float32 ``[H, W]``.

    Args:
        seen: Number of what is seen: 0 background, objects from 1 in the order in which they
            are painted (a later one is nearer), ``BAR``.
        n_objects: Objects of the clip.
    """
    far, near = _OBJECTS
    steps = np.linspace(far, near, max(n_objects, 1), dtype=np.float32)
    floor = np.linspace(*_BACKGROUND, seen.shape[0], dtype=np.float32)[:, None]
    of_object = steps[np.clip(seen.astype(np.int64) - 1, 0, len(steps) - 1)]
    depth = np.where(seen == 0, floor, of_object)
    return np.where(seen == BAR, np.float32(_BARS), depth).astype(np.float32)


def crowding(owner: NDArray[np.uint16]) -> str:
    """Return the class of a picture from the share of it that labelled objects cover.

    Args:
        owner: Number of the labelled object at each pixel, 0 where there is none.
    """
    share = float(np.mean(owner > 0))
    return IMAGE_CLASSES[int(np.searchsorted(_SHARES, share, side="right"))]
