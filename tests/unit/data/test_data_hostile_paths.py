"""Paths and links that lead elsewhere: refused, or followed within the root alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automtl.data.files import below
from automtl.data.load import LoadedData
from automtl.sources import MaskSource, MotSource, YoloSource

Street = Callable[..., MotSource]
Refused = Callable[..., str]
Notes = Callable[..., list[tuple[str, str, str]]]
Load = Callable[..., LoadedData]
SIZE = (40, 60)


def test_a_name_of_windows_is_a_plain_name_here(tmp_path: Path) -> None:
    assert below(tmp_path, "..\\x.png") == tmp_path.resolve() / "..\\x.png"


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


@pytest.mark.parametrize("name", [b"z\xff.png", b"z\x1b[31m<b>\n.png"], ids=["no text", "signs"])
def test_the_name_of_a_broken_frame_is_told_in_plain_text(
    street: Street, tmp_path: Path, load: Load, name: bytes
) -> None:
    source = street(masks="masks", gt="gt.txt")
    (tmp_path / "frames" / os.fsdecode(name)).write_bytes(b"no picture")
    told = load(source, tmp_path, max_left_out=0.5).left_out
    names = [one.name for one in told if one.kind == "frame"]
    assert names
    for text in (*names, *(one.line for one in told)):
        assert text.isprintable()
        assert text.encode("utf-8")
