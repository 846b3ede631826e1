"""The entries of a tar stream, read forwards, once, with little memory.

The blocks are those of POSIX's ustar format with its pax headers, and GNU's long names. Headers
are parsed by Python's ``tarfile``; its reader is not used, because it takes the size that a
header claims for the size of what it reads into memory.
"""

import tarfile
from collections.abc import Generator, Iterator
from typing import Protocol

from automtl.data.archive_entries import CHUNK, Entry, refusal

BLOCK = 512
MAX_HEADER_BYTES = 64 << 10
"""Of a pax header or a long name."""

_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a file with holes",
}
_KNOWN_PAX = ("path", "size")


class Readable(Protocol):
    """A stream that is read forwards."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none at the end."""


def tar_entries(stream: Readable, archive: str) -> Generator[Entry]:
    """Yield the plain files and folders of a tar stream.

    Raises:
        DataError: If the stream is damaged, or holds a link, a device or anything else.
    """
    stated: dict[str, str] = {}
    while any(block := _exactly(stream, BLOCK, archive)):
        header = _header(block, archive)
        content = _content(stream, header.size, archive)
        match header.type:
            case tarfile.XHDTYPE:
                stated |= _pax(b"".join(_small(content, header, archive)), archive)
            case tarfile.GNUTYPE_LONGNAME:
                long_name = b"".join(_small(content, header, archive)).rstrip(b"\0")
                stated["path"] = _text(long_name, archive)
            case tarfile.XGLTYPE | tarfile.GNUTYPE_LONGLINK:
                # Nothing that is taken from a global header or a link's target is used.
                b"".join(_small(content, header, archive))
            case _:
                name = stated.get("path", header.name)
                if "size" in stated:
                    content = _content(stream, _size(stated["size"], archive), archive)
                yield Entry(name=name, is_folder=_is_folder(header, name, archive), chunks=content)
                for _ in content:  # what was not asked for
                    pass
                stated = {}


def _header(block: bytes, archive: str) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        msg = f"a header is damaged ({error})"
        raise refusal(msg, archive) from error
    if header.size < 0:
        msg = "a header is damaged (a negative size)"
        raise refusal(msg, archive)
    return header


def _is_folder(header: tarfile.TarInfo, name: str, archive: str) -> bool:
    if header.type == tarfile.DIRTYPE:
        return True
    if header.type not in _FILES:
        kind = _KINDS.get(header.type, f"of the unknown kind {header.type!r}")
        msg = f"{name[:80]!r} is {kind}"
        raise refusal(msg, archive)
    return False


def _content(stream: Readable, size: int, archive: str) -> Generator[bytes]:
    """Yield ``size`` bytes in chunks, and skip what fills the last block."""
    left = size
    while left:
        chunk = stream.read(min(left, CHUNK))
        if not chunk:
            msg = "it is cut off"
            raise refusal(msg, archive)
        left -= len(chunk)
        yield chunk
    _exactly(stream, -size % BLOCK, archive)


def _small(content: Iterator[bytes], header: tarfile.TarInfo, archive: str) -> Iterator[bytes]:
    if header.size > MAX_HEADER_BYTES:
        msg = f"a header has {header.size} bytes, at most {MAX_HEADER_BYTES} are read"
        raise refusal(msg, archive)
    return content


def _exactly(stream: Readable, size: int, archive: str) -> bytes:
    found = b""
    while len(found) < size:
        more = stream.read(size - len(found))
        if not more:
            msg = "it is cut off"
            raise refusal(msg, archive)
        found += more
    return found


def _pax(content: bytes, archive: str) -> dict[str, str]:
    """Return the records ``LENGTH KEY=VALUE`` and a line's end, that matter.

    Raises:
        DataError: If a record is damaged, or makes the file one with holes.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(content):
        digits, gap, _ = content[at : at + 20].partition(b" ")
        n_bytes = int(digits) if gap and digits.isdigit() else 0
        record = content[at : at + n_bytes]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or len(record) != n_bytes or not record.endswith(b"\n"):
            msg = "a pax header is damaged"
            raise refusal(msg, archive)
        name = key.decode(errors="replace")
        if name.startswith("GNU.sparse."):
            msg = "it holds a file with holes"
            raise refusal(msg, archive)
        if name in _KNOWN_PAX:
            found[name] = _text(value, archive)
        at += n_bytes
    return found


def _size(text: str, archive: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        msg = f"a pax header is damaged (the size {text[:20]!r})"
        raise refusal(msg, archive)
    return int(text)


def _text(name: bytes, archive: str) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        msg = f"the name {name[:80]!r} is not UTF-8"
        raise refusal(msg, archive) from error
