"""Pixels of the generated clips: shapes, bars, backgrounds and light.

Everything works on float32 colours in [0, 1]. Axis letters: H height, W width.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHAPES = ("disc", "square", "triangle")

_COLOUR = (np.float32(0.20), np.float32(0.16))
"""Mean and swing of an object's saturation: stripes alternate between strong and weak."""

_GREY = (np.float32(0.50), np.float32(0.08))
"""Mean and swing of an object's brightness: the same for all, so that it is no identity."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of the channels in the brightness (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """What an object looks like in every frame: its class and its identity.

    Attributes:
        shape: Index in :data:`SHAPES`.
        hue: In turns, [0, 1).
        angle: Orientation of the stripes in radians.
        period: Period of the stripes in pixels of an object of ordinary size.
        phase: Phase of the stripes in radians.
    """

    shape: int
    hue: float
    angle: float
    period: float
    phase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A window of the picture and the pixels of it that a shape covers.

    Attributes:
        rows: Window's rows.
        columns: Window's columns.
        covered: bool ``[h, w]``.
        n_whole: Pixels of the shape, those outside the picture too.
        dy: float32 ``[h, 1]``, distance from the shape's centre in pixels.
        dx: float32 ``[1, w]``.
    """

    rows: slice
    columns: slice
    covered: NDArray[np.bool_]
    n_whole: int
    dy: Floats
    dx: Floats


def tight_box(visible: NDArray[np.bool_], patch: Patch) -> tuple[int, int, int, int]:
    """Return the xyxy box around the visible pixels, its right and lower edge outside them."""
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    top, left = patch.rows.start, patch.columns.start
    return left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1


def hue_axis(hue: float) -> Floats:
    """Return a colour direction ``[3]`` of unit length that does not change brightness.

    Hues a half turn apart give opposite directions.
    """
    corners = 2 * np.pi * (hue - np.array([0.0, 1 / 3, 2 / 3]))
    axis = np.cos(corners).astype(np.float32)
    axis = axis - (axis @ _LUMA)
    length = np.linalg.norm(axis)
    return np.asarray(axis / length, dtype=np.float32)


def silhouette(shape: int, dy: Floats, dx: Floats, radius: float) -> NDArray[np.bool_]:
    """Mark the pixels of an upright shape, ``[h, w]``, from distances to its centre."""
    if SHAPES[shape] == "disc":
        return np.asarray(dy * dy + dx * dx <= radius * radius)
    if SHAPES[shape] == "square":
        side = 0.88 * radius
        return np.asarray((np.abs(dy) <= side) & (np.abs(dx) <= side))
    height = 0.95 * radius
    return np.asarray((np.abs(dy) <= height) & (np.abs(dx) <= (dy + height) / 2 + 0.5))


def place(
    shape: int, centre: tuple[float, float], radius: float, size: tuple[int, int]
) -> Patch | None:
    """Return the window of the picture that a shape touches, or None if it is outside.

    Args:
        shape: Index in :data:`SHAPES`.
        centre: Row and column of the centre in pixels.
        radius: Half of the shape's extent in pixels.
        size: Height and width of the picture.
    """
    reach = int(np.ceil(radius)) + 1
    top, left = round(centre[0]) - reach, round(centre[1]) - reach
    span = 2 * reach + 1
    rows = slice(max(top, 0), min(top + span, size[0]))
    columns = slice(max(left, 0), min(left + span, size[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    dy = (np.arange(top, top + span, dtype=np.float32) - np.float32(centre[0]))[:, None]
    dx = (np.arange(left, left + span, dtype=np.float32) - np.float32(centre[1]))[None, :]
    whole = silhouette(shape, dy, dx, radius)
    y, x = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    return Patch(
        rows=rows,
        columns=columns,
        covered=whole[y, x],
        n_whole=int(whole.sum()),
        dy=dy[y],
        dx=dx[:, x],
    )


def paint(look: Appearance, patch: Patch, scale: float, contrast: float) -> Floats:
    """Return the colours ``[3, h, w]`` of a shape's window.

    All objects have one mean brightness and one mean saturation: the hue, and the direction and
    width of the stripes, are what tells two of a class apart.

    Args:
        look: Class and identity.
        patch: The window.
        scale: Size of the object against the ordinary one; stripes scale with it.
        contrast: Strength against the background.
    """
    turn = 2 * np.pi / (look.period * scale)
    across = patch.dy * np.float32(np.sin(look.angle) * turn)
    along = patch.dx * np.float32(np.cos(look.angle) * turn)
    wave = np.clip(2.0 * np.sin(across + along + np.float32(look.phase)), -1, 1)
    colour = _COLOUR[0] + _COLOUR[1] * wave
    body = _GREY[0] + _GREY[1] * wave
    axis = hue_axis(look.hue)[:, None, None]
    return np.asarray(0.5 + contrast * (body - 0.5 + axis * colour), dtype=np.float32)


def background(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return a desaturated, low-contrast texture ``[3, H, W]``."""
    grey = 0.5 + 0.10 * _smooth(size, 6, rng) + 0.05 * _smooth(size, 24, rng)
    grey += 0.025 * rng.standard_normal(size, dtype=np.float32)
    tint = 0.03 * rng.standard_normal((3, 1, 1), dtype=np.float32)
    return np.asarray(grey[None] + tint, dtype=np.float32)


def light(size: tuple[int, int], strength: float, rng: np.random.Generator) -> Floats:
    """Return gains ``[3, H, W]`` of a smooth coloured light: another one in every frame.

    A mean colour is then no identity by itself: it has to be read against the surroundings.
    """
    knots = rng.standard_normal((3, 3, 4), dtype=np.float32)
    whole = rng.standard_normal((3, 1, 1), dtype=np.float32)
    field = _ramp(size[0], 3) @ knots @ _ramp(size[1], 4).T
    return np.asarray(np.exp(strength * (field + 0.7 * whole)), dtype=np.float32)


def _smooth(size: tuple[int, int], n_knots: int, rng: np.random.Generator) -> Floats:
    columns = max(2, round(n_knots * size[1] / size[0]))
    knots = rng.standard_normal((n_knots, columns), dtype=np.float32)
    return np.asarray(_ramp(size[0], n_knots) @ knots @ _ramp(size[1], columns).T)


def _ramp(length: int, n_knots: int) -> Floats:
    """Return the matrix ``[length, n_knots]`` of linear interpolation between knots."""
    at = np.linspace(0, n_knots - 1, length, dtype=np.float32)
    apart = np.abs(at[:, None] - np.arange(n_knots, dtype=np.float32))
    return np.asarray(np.maximum(0, 1 - apart), dtype=np.float32)
