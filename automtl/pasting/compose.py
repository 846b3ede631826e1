"""A pasted clip's pixels and labels. Axis letters: H, W of the clip's frames; N objects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from automtl.pasting.cutouts import Cutout, Piece, read_piece
from automtl.pasting.plan import ClipPlan, Mover, Settings, View, shown_frame

SOFT_EDGE = 1.0
"""Deviation of the blur of a mask's edge in pixels: a sharp edge would be what is learned."""

MIN_PIXELS, MIN_SHARE = 24, 0.15
"""An object shows at least so many pixels and such a share of itself, or it is not labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedFrame:
    """One frame and its labels.

    Attributes:
        image: uint8 ``[H, W, 3]``.
        instances: uint16 ``[H, W]``, the id of the object that each pixel shows, 0 for none.
            Of objects of which too little is seen there is no pixel.
        ids: Ids of the labelled objects, ascending.
        boxes: int64 ``[N, 4]``, xyxy with the last pixel excluded: what is seen of each.
        visible: Share of each that is seen.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    ids: tuple[int, ...]
    boxes: NDArray[np.int64]
    visible: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """An object placed in a frame.

    Attributes:
        colours: float32 ``[H, W, 3]``.
        alpha: float32 ``[H, W]``, 0 outside.
        n_whole: Pixels of the object, those outside the picture too.
    """

    colours: NDArray[np.float32]
    alpha: NDArray[np.float32]
    n_whole: int


def compose(
    plan: ClipPlan, settings: Settings, *, cutouts: Sequence[Cutout], scene: Image.Image
) -> Iterator[PastedFrame]:
    """Draw the frames of a clip one after the other.

    Raises:
        UnreadableError: If a file of a cut-out cannot be decoded.
    """
    pieces = [_first_piece(cutouts[mover.cutout], mover, settings) for mover in plan.movers]
    for frame in range(settings.frames):
        canvas = np.asarray(_window(scene, plan.view, frame, settings), dtype=np.float32)
        layers = [
            _layer(cutouts[mover.cutout], mover, frame, settings, first)
            for mover, first in zip(plan.movers, pieces, strict=True)
        ]
        yield _stacked(canvas, layers)


def _stacked(canvas: NDArray[np.float32], layers: Sequence[_Layer | None]) -> PastedFrame:
    owner = np.zeros(canvas.shape[:2], dtype=np.uint16)
    for number, layer in enumerate(layers, start=1):
        if layer is not None:
            canvas = canvas + layer.alpha[..., None] * (layer.colours - canvas)
            owner[layer.alpha >= 0.5] = number
    ids, boxes, visible = [], [], []
    for number, layer in enumerate(layers, start=1):
        seen = owner == number
        n_seen = int(seen.sum())
        if layer is None or n_seen < max(MIN_PIXELS, MIN_SHARE * layer.n_whole):
            owner[seen] = 0
            continue
        ids.append(number)
        boxes.append(_tight(seen))
        visible.append(min(1.0, n_seen / layer.n_whole))
    return PastedFrame(
        image=np.clip(np.rint(canvas), 0, 255).astype(np.uint8),
        instances=owner,
        ids=tuple(ids),
        boxes=np.array(boxes, dtype=np.int64).reshape(-1, 4),
        visible=tuple(visible),
    )


def _layer(
    cutout: Cutout, mover: Mover, frame: int, settings: Settings, first: Piece | None
) -> _Layer | None:
    """Return the object as the frame shows it; None where it is not in the picture."""
    at = shown_frame(mover, frame, stride=settings.stride, n_frames=len(cutout.pictures))
    piece = read_piece(cutout.pictures[at], cutout.masks[at])
    if piece is None or first is None:
        return None
    height, width = settings.size
    scale = mover.extent * height / max(first.covered.shape)
    colours, alpha = _scaled(piece, scale, mover)
    moved = [scale * (now - then) for now, then in zip(piece.centre, first.centre, strict=True)]
    if mover.is_mirrored:
        moved[1] = -moved[1]
    middle = (
        mover.start[0] * height + moved[0] + mover.drift[0] * height * frame,
        mover.start[1] * width + moved[1] + mover.drift[1] * height * frame,
    )
    return _placed(colours, alpha, middle, settings.size)


def _scaled(
    piece: Piece, scale: float, mover: Mover
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    h, w = piece.covered.shape
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = Image.fromarray(piece.colours).resize(size, Image.Resampling.BOX)
    cover = Image.fromarray(piece.covered.astype(np.uint8) * 255)
    cover = cover.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(SOFT_EDGE))
    colours = np.asarray(small, dtype=np.float32) * np.float32(mover.gain)
    alpha = np.asarray(cover, dtype=np.float32) / np.float32(255)
    turn = slice(None, None, -1) if mover.is_mirrored else slice(None)
    return colours[:, turn], alpha[:, turn]


def _placed(
    colours: NDArray[np.float32],
    alpha: NDArray[np.float32],
    middle: tuple[float, float],
    size: tuple[int, int],
) -> _Layer | None:
    h, w = alpha.shape
    top, left = round(middle[0] - h / 2), round(middle[1] - w / 2)
    rows = slice(max(top, 0), min(top + h, size[0]))
    columns = slice(max(left, 0), min(left + w, size[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    window = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    whole, cover = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    whole[rows, columns], cover[rows, columns] = colours[window], alpha[window]
    return _Layer(colours=whole, alpha=cover, n_whole=int((alpha >= 0.5).sum()))


def _first_piece(cutout: Cutout, mover: Mover, settings: Settings) -> Piece | None:
    """Return the first frame that shows the target: it gives the scale, and where it stands."""
    for frame in range(settings.frames):
        at = shown_frame(mover, frame, stride=settings.stride, n_frames=len(cutout.pictures))
        piece = read_piece(cutout.pictures[at], cutout.masks[at])
        if piece is not None:
            return piece
    return None


def _window(scene: Image.Image, view: View, frame: int, settings: Settings) -> Image.Image:
    """Return what the camera shows in a frame."""
    height, width = settings.size
    past = frame / max(settings.frames - 1, 1)
    zoom, y, x = (
        before + (after - before) * past
        for before, after in (view.zoom, *zip(*view.centre, strict=True))
    )
    largest = min(scene.height / height, scene.width / width)
    h, w = zoom * largest * height, zoom * largest * width
    top, left = y * (scene.height - h), x * (scene.width - w)
    box = (left, top, left + w, top + h)
    return scene.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _tight(seen: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
