"""The entries of a zip file."""

import stat
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path

from automtl.data.archive_entries import CHUNK, Entry, refusal
from automtl.data.limits import shown

MAX_DIRECTORY_BYTES = 256 << 20
"""Of the list of entries at the end, which is read into memory: about two million entries."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _END_64 = b"PK\5\6", b"PK\6\6"
_TAIL = 66 << 10
"""The end record lies at most a comment of 64 KiB and the record of zip64 before the end."""


def zip_entries(path: Path) -> Generator[Entry]:
    """Yield the plain files and folders of a zip file.

    Raises:
        DataError: If an entry is a link or has a password, or the list of entries is too long.
        zipfile.BadZipFile: If the file is damaged.
    """
    archive = str(path)
    _check_directory(path)
    with zipfile.ZipFile(path) as opened:
        for info in opened.infolist():
            # `filename` ends at a zero byte; what the archive says is `orig_filename`.
            name = info.orig_filename
            _check_kind(info, archive)
            is_folder = name.endswith("/")
            yield Entry(name=name, is_folder=is_folder, chunks=_content(opened, info))


def _check_directory(path: Path) -> None:
    """Refuse a list of entries that would fill the memory, before Python reads it."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, n_bytes - _TAIL))
        tail = file.read(_TAIL)
    claims = [
        *(int.from_bytes(tail[at + 12 : at + 16], "little") for at in _places(tail, _END)),
        *(int.from_bytes(tail[at + 40 : at + 48], "little") for at in _places(tail, _END_64)),
    ]
    # A claim of more than the whole file is no list that anybody could read.
    if max((claim for claim in claims if claim <= n_bytes), default=0) > MAX_DIRECTORY_BYTES:
        msg = f"its list of entries has more than {MAX_DIRECTORY_BYTES} bytes"
        raise refusal(msg, str(path))


def _places(content: bytes, mark: bytes) -> Iterator[int]:
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)


def _check_kind(info: zipfile.ZipInfo, archive: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a symbolic link" if kind == stat.S_IFLNK else "no plain file"
        msg = f"{shown(info.orig_filename)} is {what}"
        raise refusal(msg, archive)
    if info.flag_bits & 1:
        msg = f"{shown(info.orig_filename)} has a password"
        raise refusal(msg, archive)
    if info.compress_type not in _METHODS:
        msg = f"{shown(info.orig_filename)} is compressed by method {info.compress_type}, "
        msg += "not by deflate"
        raise refusal(msg, archive)


def _content(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Generator[bytes]:
    with opened.open(info) as file:
        while chunk := file.read(CHUNK):
            yield chunk
