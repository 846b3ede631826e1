"""A picture of pasted clips with their labels: whoever looks sees at once what was made."""

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from automtl.pasting.compose import PastedFrame

N_COLUMNS = 5
GAP = 4
TINT = 0.4
"""How strongly an object's colour covers it."""


def contact_sheet(clips: Sequence[Sequence[PastedFrame]]) -> Image.Image:
    """Return a sheet with a row for each clip: frames from its start to its end."""
    height, width = clips[0][0].instances.shape
    size = (N_COLUMNS * (width + GAP) - GAP, len(clips) * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for row, frames in enumerate(clips):
        places = np.linspace(0, len(frames) - 1, num=N_COLUMNS).round().astype(int)
        for column, place in enumerate(places):
            at = (column * (width + GAP), row * (height + GAP))
            sheet.paste(_drawn(frames[place]), at)
    return sheet


def _drawn(frame: PastedFrame) -> Image.Image:
    colours = np.array(
        [(0, 0, 0), *(_colour(i) for i in range(1, int(frame.instances.max()) + 1))]
    )
    tint: NDArray[np.float64] = colours[frame.instances]
    strength = np.where(frame.instances > 0, TINT, 0.0)[..., None]
    mixed = frame.image + strength * (tint - frame.image)
    picture = Image.fromarray(mixed.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for id_, (left, top, right, bottom) in zip(frame.ids, frame.boxes.tolist(), strict=True):
        pen.rectangle((left, top, right - 1, bottom - 1), outline=_colour(id_))
        pen.text((left + 2, top + 1), str(id_), fill="white")
    return picture


def _colour(number: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618 % 1.0, 0.8, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
