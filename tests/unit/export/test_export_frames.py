"""Which frames a folder has, in which order, and what happens to those that cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.data.images import read_picture, to_input
from automtl.errors import DataError
from automtl.export.frames import Video, find_clips


def write(path: Path, size: tuple[int, int] = (8, 6), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)
    return path


def test_pictures_of_the_folder_are_one_clip_and_each_sub_folder_another(tmp_path: Path):
    for name in ("b.png", "a.jpg", "two/1.png", "one/1.bmp"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no frame")
    (tmp_path / "empty").mkdir()
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == [tmp_path.name, "one", "two"]
    assert [path.name for path in clips[0].frames] == ["a.jpg", "b.png"]


def test_numbers_in_names_count_as_numbers(tmp_path: Path):
    for number in (10, 9, 1, 100):
        write(tmp_path / f"f{number}.png")
    (clip,) = find_clips(tmp_path)
    assert [path.stem for path in clip.frames] == ["f1", "f9", "f10", "f100"]


def test_each_video_is_a_clip_and_no_two_have_one_name(tmp_path: Path):
    folder = tmp_path / "ride"
    for name in ("1.png", "ride/1.png", "ride-2/1.png"):
        write(folder / name)
    for name in ("ride.mp4", "b.MOV", "b.avi"):
        (folder / name).touch()
    clips = find_clips(folder)
    # The pictures of the folder itself, its sub-folders, its videos.
    names = ["ride", "ride-2", "ride-2-2", "b", "b-2", "ride-3"]
    assert [clip.name for clip in clips] == names
    videos = [clip.path.name for clip in clips if isinstance(clip, Video)]
    assert videos == ["b.MOV", "b.avi", "ride.mp4"]


def test_a_file_is_one_clip_by_its_ending(tmp_path: Path):
    (clip,) = find_clips(write(tmp_path / "x.png"))
    assert (clip.name, clip.frames) == ("x", (tmp_path / "x.png",))
    for name in ("notes.txt", "noending"):
        (tmp_path / name).touch()
        with pytest.raises(DataError, match=r"Known endings: .*\.mp4"):
            find_clips(tmp_path / name)


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: None])
def test_a_folder_without_pictures_is_one_line(tmp_path: Path, make):
    make(tmp_path / "frames")
    with pytest.raises(DataError) as caught:
        find_clips(tmp_path / "frames")
    assert "frames" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_any_mode_becomes_rgb(tmp_path: Path, mode: str):
    path = write(tmp_path / "x.tif", mode=mode)
    assert read_picture(path).mode == "RGB"


def test_more_than_eight_bits_a_channel_are_refused(tmp_path: Path):
    # Cut to 8 bits, nearly every frame of a 12- or 16-bit camera would be white.
    with pytest.raises(DataError, match="8 bits"):
        read_picture(write(tmp_path / "x.tif", mode="I;16"))


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_an_unreadable_picture_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png"):
        read_picture(path)


def test_a_picture_that_was_cut_off_is_named(tmp_path: Path):
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut\.png"):
        read_picture(path)


def test_a_picture_of_gigapixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "huge.png", size=(64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"huge\.png"):
        read_picture(path)


def test_a_picture_of_the_right_size_stays_as_it_is():
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    assert (to_input(Image.fromarray(noise), (96, 128)) == noise.transpose(2, 0, 1)).all()
