"""Files made to break what reads them: refused by name or left out, soon, with little memory."""

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automtl.data.files import UnreadableError, below
from automtl.data.images import read_image, read_instances, read_mask, read_picture
from automtl.data.load import LoadedData
from automtl.data.regions import Region, Runs, decode_runs, paint_regions
from automtl.data.targets import read_target
from automtl.errors import DataError
from automtl.sources import CocoSource, MaskSource, MotSource, YoloSource

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


# Pictures


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


# Regions


def covers(*values: int) -> tuple[Region, ...]:
    return tuple(
        Region(value=v, outline=((0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 9.0),), where="")
        for v in values
    )


def test_of_equal_regions_the_last_is_seen() -> None:
    assert paint_regions(covers(3, 5, 4), SIZE, SIZE)[4, 4] == 4


@given(st.lists(st.tuples(st.integers(1, 9), *[st.integers(0, 11)] * 4), max_size=6))
def test_larger_regions_lie_below_smaller_ones(
    boxes: list[tuple[int, int, int, int, int]],
) -> None:
    """The definition: drawn one after the other, the largest first."""
    regions, masks = [], []
    for value, x, y, width, height in boxes:
        mask = np.zeros((12, 12), dtype=np.uint8)
        mask[y : y + height, x : x + width] = 1
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
        counts = np.diff(np.concatenate([[0], edges, [144]]))
        runs = Runs(size=(12, 12), counts=tuple(int(n) for n in counts))
        regions.append(Region(value=value, outline=runs, where=""))
        masks.append((value, mask.astype(bool)))
    expected = np.zeros((12, 12), dtype=np.uint8)
    for value, mask in sorted(masks, key=lambda entry: -int(entry[1].sum())):
        expected[mask] = value
    assert (paint_regions(regions, (12, 12), (12, 12)) == expected).all()


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ((10**6, 10**6), (10**12,)),
        ((-1, -1), (1,)),
        ((0, 0), ()),
        ((40, 60), (10**30, -(10**30))),
        ((40, 60), (2401,)),
        ((40, 60), "o" * 1_000_000),
        ((40, 60), "é"),
        ((40, 60), "\0"),
    ],
)
def test_run_lengths_that_lie_are_refused(
    size: tuple[int, int], counts: tuple[int, ...] | str
) -> None:
    with pytest.raises(DataError) as caught:
        decode_runs(Runs(size=size, counts=counts), where="a.json, annotation 5")
    assert len(str(caught.value)) < 500


# Annotation files


def coco(folder: Path, text: str) -> CocoSource:
    (folder / "coco.json").write_text(text)
    return CocoSource(images="frames", annotations="coco.json", with_masks=True)


def annotated(**changes: object) -> str:
    entry = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], **changes}
    content = {
        "images": [{"id": 1, "file_name": "001.png"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [entry],
    }
    return json.dumps(content)


DEEP = "[" * 10_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DEEP, "not JSON"),
        ('{"a":' * 10_000, "not JSON"),
        ("9" * 10_000, "not JSON"),
        ("[]", "breaks the COCO format"),
        ("1e999", "breaks the COCO format"),
        ("\ufeff{}", "not JSON"),
        (annotated(bbox=[1, 1, 5, 5]).replace("[1, 1, 5, 5]", "[1, 1, 1e999, 5]"), "bbox.2"),
        (annotated(bbox=[1, 1, 5, 5]).replace("[1, 1, 5, 5]", "[NaN, 1, 5, 5]"), "bbox.0"),
        (annotated(bbox=[1, 1, 10**400, 5]), "bbox.2"),
        (annotated(category_id=2**70), "category 1180591620717411303424"),
        (annotated(image_id=-(2**70)), "the image -1180591620717411303424"),
        (annotated(id="x" * 100_000, image_id=9), "the image 9"),
        (annotated(segmentation=[[0.0, 1e300] * 4]), "coordinate"),
        (annotated(segmentation=[[0.0, 1.0] * 4]).replace("1.0", "NaN"), "coordinate"),
        (annotated(segmentation=[[1.0] * 200_006]), "100003 points"),
        (annotated(segmentation={"size": [40_000, 60_000], "counts": [2_400_000_000]}), "size"),
        (annotated(segmentation={"size": [60, 40], "counts": [2400]}), "has [40, 60]"),
        (annotated(segmentation={"size": [40, 60], "counts": "o" * 99_999}), "run lengths"),
    ],
)
def test_a_hostile_coco_file_is_one_line(
    street: Street, tmp_path: Path, text: str, found: str, refused: Refused
) -> None:
    street()
    line = refused(coco(tmp_path, text), tmp_path, segmentation_classes=())
    assert "coco.json" in line
    assert found in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    "name", ["a\0b.png", "/etc/passwd", "../masks/001.png", "a/../../x", "b" * 300, "c/" * 3000]
)
def test_a_picture_outside_its_folder_is_refused(
    street: Street, tmp_path: Path, name: str, refused: Refused
) -> None:
    street()
    text = annotated().replace('"001.png"', json.dumps(name))
    line = refused(coco(tmp_path, text), tmp_path, segmentation_classes=())
    assert "leaves the folder" in line
    assert len(line) < 1000


