"""Pictures in the documentation: small, and those that are shown exist."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.screenshots import MAX_BYTES, N_COLORS, small

ROOT = Path(__file__).parents[3]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def test_a_picture_keeps_its_size_and_few_colours() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (64, 1, 3))
    found = Image.open(io.BytesIO(small(png(ramp)))).convert("RGB")
    assert found.size == (256, 64)
    assert len(found.getcolors() or ()) <= N_COLORS
    assert np.abs(np.asarray(found).astype(int) - ramp).max() <= 4


def test_a_picture_that_stays_large_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="larger than"):
        small(png(noise))


def test_every_picture_that_is_shown_exists_and_is_small() -> None:
    shown = re.findall(r"\]\((docs/pictures/[^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert shown
    for place in shown:
        assert 0 < (ROOT / place).stat().st_size <= MAX_BYTES, place
