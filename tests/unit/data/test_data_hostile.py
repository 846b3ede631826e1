"""Pictures, masks and arrays made to break what reads them: refused by name, soon, small."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automtl.data.files import UnreadableError
from automtl.data.images import read_image, read_instances, read_mask, read_picture
from automtl.data.load import LoadedData
from automtl.data.targets import read_target
from automtl.sources import MotSource

Street = Callable[..., MotSource]
Refused = Callable[..., str]
Notes = Callable[..., list[tuple[str, str, str]]]
Load = Callable[..., LoadedData]
SIZE = (40, 60)


def unreadable(read: Callable[[], object]) -> str:
    with pytest.raises(UnreadableError) as caught:
        read()
    assert "\n" not in str(caught.value)
    return caught.value.what


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a PNG that says it has so many pixels."""

    def part(kind: bytes, content: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + sum_

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = part(b"IHDR", head) + part(b"IDAT", zlib.compress(data)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_small_file_that_says_it_is_huge_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(60_000, 60_000))
    with pytest.raises(UnreadableError, match=r"bomb\.png: .* decompression bomb"):
        read_image(path, SIZE)


def test_a_file_of_half_the_limit_is_refused_too(tmp_path: Path) -> None:
    """Pillow itself only warns of it."""
    (tmp_path / "bomb.png").write_bytes(png(10_000, 10_000))
    assert "bomb" in unreadable(lambda: read_image(tmp_path / "bomb.png", SIZE))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_frames_of_8_bits_are_read_in_any_colours(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    Image.new("RGB", (60, 40), (200, 200, 200)).convert(mode).save(path)
    image, original = read_image(path, SIZE)
    assert original == SIZE
    assert image.shape == (3, *SIZE)
    assert image.mean() > 150


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_a_frame_of_more_bits_is_not_made_white_silently(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new(mode, (60, 40)).save(path)
    assert "8 bits" in unreadable(lambda: read_picture(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_frame_is_turned_as_its_camera_says(tmp_path: Path, orientation: int) -> None:
    shown = Image.new("L", (60, 40))
    shown.paste(255, (0, 0, 20, 10))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = shown.transpose(back[orientation]) if orientation in back else shown
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        stored.convert("RGB").save(tmp_path / name, exif=exif)
        picture = read_picture(tmp_path / name)
        assert picture.size == (60, 40), name
        difference = np.abs(np.asarray(picture.convert("L")).astype(int) - np.asarray(shown))
        assert difference.mean() < 3, name


def test_a_moving_picture_is_its_first_frame(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (60, 40), "red"), Image.new("RGB", (60, 40), "blue")
    for name in ("a.png", "a.webp", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        red, _, blue = np.asarray(read_picture(tmp_path / name)).mean(axis=(0, 1))
        assert (red > 200, blue < 50) == (True, True), name


def test_no_decoder_runs_that_the_ending_does_not_tell(tmp_path: Path) -> None:
    """Pillow hands PostScript to a program of its own, whatever the file is called."""
    path = tmp_path / "a.png"
    Image.new("RGB", (60, 40)).save(path, format="EPS")
    assert "cannot identify" in unreadable(lambda: read_picture(path))
    Image.new("RGB", (60, 40)).save(path, format="GIF")
    assert "cannot identify" in unreadable(lambda: read_picture(path))


@pytest.mark.parametrize("read", [read_picture, lambda p: read_target(p, SIZE, SIZE)])
@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.txt"])
def test_a_pipe_is_not_waited_for(
    tmp_path: Path, name: str, read: Callable[[Path], object]
) -> None:
    os.mkfifo(tmp_path / name)
    assert "it is no file" in unreadable(lambda: read(tmp_path / name))


@pytest.mark.parametrize("value", [-1, 65_536, 2**31 - 1])
def test_a_map_of_labels_does_not_wrap_around(tmp_path: Path, value: int) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.full(SIZE, value, dtype=np.int32)).save(path)
    assert "16 bits" in unreadable(lambda: read_instances(path, SIZE))


def test_a_mask_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(60_000, 40_000))
    assert "bomb" in unreadable(lambda: read_mask(tmp_path / "a.png", SIZE, SIZE, 255))


# Arrays


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((10**9, 10**9), "no array"),
        ((0, 0), "no number"),
        ((40, 0), "no number"),
        ((), ""),
        ((10_000, 2, 3), "more than"),
    ],
)
def test_an_array_is_as_large_as_its_file(
    tmp_path: Path, shape: tuple[int, ...], reason: str
) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(4 * min(int(np.prod([float(n) for n in shape])), 60_000)))
    if reason:
        assert reason in unreadable(lambda: read_target(path, (40, 60), (512, 768)))
    else:
        assert read_target(path, SIZE, SIZE) == 0


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        b"{'descr': '<U9', 'fortran_order': False, 'shape': (1,)}",
        b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        b"__import__('os').system('true')",
        b"(" * 3000,
        b"\xff" * 20,
        b"",
    ],
)
def test_the_header_of_an_array_runs_nothing(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(64))
    unreadable(lambda: read_target(path, SIZE, SIZE))


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    assert "no array" in unreadable(lambda: read_target(tmp_path / "a.npy", SIZE, SIZE))


def test_what_is_not_finite_is_not_labelled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([np.inf, -np.inf, np.nan, 1e300, 2.0]))
    found = read_target(tmp_path / "a.npy", SIZE, SIZE)
    assert np.isnan(found).tolist() == [True, True, True, True, False]


def test_whole_numbers_do_not_wrap_around(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([2**63], dtype=np.uint64))
    assert "64 bits" in unreadable(lambda: read_target(tmp_path / "a.npy", SIZE, SIZE))


def test_the_name_of_a_class_is_short(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 2000)
    assert "at most 1024" in unreadable(lambda: read_target(tmp_path / "a.txt", SIZE, SIZE))
