"""Overlays: masks, boxes and tracks drawn on the picture, legible on small frames too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from automtl.data.table import IGNORED
from automtl.export.colors import NOT_PAINTED, Color, class_color, ink_on, track_color
from automtl.export.formats import FrameObjects

MIN_LONG_SIDE = 720
"""Frames are enlarged by a whole factor until their longer side has as many pixels."""

MASK_OPACITY = 0.4
_FONT_SHARE = 1 / 54
_PAD = 3

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Names:
    """Class names by index.

    Attributes:
        detection: Of boxes.
        segmentation: Of mask values.
    """

    detection: tuple[str, ...]
    segmentation: tuple[str, ...]


def draw_overlay(
    picture: Image.Image,
    objects: FrameObjects,
    mask: NDArray[np.uint8] | None,
    names: Names,
    *,
    has_whole_legend: bool = False,
) -> Image.Image:
    """Return the picture with what the model sees in it.

    Args:
        picture: The original, RGB.
        objects: Boxes in its pixels.
        mask: Mask values ``[H, W]`` of the original's size, or None.
        names: Class names.
        has_whole_legend: Whether the legend names all classes, not only those that are seen: the
            pages of frames of one size then have one size, as those of a video must.

    Returns:
        RGB, enlarged by a whole factor if small, with a legend below where there is a mask.
    """
    factor = enlargement(picture.size)
    size = picture.width * factor, picture.height * factor
    canvas = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    if mask is not None:
        canvas = _blend(canvas, mask, names.segmentation)
    # Pillow's own font, scaled with the picture: no font file is needed.
    font = ImageFont.load_default(max(13, round(max(size) * _FONT_SHARE)))
    _draw_objects(canvas, objects, names.detection, font, factor)
    if mask is None:
        return canvas
    values = range(len(names.segmentation)) if has_whole_legend else np.unique(mask)
    return _with_legend(canvas, [int(value) for value in values], names.segmentation, font)


def enlargement(size: tuple[int, int]) -> int:
    """Return the whole factor that makes a picture large enough to carry text.

    >>> enlargement((128, 96)), enlargement((1920, 1080))
    (6, 1)
    """
    return max(1, -(-MIN_LONG_SIDE // max(size)))


def _blend(canvas: Image.Image, mask: NDArray[np.uint8], names: Sequence[str]) -> Image.Image:
    resized = Image.fromarray(mask).resize(canvas.size, Image.Resampling.NEAREST)
    large = np.asarray(resized)
    table = np.zeros((256, 3), dtype=np.float32)
    is_painted = np.zeros(256, dtype=bool)
    for index, name in enumerate(names):
        table[index] = class_color(index)
        is_painted[index] = name.lower() not in NOT_PAINTED
    is_painted[IGNORED] = False
    # Borders are drawn stronger: on a picture of similar colour the fill alone is hard to see.
    opacity = np.where(_borders(large), 0.9, MASK_OPACITY) * is_painted[large]
    pixels = np.asarray(canvas, dtype=np.float32)
    mixed = pixels + opacity[..., None] * (table[large] - pixels)
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))


def _borders(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found = np.zeros(mask.shape, dtype=bool)
    across = mask[:, 1:] != mask[:, :-1]
    down = mask[1:] != mask[:-1]
    found[:, 1:] |= across
    found[:, :-1] |= across
    found[1:] |= down
    found[:-1] |= down
    return found


def _draw_objects(
    canvas: Image.Image, objects: FrameObjects, names: Sequence[str], font: Font, factor: int
) -> None:
    draw = ImageDraw.Draw(canvas)
    width = max(2, round(max(canvas.size) / 360))
    boxes = [_scaled(box, factor) for box in objects.boxes]
    # The surest object last: where boxes overlap, it lies on top.
    for row in np.argsort(objects.scores, kind="stable"):
        box = _inside(boxes[row], canvas.size)
        draw.rectangle(_grown(box), outline="black", width=width + 2)
        draw.rectangle(box, outline=_color(objects, row), width=width)
    taken: list[Rectangle] = []
    for row in np.argsort(-objects.scores, kind="stable"):
        text = _caption(objects, row, names)
        extent = _extent(draw, text, font)
        place = _free_place(boxes[row], extent, canvas.size, taken=taken, boxes=boxes)
        taken.append(place)
        color = _color(objects, row)
        draw.rectangle(place, fill=color)
        middle = place[0] + _PAD, (place[1] + place[3]) / 2
        draw.text(middle, text, fill=ink_on(color), font=font, anchor="lm")


def _color(objects: FrameObjects, row: int) -> Color:
    number = int(objects.ids[row])
    return track_color(number) if number >= 0 else class_color(int(objects.classes[row]))


def _caption(objects: FrameObjects, row: int, names: Sequence[str]) -> str:
    number = int(objects.ids[row])
    track = f"#{number} " if number >= 0 else ""
    # A label has no score.
    score = "" if np.isnan(objects.scores[row]) else f" {float(objects.scores[row]):.2f}"
    return f"{track}{names[int(objects.classes[row])]}{score}"


def _extent(draw: ImageDraw.ImageDraw, text: str, font: Font) -> tuple[float, float]:
    left, _, right, _ = draw.textbbox((0, 0), text, font=font)
    _, top, _, bottom = draw.textbbox((0, 0), "Ag", font=font)
    return right - left + 2 * _PAD, bottom - top + 2 * _PAD


def _free_place(
    box: Rectangle,
    extent: tuple[float, float],
    size: tuple[int, int],
    *,
    taken: Sequence[Rectangle],
    boxes: Sequence[Rectangle],
) -> Rectangle:
    """Return where a caption goes: the corner at which it hides least, captions before boxes."""
    left, top, right, bottom = box
    width, height = extent
    corners = [
        (left, top - height),
        (right - width, top - height),
        (left, bottom),
        (right - width, bottom),
        (right, top),
        (left - width, top),
        (left, top),
        (left, bottom - height),
    ]
    places = [_inside((x, y, x + width, y + height), size) for x, y in corners]

    def hides(place: Rectangle) -> tuple[float, float]:
        return sum(_shared(place, t) for t in taken), sum(_shared(place, b) for b in boxes)

    return min(places, key=hides)


def _scaled(box: NDArray[np.float32], factor: int) -> Rectangle:
    left, top, right, bottom = (float(value) * factor for value in box)
    return left, top, right, bottom


def _grown(rectangle: Rectangle) -> Rectangle:
    left, top, right, bottom = rectangle
    return left - 1, top - 1, right + 1, bottom + 1


def _inside(rectangle: Rectangle, size: tuple[int, int]) -> Rectangle:
    """Shift a rectangle into the picture; one that is larger than it is cut."""
    left, top, right, bottom = rectangle
    x = min(max(left, 0), max(0, size[0] - 1 - (right - left)))
    y = min(max(top, 0), max(0, size[1] - 1 - (bottom - top)))
    return x, y, min(x + right - left, size[0] - 1), min(y + bottom - top, size[1] - 1)


def _shared(one: Rectangle, other: Rectangle) -> float:
    """Return the area that two rectangles share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def _with_legend(
    canvas: Image.Image, values: Sequence[int], names: Sequence[str], font: Font
) -> Image.Image:
    shown = [
        value for value in values if value < len(names) and names[value].lower() not in NOT_PAINTED
    ]
    if not shown:
        return canvas
    measure = ImageDraw.Draw(canvas)
    height = _extent(measure, "Ag", font)[1]
    rows = _legend_rows(
        [_extent(measure, names[v], font)[0] + height for v in shown], canvas.width
    )
    page = Image.new("RGB", (canvas.width, round(canvas.height + height * len(rows))), "white")
    page.paste(canvas, (0, 0))
    draw = ImageDraw.Draw(page)
    for line, row in enumerate(rows):
        for index, x in row:
            y = canvas.height + line * height
            side = height - 2 * _PAD
            draw.rectangle(
                (x + _PAD, y + _PAD, x + side, y + side), fill=class_color(shown[index])
            )
            draw.text(
                (x + height, y + height / 2), names[shown[index]], "black", font, anchor="lm"
            )
    return page


def _legend_rows(widths: Sequence[float], limit: int) -> list[list[tuple[int, float]]]:
    """Break entries into lines; gives index and left edge of each."""
    rows: list[list[tuple[int, float]]] = [[]]
    x = 0.0
    for index, width in enumerate(widths):
        if rows[-1] and x + width > limit:
            rows.append([])
            x = 0.0
        rows[-1].append((index, x))
        x += width
    return rows
