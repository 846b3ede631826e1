"""What moves where in a pasted clip: drawn before a pixel is read.

Every clip has a random stream of its own, so clip ``k`` does not depend on how many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automtl.pasting.cutouts import Cutout

HEIGHT = (0.25, 0.60)
"""Smallest and largest extent of a cut-out, in picture heights."""

SPEED = (0.00, 0.04)
"""Slowest and fastest drift added to its own motion, in picture heights a frame."""

ZOOM = (0.60, 0.95)
"""Smallest and largest part of the scene that the view shows at once."""

GAIN = (0.75, 1.25)
"""How much darker or lighter a cut-out may become, so that two copies of one look different."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user asks for.

    Attributes:
        clips: Number of clips.
        frames: Frames of each.
        size: Height and width of the frames in pixels.
        n_objects: Fewest and most objects of a clip.
        stride: Every so-manieth frame of a cut-out's clip is shown.
        seed: Random stream.
    """

    clips: int = 40
    frames: int = 10
    size: tuple[int, int] = (192, 256)
    n_objects: tuple[int, int] = (2, 4)
    stride: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """One object of a clip.

    Attributes:
        cutout: Index of its clip.
        first: Frame of that clip that is shown first.
        extent: Longer side of the object in its first frame, in picture heights.
        is_mirrored: Whether left and right are exchanged.
        gain: Factor on its brightness.
        start: Its middle in the first frame, ``(y, x)`` in picture heights and widths.
        drift: Motion added to its own, ``(y, x)`` in picture heights a frame.
    """

    cutout: int
    first: int
    extent: float
    is_mirrored: bool
    gain: float
    start: tuple[float, float]
    drift: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the camera shows of the scene: a window that moves straight and zooms steadily.

    Attributes:
        zoom: Share of the scene's largest window of the clip's shape, in the first and last frame.
        centre: Where the window lies in the room that it has, ``(y, x)`` in [0, 1], likewise.
    """

    zoom: tuple[float, float]
    centre: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """A clip before it is drawn; movers that come later lie in front.

    Attributes:
        scene: Index of the picture behind.
        view: What is seen of it.
        movers: The objects; number ``i`` has the id ``i + 1``.
    """

    scene: int
    view: View
    movers: tuple[Mover, ...]


def plan_clip(
    settings: Settings, number: int, *, cutouts: Sequence[Cutout], n_scenes: int
) -> ClipPlan:
    """Draw what happens in one clip."""
    rng = np.random.default_rng([settings.seed, number])
    low, high = settings.n_objects
    n_objects = int(rng.integers(low, high + 1))
    return ClipPlan(
        scene=int(rng.integers(n_scenes)),
        view=View(zoom=_pair(rng, ZOOM), centre=(_pair(rng, (0, 1)), _pair(rng, (0, 1)))),
        movers=tuple(_mover(cutouts, rng) for _ in range(n_objects)),
    )


def shown_frame(mover: Mover, frame: int, *, stride: int, n_frames: int) -> int:
    """Return which frame of a cut-out's clip is shown; at its end the clip runs backwards."""
    if n_frames == 1:
        return 0
    turn = 2 * (n_frames - 1)
    place = (mover.first + frame * stride) % turn
    return min(place, turn - place)


def _mover(cutouts: Sequence[Cutout], rng: np.random.Generator) -> Mover:
    cutout = int(rng.integers(len(cutouts)))
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(*SPEED)
    return Mover(
        cutout=cutout,
        first=int(rng.integers(len(cutouts[cutout].pictures))),
        extent=float(np.exp(rng.uniform(*np.log(HEIGHT)))),
        is_mirrored=bool(rng.random() < 0.5),
        gain=float(rng.uniform(*GAIN)),
        start=_pair(rng, (0.15, 0.85)),
        drift=(float(speed * np.sin(angle)), float(speed * np.cos(angle))),
    )


def _pair(rng: np.random.Generator, ends: tuple[float, float]) -> tuple[float, float]:
    first, second = rng.uniform(*ends, size=2)
    return float(first), float(second)
