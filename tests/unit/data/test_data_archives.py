"""Archives: whole or not at all, within limits, plain files alone, nothing outside the folder."""

import gzip
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automtl.cli import run_command
from automtl.data.archive_entries import safe_parts
from automtl.data.archives import Limits, unpack
from automtl.data.raw import data_root
from automtl.errors import DataError

CONTENT = {"frames/1.png": b"one" * 700, "gt.txt": b"", "frames/deep/er/2.png": b"two"}
SMALL = Limits(n_bytes=100_000, n_entries=10, ratio=50, free_bytes=20_000)

Make = Callable[[Path], None]


def zipped(path: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def tarred(path: Path, content: dict[str, bytes], **header: object) -> None:
    mode, kind = ("w:gz" if path.suffix in (".gz", ".tgz") else "w"), header.pop("format", None)
    with tarfile.open(path, mode, format=kind or tarfile.PAX_FORMAT) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in header.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))


def found_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def refused(place: Path) -> Callable[..., str]:
    """Unpack an archive that is refused; return the one line. Nothing is left behind."""

    def refuse(name: str, make: Make, limits: Limits = SMALL) -> str:
        path = place / "in" / name
        make(path)
        before = sorted(place.rglob("*"))
        with pytest.raises(DataError) as caught:
            unpack(path, place / "out" / "data", limits=limits)
        assert sorted(place.rglob("*")) == before
        assert caught.value.where == str(path)
        assert caught.value.fix
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def test_what_was_packed_comes_out(place: Path, name: str) -> None:
    path = place / "in" / name
    (zipped if name.endswith("zip") else tarred)(path, CONTENT)
    done = unpack(path, place / "out" / "data")
    assert found_in(done.folder) == CONTENT
    assert (done.n_files, done.n_bytes) == (3, 2103)
    assert done.folder == place / "out" / "data"
    assert [p.name for p in (place / "out").iterdir()] == ["data"], "nothing is left beside it"


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_and_foreign_names_of_tar_files(place: Path, kind: int) -> None:
    content = {"a" * 90 + "/" + "b" * 90 + ".png": b"x" * 513}
    if kind != tarfile.USTAR_FORMAT:
        content |= {"ü" * 100 + ".png": b"", "c" * 200: b"y"}
    tarred(place / "in" / "a.tar", content, format=kind)
    assert found_in(unpack(place / "in" / "a.tar", place / "new" / "data").folder) == content


