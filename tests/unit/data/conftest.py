"""Tiny data sets on disk, written by the tests themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from automtl.data.load import LoadedData, load_data
from automtl.errors import DataError
from automtl.sources import DataConfig, MotSource, Source

HEIGHT, WIDTH = 40, 60

GT = """1,1,11,6,20,10,1,1,1
1,2,41,21,10,10,1,2,1
2,1,13,6,20,10,1,1,1
2,9,1,1,5,5,0,1,1
3,1,15,6,20,10,1,1,1
3,7,1,1,5,5,1,8,1
"""
"""Three frames: id 1 moves right, id 2 leaves, one row is flagged off, one has an unused class."""


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture
def street(tmp_path: Path, picture: NDArray[np.uint8]) -> Callable[..., MotSource]:
    """Write a clip of three frames; returns its source with the wanted changes."""
    for folder in ("frames", "masks", "instances"):
        (tmp_path / folder).mkdir()
    for number in (1, 2, 3):
        Image.fromarray(picture).save(tmp_path / "frames" / f"{number:03}.png")
        mask = np.full((HEIGHT, WIDTH), 11, dtype=np.uint8)
        mask[:20] = number % 3
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number:03}.png")
        values = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
        left = 8 + 2 * number
        values[5:15, left : left + 20] = 1001
        values[30:35, 0:4] = 10_000
        values[36:38, 0:4] = 8001
        Image.fromarray(values).save(tmp_path / "instances" / f"{number:03}.png")
    (tmp_path / "gt.txt").write_text(GT)
    base = MotSource(frames="frames", classes={1: "car", 2: "person"}, ignore=11)

    def make(**changes: object) -> MotSource:
        return base.model_copy(update=changes)

    return make


SIZE = (HEIGHT, WIDTH)
NAMES = ("sky", "road", "tree")


def _load(source: Source, root: Path | None, **changes: object) -> LoadedData:
    config = DataConfig(train=(source,), validation=(source,), segmentation_classes=NAMES)
    return load_data(config.model_copy(update=changes), image_size=SIZE, root=root)


@pytest.fixture
def load() -> Callable[..., LoadedData]:
    """Load a source as both splits, with changes of the data's configuration."""
    return _load


@pytest.fixture
def refused() -> Callable[..., str]:
    """Load a source that is refused; return the one line."""

    def refuse(source: Source, root: Path | None, **changes: object) -> str:
        with pytest.raises(DataError) as caught:
            _load(source, root, **changes)
        line = str(caught.value)
        assert "\n" not in line
        assert caught.value.where, "an error names its place"
        assert caught.value.fix, "an error names its way out"
        return line

    return refuse


@pytest.fixture
def notes() -> Callable[..., list[tuple[str, str, str]]]:
    """Return name, reason and kind of each thing left out of a split."""

    def noted(loaded: LoadedData, split: str = "train") -> list[tuple[str, str, str]]:
        return [
            (Path(left.name).name, left.reason, left.kind)
            for left in loaded.left_out
            if left.split == split
        ]

    return noted
