"""Views of a table: computed once, kept whole, shared by whoever has the same pictures."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from automtl.config import View
from automtl.data import view_cache
from automtl.data.load import load_data
from automtl.data.sampling import augment
from automtl.data.table import FrameTable, SplitData, make_batch
from automtl.data.view_cache import splits_with_views, with_views
from automtl.data.views import compute_views, rgb_channels
from automtl.errors import DataError
from automtl.sources import DataConfig, ShapesSource

VIEWS: tuple[View, ...] = ("rgb", "hog", "sift")


@pytest.fixture(scope="module")
def data() -> SplitData:
    config = DataConfig(
        train=(ShapesSource(clips=3, frames=4),),
        validation=(ShapesSource(clips=1, frames=2, seed=9),),
    )
    return load_data(config, image_size=(32, 40), root=None).splits


@pytest.fixture
def table(data: SplitData) -> FrameTable:
    return data.train


@pytest.mark.parametrize("views", [("rgb", "hog"), ("hog",), ("sift", "rgb")])
def test_the_kept_views_are_those_of_the_pictures(
    table: FrameTable, tmp_path: Path, views: tuple[View, ...]
) -> None:
    wanted = compute_views(table.images, views)
    for folder in (tmp_path, tmp_path, None):
        found = with_views(table, views, folder=folder)
        np.testing.assert_array_equal(found.images, wanted)
        assert found.views == views
        assert found.labels is table.labels
    assert len(list(tmp_path.iterdir())) == 1


def test_pictures_alone_are_left_alone(table: FrameTable, tmp_path: Path) -> None:
    assert with_views(table, ("rgb",), folder=tmp_path) is table
    assert not list(tmp_path.iterdir())


def test_the_second_look_computes_nothing(
    table: FrameTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = with_views(table, VIEWS, folder=tmp_path)

    def refuse(*_: object) -> None:
        msg = "computed twice"
        raise AssertionError(msg)

    monkeypatch.setattr(view_cache, "compute_views", refuse)
    np.testing.assert_array_equal(with_views(table, VIEWS, folder=tmp_path).images, first.images)
    fewer = {**table.labels, "detection": np.zeros(len(table), dtype=np.bool_)}
    with_views(replace(table, labels=fewer), VIEWS, folder=tmp_path)
    with pytest.raises(AssertionError, match="computed twice"):
        with_views(replace(table, images=table.images + 1), VIEWS, folder=tmp_path)


def test_the_file_is_mapped_and_nobody_can_write_to_it(table: FrameTable, tmp_path: Path) -> None:
    images = with_views(table, VIEWS, folder=tmp_path).images
    assert not images.flags.writeable
    assert isinstance(images.base, np.memmap)


@pytest.mark.parametrize("damage", [b"", b"no array", None])
def test_a_damaged_file_is_computed_again(
    table: FrameTable, tmp_path: Path, damage: bytes | None
) -> None:
    wanted = with_views(table, VIEWS, folder=tmp_path).images.copy()
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    np.testing.assert_array_equal(with_views(table, VIEWS, folder=tmp_path).images, wanted)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failure_leaves_no_part_of_a_file(
    table: FrameTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(DataError, match=r"No space left.*Make room for 0 MB"):
        with_views(table, VIEWS, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def _checksum(table: FrameTable, folder: Path) -> int:
    return int(with_views(table, ("rgb", "hog"), folder=folder).images.sum(dtype=np.int64))


@pytest.mark.slow
def test_processes_that_start_together_agree(table: FrameTable, tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        sums = set(pool.map(_checksum, [table] * 6, [tmp_path] * 6))
    assert sums == {_checksum(table, tmp_path)}
    assert len(list(tmp_path.iterdir())) == 1


def test_both_splits_that_train_get_views(data: SplitData, tmp_path: Path) -> None:
    found = splits_with_views(data, ("rgb", "hog"), folder=tmp_path)
    assert found.train.views == found.validation.views == ("rgb", "hog")
    assert found.info is data.info
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("seed", range(3))
def test_an_augmented_view_is_the_view_of_the_augmented_picture(
    table: FrameTable, seed: int
) -> None:
    """Mirrored maps turn with the picture, and light changes the picture alone."""
    # Contrast is halved so that no pixel is cut off at black or white.
    soft = replace(table, images=(table.images // 2 + 50).astype(np.uint8))
    rows = np.arange(len(table))
    plain = make_batch(soft, rows, device=torch.device("cpu"))
    viewed = make_batch(with_views(soft, VIEWS, folder=None), rows, device=torch.device("cpu"))
    changed = augment(plain, rng=np.random.default_rng(seed))
    found = augment(viewed, rng=np.random.default_rng(seed))
    rgb = rgb_channels(VIEWS)
    assert torch.equal(found.images[:, rgb], changed.images)
    assert torch.equal(found.semantic, changed.semantic)
    wanted = compute_views(changed.images.numpy(), VIEWS).astype(int)
    apart = np.abs(found.images.numpy().astype(int) - wanted)[:, 3:]
    # Other light, rounded to whole numbers, moves the faintest gradients a little.
    assert np.mean(apart) < 4
    assert np.mean(np.abs(viewed.images.numpy().astype(int) - wanted)[:, 3:]) > 8
