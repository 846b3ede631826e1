"""A bundle's folder appears whole or not at all; its files are known by checksum."""

import json
from pathlib import Path

import pytest

from automtl.errors import BundleError
from automtl.export.files import (
    CHECKSUMS,
    new_folder,
    parse_json,
    read_bounded,
    read_checksums,
    read_verified,
    write_bytes,
    write_checksums,
    write_json,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "bundle"
    with new_folder(target, overwrite=False) as part:
        write_bytes(part / "a.bin", b"content")
        write_checksums(part)
    return target


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_appears_only_when_it_is_whole(tmp_path: Path):
    target = tmp_path / "deep" / "bundle"
    with new_folder(target, overwrite=False) as part:
        write_bytes(part / "a.bin", b"x")
        assert not target.exists()
    assert names(target) == ["a.bin"]
    assert names(target.parent) == ["bundle"]


def test_a_failure_leaves_nothing(tmp_path: Path):
    def fail() -> None:
        with new_folder(tmp_path / "bundle", overwrite=False) as part:
            write_bytes(part / "a.bin", b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == []


def test_an_existing_folder_is_refused_and_kept(folder: Path):
    with pytest.raises(BundleError, match="exists already"), new_folder(folder, overwrite=False):
        pass
    assert (folder / "a.bin").read_bytes() == b"content"


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BundleError, match="other things"), new_folder(tmp_path, overwrite=True):
        pass
    assert names(tmp_path) == ["thesis.txt"]


def test_overwrite_replaces_the_whole_folder(folder: Path):
    (folder / "old.txt").write_text("old")
    with new_folder(folder, overwrite=True) as part:
        write_bytes(part / "b.bin", b"new")
        assert (folder / "a.bin").exists(), "the old one stays until the new one is whole"
    assert names(folder) == ["b.bin"]
    assert names(folder.parent) == ["bundle"]


def test_a_failed_overwrite_keeps_the_old_folder(folder: Path):
    def fail() -> None:
        with new_folder(folder, overwrite=True):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (folder / "a.bin").read_bytes() == b"content"
    assert names(folder.parent) == ["bundle"]


def test_a_file_of_that_name_is_refused_even_with_overwrite(tmp_path: Path):
    (tmp_path / "bundle").write_text("mine")
    with (
        pytest.raises(BundleError, match="a file of this name"),
        new_folder(tmp_path / "bundle", overwrite=True),
    ):
        pass


def test_what_was_written_is_read(folder: Path):
    sums, digest = read_checksums(folder)
    assert read_verified(folder, "a.bin", sums, 100) == b"content"
    assert digest == read_checksums(folder)[1]


@pytest.mark.parametrize("changed", [b"contenT", b"conten", b"content ", b""])
def test_a_changed_file_is_refused(folder: Path, changed: bytes):
    sums, _ = read_checksums(folder)
    (folder / "a.bin").write_bytes(changed)
    with pytest.raises(BundleError, match=r"a\.bin.*checksum"):
        read_verified(folder, "a.bin", sums, 100)


def test_a_file_that_the_checksums_do_not_list_is_refused(folder: Path):
    (folder / "b.bin").write_bytes(b"more")
    with pytest.raises(BundleError, match=r"does not list b\.bin"):
        read_verified(folder, "b.bin", read_checksums(folder)[0], 100)


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path):
    outside = tmp_path / "secret.bin"
    outside.write_bytes(b"content")
    (folder / "a.bin").unlink()
    (folder / "a.bin").symlink_to(outside)
    with pytest.raises(BundleError, match="outside"):
        read_verified(folder, "a.bin", read_checksums(folder)[0], 100)


def test_a_file_that_is_too_large_is_not_read(folder: Path):
    with pytest.raises(BundleError, match="7 bytes, at most 6"):
        read_bounded(folder, "a.bin", 6)


@pytest.mark.parametrize(
    "sums", [{"../a.bin": "0" * 64}, {"a.bin": "short"}, {"a.bin": 5}, {"x/y": "0" * 64}]
)
def test_checksums_are_plain_names_with_sums(folder: Path, sums: dict[str, object]):
    write_json(folder / CHECKSUMS, sums)
    with pytest.raises(BundleError, match=next(iter(sums)).replace(".", r"\.")):
        read_checksums(folder)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b""])
def test_what_is_not_a_json_object_is_one_line(content: bytes):
    with pytest.raises(BundleError) as caught:
        parse_json(content, Path("config.json"))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("config.json")


def test_json_has_no_nan(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})


def test_json_keeps_foreign_names(tmp_path: Path):
    write_json(tmp_path / "x.json", {"class": "Fußgänger"})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"class": "Fußgänger"}
