"""Small cut-outs and scenes on disk, written by the tests themselves."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.pasting.cutouts import Cutout, find_cutouts

LABELS = {"round": ("ball",), "long": ("bar", "beam")}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three clips of six frames to cut from, and two scenes."""
    rng = np.random.default_rng(0)
    for clip in ("ball", "bar", "beam"):
        for folder in ("pictures", "masks"):
            (tmp_path / folder / clip).mkdir(parents=True)
        for number in range(6):
            colours = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            mask = np.zeros((60, 80), dtype=np.uint8)
            if clip == "ball":
                y, x = np.mgrid[:60, :80]
                mask[(y - 30) ** 2 + (x - 20 - 6 * number) ** 2 < 15**2] = 255
            else:
                mask[10 + number : 30 + number, 5:70] = 1
            Image.fromarray(colours).save(tmp_path / "pictures" / clip / f"{number}.png")
            Image.fromarray(mask).save(tmp_path / "masks" / clip / f"{number}.png")
    (tmp_path / "scenes").mkdir()
    for number, grey in enumerate((40, 200)):
        Image.new("RGB", (90, 70), (grey,) * 3).save(tmp_path / "scenes" / f"{number}.png")
    return tmp_path


@pytest.fixture
def cutouts(place: Path) -> tuple[Cutout, ...]:
    """The three cut-outs, with their classes."""
    return find_cutouts(place / "pictures", place / "masks", LABELS)
