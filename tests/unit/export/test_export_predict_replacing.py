"""A prediction takes the place of an earlier one alone, and only when it is whole."""

from pathlib import Path

import pytest
import torch

from automtl.errors import DataError
from automtl.export.bundle import Bundle
from automtl.export.predict import COCO, PART, predict_files
from automtl.export.result import FrameResult
from automtl.export.scene import ClipPredictor
from automtl.testing.seeing_bundle import files_in


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_in(folder)}


def test_results_may_not_lie_among_the_frames(bundle: Bundle, frames: Path):
    for out in (frames, frames / "out"):
        with pytest.raises(DataError, match="among the frames"):
            predict_files(bundle, frames, out)
    assert len(files_in(frames)) == 3


def test_only_results_of_an_earlier_prediction_are_replaced(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    out = tmp_path / "out"
    predict_files(bundle, frames, out)
    (frames / "003.png").unlink()
    with pytest.raises(DataError, match="--overwrite"):
        predict_files(bundle, frames, out)
    (out / "mine.txt").write_text("mine")
    predict_files(bundle, frames, out, overwrite=True)
    assert not (out / "overlays/003.png").exists()
    assert (out / "mine.txt").exists()
    (out / COCO).unlink()
    with pytest.raises(DataError, match="other files"):
        predict_files(bundle, frames, out, overwrite=True)


@pytest.mark.parametrize("name", ["frames", "ride.mp4"])
def test_results_stay_where_what_would_replace_them_cannot_be_read(
    bundle: Bundle, frames: Path, tmp_path: Path, name: str
):
    pytest.importorskip("av")
    out = tmp_path / "out"
    predict_files(bundle, frames, out)
    before = contents(out)
    (tmp_path / "ride.mp4").write_bytes(b"no video")
    for path in frames.iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the frames"):
        predict_files(bundle, tmp_path / name, out, overwrite=True)
    assert contents(out) == before


def test_a_prediction_that_is_broken_off_leaves_the_earlier_results(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    def read_of(stream: ClipPredictor, images: torch.Tensor) -> list[FrameResult]:
        if seen:
            raise KeyboardInterrupt
        seen.append(len(images))
        return read(stream, images)

    seen: list[int] = []
    read, out = ClipPredictor.read, tmp_path / "out"
    predict_files(bundle, frames, out)
    before = contents(out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClipPredictor, "read", read_of)
        for place in (out, tmp_path / "new"):
            seen.clear()
            with pytest.raises(KeyboardInterrupt):
                predict_files(bundle, frames, place, batch_size=1, overwrite=True)
    assert contents(out) == before
    assert not (tmp_path / "new").exists()


def test_what_a_killed_prediction_left_is_in_nobodys_way(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    left = tmp_path / "out" / PART / "overlays"
    left.mkdir(parents=True)
    (left / "001.png").touch()
    predict_files(bundle, frames, tmp_path / "out")
    assert not (tmp_path / "out" / PART).exists()
    assert (tmp_path / "out/overlays/001.png").stat().st_size > 0


def test_results_that_hold_the_frames_are_not_replaced(
    bundle: Bundle, frames: Path, tmp_path: Path
):
    out = tmp_path / "out"
    predict_files(bundle, frames, out)
    with pytest.raises(DataError, match="would be replaced"):
        predict_files(bundle, out / "overlays", out, overwrite=True)
    assert len(list((out / "overlays").iterdir())) == 3