def test_rights_are_not_taken_over(place: Path) -> None:
    tarred(place / "in" / "a.tar", {"run.sh": b"x"}, mode=0o6777, uid=12345)
    folder = unpack(place / "in" / "a.tar", place / "out").folder
    mode = (folder / "run.sh").stat().st_mode
    assert not mode & (stat.S_IXUSR | stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.dictionaries(
        st.lists(st.text("ab é.", min_size=1, max_size=3), min_size=1, max_size=3)
        .map("/".join)
        .filter(lambda name: not set(name.split("/")) & {".", "..", ""}),
        st.binary(max_size=1100),
        max_size=4,
    ),
    name=st.sampled_from(["a.zip", "a.tar", "a.tar.gz"]),
)
def test_any_tree_of_files_comes_back(
    content: dict[str, bytes], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("tree")
    (zipped if name.endswith("zip") else tarred)(place / name, content)
    is_tree = not any(b.startswith(a + "/") for a in content for b in content)
    if is_tree:
        assert found_in(unpack(place / name, place / "data").folder) == content
    else:
        with pytest.raises(DataError, match="given twice"):
            unpack(place / name, place / "data")


EVIL_NAMES = {
    "/etc/cron.d/x": "leads out of the folder",
    "../x": "leads out of the folder",
    "a/../../x": "leads out of the folder",
    "a/..": "leads out of the folder",
    "C:/x": "leads out of the folder",
    "..\\x": "leads out of the folder",
    "a\nb": "control characters",
    "a\x1b[31mb": "control characters",
    "/".join("a" * 40): "more than 32 folders",
    "b" * 256: "longer than",
    "/".join(["c" * 200] * 6): "longer than",
}


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_is_no_plain_path_is_refused(
    refused: Callable[..., str], name: str, kind: str
) -> None:
    make = zipped if kind == "zip" else tarred
    line = refused(f"a.{kind}", lambda path: make(path, {"good.png": b"x", name: b"x"}))
    assert EVIL_NAMES[name] in line
    assert "\x1b" not in line


@settings(max_examples=200)
@given(st.text("ab./\\:\0 é", max_size=12))
def test_a_name_that_is_allowed_stays_below(name: str) -> None:
    try:
        parts = safe_parts(name, "a.zip")
    except DataError:
        return
    assert (Path("/the/folder").joinpath(*parts)).resolve().is_relative_to("/the/folder")


def linked_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def cut_name_zip(path: Path) -> None:
    """Python's `zipfile` takes a name up to its zero byte."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good_png", b"x")
    path.write_bytes(path.read_bytes().replace(b"good_png", b"good\0png"))


def locked_zip(path: Path) -> None:
    zipped(path, {"a.png": b"x"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)


def lzma_zip(path: Path) -> None:
    zipped(path, {"a.png": b"x"}, zipfile.ZIP_LZMA)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (linked_zip, "a symbolic link"),
        (cut_name_zip, "control characters"),
        (locked_zip, "has a password"),
        (lzma_zip, "not by deflate"),
    ],
)
def test_a_zip_of_other_things_is_refused(
    refused: Callable[..., str], make: Make, reason: str
) -> None:
    assert reason in refused("a.zip", make)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.GNUTYPE_SPARSE, "a file with holes"),
        (b"Z", "the unknown kind"),
    ],
)
def test_a_tar_of_other_things_is_refused(
    refused: Callable[..., str], kind: bytes, reason: str
) -> None:
    def make(path: Path) -> None:
        tarred(path, {"link.png": b""}, type=kind, linkname="/etc/passwd")

    assert reason in refused("a.tar", make)


def test_a_file_with_holes_by_pax_is_refused(refused: Callable[..., str]) -> None:
    def make(path: Path) -> None:
        tarred(path, {"a": b""}, pax_headers={"GNU.sparse.realsize": "99999999999"})

    assert "holes" in refused("a.tar", make)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_what_grows_too_much_is_refused(refused: Callable[..., str], name: str) -> None:
    make = zipped if name.endswith("zip") else tarred
    line = refused(name, lambda path: make(path, {"a.bmp": bytes(90_000)}))
    assert "more than 20000 bytes would come out of" in line
    assert "50 times its size" in line


def test_a_large_archive_is_refused_whatever_its_ratio(refused: Callable[..., str]) -> None:
    def make(path: Path) -> None:
        tarred(path, {"a": bytes(100_001)})

    assert "limits: 100000 bytes" in refused("a.tar", make)


def test_many_entries_are_refused(refused: Callable[..., str]) -> None:
    line = refused("a.zip", lambda path: zipped(path, {f"{n}": b"" for n in range(11)}))
    assert "more than 10 entries" in line


def test_many_headers_without_a_file_are_refused(refused: Callable[..., str]) -> None:
    def make(path: Path) -> None:
        block = tarfile.TarInfo("x")
        block.type, block.size = tarfile.XGLTYPE, 0
        with gzip.open(path, "wb") as file:
            file.write(block.tobuf(tarfile.USTAR_FORMAT) * 2000)

    assert "bytes would come out of" in refused("a.tar.gz", make)


def test_a_header_that_says_it_is_huge_is_not_read(refused: Callable[..., str]) -> None:
    def make(path: Path) -> None:
        block = tarfile.TarInfo("x")
        block.type, block.size = tarfile.XHDTYPE, 10**12
        path.write_bytes(block.tobuf(tarfile.GNU_FORMAT))

    assert "a header has 1000000000000 bytes" in refused("a.tar", make)


def test_a_list_of_entries_that_says_it_is_huge_is_not_read(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automtl.data.zip_entries.MAX_DIRECTORY_BYTES", 100)
    line = refused("a.zip", lambda path: zipped(path, {f"{n}": b"" for n in range(3)}))
    assert "list of entries" in line


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b", "a"], ["a/b", "a/./b"]])
def test_a_name_twice_is_refused(refused: Callable[..., str], names: list[str]) -> None:
    def make(path: Path) -> None:
        with tarfile.open(path, "w") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(name))

    assert "given twice" in refused("a.tar", make)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_archive_that_was_cut_off_is_refused(
    refused: Callable[..., str], name: str, share: float
) -> None:
    def make(path: Path) -> None:
        noise = random.Random(0).randbytes(38_000)
        (zipped if name.endswith("zip") else tarred)(path, {"a": noise, "b": b""})
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    refused(name, make)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x1f\x8b", b"no archive", bytes(2000)])
def test_what_is_no_archive_is_refused(refused: Callable[..., str], content: bytes) -> None:
    refused("a.zip", lambda path: path.write_bytes(content))


def test_a_folder_that_is_in_use_is_left_alone(place: Path) -> None:
    zipped(place / "in" / "a.zip", {"a": b"x"})
    with pytest.raises(DataError, match="something already"):
        unpack(place / "in" / "a.zip", place / "in")
    assert found_in(place / "in").keys() == {"a.zip"}


def test_the_command_says_what_to_do_next(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    zipped(place / "a b.zip", {"a": bytes(2_000_000)})
    assert run_command(["unpack", str(place / "a b.zip"), str(place / "da ta")]) == 0
    printed = capfd.readouterr().out
    assert "1 files, 2" in printed
    assert f"--data '{place / 'da ta'}'" in printed
    assert run_command(["unpack", str(place / "a b.zip"), str(place / "new"), "--max-gb", "0.001"])
    assert "limits: 1000000 bytes" in capfd.readouterr().err
    assert run_command(["unpack", str(place / "none.zip"), str(place / "new")]) == 2
    assert "no such file" in capfd.readouterr().err


def test_an_archive_for_a_data_root_is_told_how_to_be_used(place: Path) -> None:
    zipped(place / "a.zip", {"a": b"x"})
    with pytest.raises(DataError, match=r"automtl unpack .*a\.zip FOLDER"):
        data_root(place / "a.zip", "mot")