def test_a_name_of_windows_is_a_plain_name_here(tmp_path: Path) -> None:
    assert below(tmp_path, "..\\x.png") == tmp_path.resolve() / "..\\x.png"


HUGE = str(2**70)


@pytest.mark.parametrize(
    "line",
    [
        f"1,{HUGE},5,5,9,9,1,1,1",
        f"{HUGE},1,5,5,9,9,1,1,1",
        f"1,1,5,5,9,9,1,{HUGE},1",
        "1,-1,5,5,9,9,1,1,1",
        "-1,1,5,5,9,9,1,1,1",
        "1,1e999,5,5,9,9,1,1,1",
        "1,1,1e999,5,9,9,1,1,1",
        "1," * 7,
        "1 " * 100_000,
        "9" * 100_000,
    ],
)
def test_a_hostile_gt_line_is_named(
    street: Street, tmp_path: Path, line: str, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text(line)
    told = refused(source, tmp_path)
    assert "gt.txt:1" in told
    assert len(told) < 1000


def test_ids_up_to_the_last_exact_number_stay_apart(
    street: Street, tmp_path: Path, load: Load
) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text(f"1,{2**53},5,5,9,9,1,1,1\n1,{2**53 - 1},5,5,9,9,1,1,1\n")
    assert load(source, tmp_path).splits.train.ids.tolist() == [2**53, 2**53 - 1]


def test_a_box_of_extreme_numbers_is_clipped(street: Street, tmp_path: Path, load: Load) -> None:
    source = street(gt="gt.txt")
    (tmp_path / "gt.txt").write_text("1,1,-1e308,-1e308,1.7e308,1.7e308,1,1,1\n")
    boxes = load(source, tmp_path).splits.train.boxes
    assert boxes.tolist() == [[0, 0, 60, 40]]


@pytest.mark.parametrize("line", ["0 " * 50, "0 nan 0.5 0.1 0.1", "1e999 0 0 1 1", "0 0 0 1e9 1"])
def test_a_hostile_yolo_line_is_named(
    street: Street, tmp_path: Path, line: str, refused: Refused
) -> None:
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").write_text(line)
    told = refused(YoloSource(images="frames", labels="labels", names=("car",)), tmp_path)
    assert "001.txt:1" in told
    assert len(told) < 1000


def test_a_text_file_that_is_huge_is_not_read(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    source = street(gt="gt.txt")
    with (tmp_path / "gt.txt").open("wb") as file:
        file.truncate(10**11)  # a file with holes: no byte of it is on the disk
    assert "bytes, at most 67108864 are read" in refused(source, tmp_path)


# Paths


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "y/" * 3000])
def test_what_cannot_be_a_path_is_refused(
    street: Street, tmp_path: Path, path: str, refused: Refused
) -> None:
    assert "leaves the data root" in refused(street(frames=path), tmp_path)


@pytest.mark.parametrize("folder", ["frames", "masks", "instances"])
def test_a_link_out_of_the_root_among_files_is_refused(
    street: Street, tmp_path: Path, folder: str, refused: Refused
) -> None:
    source = street(masks="masks", instances="instances")
    secret = tmp_path.parent / f"{tmp_path.name}-secret.png"
    Image.new("L", (60, 40)).save(secret)
    (tmp_path / folder / "002.png").unlink()
    (tmp_path / folder / "002.png").symlink_to(secret)
    line = refused(source, tmp_path)
    assert "002.png: the link leads out of the data root" in line


def test_a_link_to_labels_out_of_the_root_is_refused(
    street: Street, tmp_path: Path, refused: Refused
) -> None:
    street()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "001.txt").symlink_to("/etc/hostname")
    source = YoloSource(images="frames", labels="labels", names=("car",))
    assert "leads out of the data root" in refused(source, tmp_path)


def test_links_within_the_root_are_followed(street: Street, tmp_path: Path, load: Load) -> None:
    street()
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "001.png").symlink_to(tmp_path / "frames" / "001.png")
    source = MaskSource(images="chosen", masks="masks", ignore=11)
    assert load(source, tmp_path).splits.train.names == ("001.png",)


def test_links_in_a_circle_lead_nowhere(street: Street, tmp_path: Path, refused: Refused) -> None:
    street()
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    line = refused(MotSource(frames="a"), tmp_path)
    assert "data root" in line or "does not exist" in line


def test_a_file_for_a_folder_is_named(street: Street, tmp_path: Path, refused: Refused) -> None:
    street()
    assert "it is a file, not a folder" in refused(MotSource(frames="gt.txt"), tmp_path)
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert "automtl unpack" in refused(MotSource(frames="a.zip"), tmp_path)


@given(st.text(max_size=20))
def test_below_is_below(name: str) -> None:
    root = Path(__file__).parent
    path = below(root, name)
    assert path is None or path.is_relative_to(root.resolve())
