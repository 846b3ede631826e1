"""Video files: every frame at its time and upright; what is damaged is said in one line."""

import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.errors import DataError
from automtl.export.video import PICTURES_PER_S, Shot, VideoWriter, read_video

av = pytest.importorskip("av", reason="the extra `video` is not installed")

SIZE = (96, 64)


def shade(value: int, size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, (value, value, value))


def write(path: Path, pictures: list[Image.Image], *, rate: int = 10) -> Path:
    with VideoWriter(path) as film:
        for index, picture in enumerate(pictures):
            film.add(picture, index / rate)
    return path


def write_noise(path: Path, n: int) -> Path:
    """A video whose frames each stand alone, its index in front: any part of it can be lost."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("h264", rate=10, options={"bf": "0"})
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.gop_size = "yuv420p", 1
        for _ in range(n):
            noise = rng.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def read(path: Path) -> tuple[list[Shot], list[str]]:
    lost: list[str] = []
    return list(read_video(path, lost.append)), lost


def brightness(shot: Shot) -> float:
    return float(np.asarray(shot.picture).mean())


def test_frames_come_back_in_order_with_their_times(tmp_path: Path):
    values = [20, 80, 140, 200, 250]
    shots, lost = read(write(tmp_path / "v.mp4", [shade(v) for v in values]))
    assert lost == []
    assert [shot.number for shot in shots] == [1, 2, 3, 4, 5]
    assert [shot.time_s for shot in shots] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)
    assert [brightness(shot) for shot in shots] == pytest.approx(values, abs=4)
    assert {shot.picture.size for shot in shots} == {SIZE}


def test_times_that_run_back_are_written_forward(tmp_path: Path):
    with VideoWriter(tmp_path / "v.mp4") as film:
        for time_s in (0.0, 0.5, 0.5, 0.2, 1.0):
            film.add(shade(90), time_s)
    shots, lost = read(tmp_path / "v.mp4")
    assert (len(shots), lost) == (5, [])
    times = [shot.time_s for shot in shots]
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("times_s", "last_s"),
    [
        ([0.0, 0.1, 0.2, 0.3, 0.4], 0.1),
        ([0.0, 0.1, 0.2, 0.5, 0.9], 0.4),
        ([0.0, 2.0], 2.0),
        # Nothing says how long a picture alone lasts.
        ([0.0], 1 / PICTURES_PER_S),
    ],
)
def test_each_frame_is_shown_until_the_next_and_the_last_as_long_as_the_one_before(
    tmp_path: Path, times_s: list[float], last_s: float
):
    with VideoWriter(tmp_path / "v.mp4") as film:
        for index, time_s in enumerate(times_s):
            film.add(shade(50 * index), time_s)
    with av.open(str(tmp_path / "v.mp4")) as container:
        stream = container.streams.video[0]
        shown_s = [float(p.duration * p.time_base) for p in container.demux(stream) if p.size]
        told_s = float(stream.duration * stream.time_base)
    expected = [after - before for before, after in pairwise(times_s)] + [last_s]
    assert shown_s == pytest.approx(expected, abs=1e-3)
    assert told_s == pytest.approx(times_s[-1] + last_s, abs=1e-3)


def test_odd_sides_get_a_black_line_and_other_sizes_are_fitted_in(tmp_path: Path):
    pictures = [shade(200, (95, 63)), shade(200, (63, 95))]
    shots, _ = read(write(tmp_path / "v.mp4", pictures))
    assert {shot.picture.size for shot in shots} == {(96, 64)}
    first, second = (np.asarray(shot.picture).mean(axis=2) for shot in shots)
    assert first[:60, :90].mean() == pytest.approx(200, abs=4)
    assert first[-1].mean() < 100
    assert second[:, 48].mean() == pytest.approx(200, abs=4), "nothing is cut off"
    assert second[:, :20].mean() < 20, "beside it is black"


def test_nothing_added_is_no_file(tmp_path: Path):
    with VideoWriter(tmp_path / "v.mp4"):
        pass
    assert not (tmp_path / "v.mp4").exists()


def test_a_video_filmed_sideways_is_turned_upright(tmp_path: Path):
    top = Image.fromarray(np.repeat([[255], [0]], 32, axis=0).repeat(96, axis=1).astype(np.uint8))
    path = write(tmp_path / "v.mp4", [top.convert("RGB")] * 2)
    # A quarter turn with the clock in the track's header: its upper edge becomes the right one.
    content = bytearray(path.read_bytes())
    one = 1 << 16
    upright = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    at = content.index(upright, content.index(b"tkhd"))
    content[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    shots, _ = read(path)
    picture = np.asarray(shots[0].picture).mean(axis=2)
    assert picture.shape == (96, 64)
    assert picture[:, 40:].mean() > 240
    assert picture[:, :24].mean() < 15


@pytest.mark.parametrize(
    "content", [b"", b"no video at all" * 100, b"#EXTM3U\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n"]
)
def test_what_is_no_video_is_said(tmp_path: Path, content: bytes):
    write(tmp_path / "other.mp4", [shade(9)] * 3)
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    shots, lost = read(path)
    assert shots == [], "a list of other files leads to none of them"
    assert lost == ["it cannot be opened as a video (Invalid data found when processing input)"]


def test_a_file_of_sound_alone_is_said(tmp_path: Path):
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert read(path) == ([], ["it holds no pictures"])


def test_a_file_that_was_cut_off_gives_what_is_there(tmp_path: Path):
    path = write_noise(tmp_path / "v.mp4", 10)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    shots, lost = read(path)
    assert 4 <= len(shots) <= 6
    assert [shot.number for shot in shots] == list(range(1, len(shots) + 1))
    assert lost == [f"{len(shots)} of the 10 frames that it tells of can be read"]


def test_a_damaged_frame_is_left_out_and_the_others_keep_their_numbers(tmp_path: Path):
    path = write_noise(tmp_path / "v.mp4", 10)
    content = bytearray(path.read_bytes())
    middle, length = len(content) // 2, len(content) // 10
    content[middle : middle + length] = bytes(length)
    path.write_bytes(content)
    shots, lost = read(path)
    numbers = [shot.number for shot in shots]
    assert {1, 2, 9, 10} <= set(numbers)
    assert len(numbers) < 10
    assert lost == [f"{len(shots)} of the 10 frames that it tells of can be read"]


def test_frames_that_would_fill_the_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "v.mp4", [shade(9)])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read(path) == ([], ["its frames have more than 1000 pixels"])


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = write(Path("concat:v.mp4"), [shade(9)])
    assert len(read(path)[0]) == 1


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "av", None)
    return


@pytest.mark.usefixtures("without_av")
def test_without_the_extra_it_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"pip install 'automtl\[video\]'"):
        list(read_video(tmp_path / "v.mp4", print))
    with pytest.raises(DataError, match=r"pip install 'automtl\[video\]'"):
        VideoWriter(tmp_path / "v.mp4")


def test_the_clock_counts_common_rates_exactly():
    from automtl.export.video import _TICKS_PER_S

    assert all(_TICKS_PER_S % rate == 0 for rate in (15, 24, 25, 30, 50, 60))
    assert _TICKS_PER_S / Fraction(30_000, 1001) % 1 == 0
