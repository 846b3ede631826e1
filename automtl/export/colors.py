"""Colours that are told apart and stay the same from run to run."""

import colorsys

Color = tuple[int, int, int]

NOT_PAINTED = frozenset({"background", "void", "unlabelled", "unlabeled"})
"""Names of mask classes that mean "nothing here": the picture shows through."""

_GOLDEN = 0.6180339887498949
"""Steps of the golden ratio around the hue circle keep neighbours in number far apart in hue."""


def track_color(number: int) -> Color:
    """Return a bright colour for a track id."""
    return _hsv(number * _GOLDEN, saturation=0.75 if number % 2 else 0.95, value=1.0)


def class_color(index: int) -> Color:
    """Return a colour for a class, darker than those of tracks."""
    return _hsv(0.58 + index * _GOLDEN, saturation=0.85, value=0.85 if index % 3 else 0.65)


def ink_on(color: Color) -> Color:
    """Return black or white, whichever is easier to read on ``color``."""
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return (0, 0, 0) if luminance > 140 else (255, 255, 255)


def _hsv(hue: float, *, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
