"""Archives of frames and labels: unpacked within limits, into a folder that appears whole or not.

What an archive says of itself is not believed: bytes are counted as they come, each name is
looked at before a file is made of it, and only plain files and folders come out.
"""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from automtl.data.archive_entries import CHUNK, Entry, refusal, safe_parts
from automtl.data.limits import shown
from automtl.data.new_folder import new_folder
from automtl.data.tar_entries import Readable, tar_entries
from automtl.data.zip_entries import zip_entries
from automtl.errors import DataError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
)
"""What Python's readers raise on damaged files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may come out of an archive.

    Attributes:
        n_bytes: Of all files together.
        n_entries: Files and folders.
        ratio: How many times the archive's own size may come out of it.
        free_bytes: So much may come out whatever the ratio: label files shrink well.
    """

    n_bytes: int = 200 * 10**9
    n_entries: int = 2_000_000
    ratio: int = 200
    free_bytes: int = 256 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What came out of an archive.

    Attributes:
        folder: Where it lies.
        n_files: Files.
        n_bytes: Of all files together.
    """

    folder: Path
    n_files: int
    n_bytes: int


def unpack(archive: Path, folder: Path, *, limits: Limits | None = None) -> Unpacked:
    """Unpack a zip, tar or tar.gz file into a new folder.

    All is written beside ``folder`` and moved there at the end, so that a part of a data set is
    never taken for the whole. Links, devices, passwords, paths that leave the folder and archives
    that grow beyond the limits are refused. Rights and times are not taken over.

    Args:
        archive: The file; its kind is known by its content.
        folder: The new folder; an empty one is taken.
        limits: How much may come out.

    Raises:
        DataError: If the archive is refused or damaged, or the folder cannot be written.
    """
    if not archive.is_file():
        msg = "there is no such file"
        raise DataError(msg, where=str(archive), fix="Name a .zip, .tar or .tar.gz file")
    try:
        with new_folder(folder) as part:
            desk = _Desk(archive=archive, part=part, limits=limits or Limits())
            with closing(_entries(archive, desk)) as entries:
                for entry in entries:
                    desk.write(entry)
    except _DAMAGE as error:
        msg = f"it is damaged ({error})"
        raise refusal(msg, str(archive)) from error
    except OSError as error:
        msg = f"it cannot be unpacked ({error.strerror or error})"
        fix = "Make room, or mend what is named"
        raise DataError(msg, where=str(archive), fix=fix) from error
    return Unpacked(folder=folder, n_files=desk.n_files, n_bytes=desk.n_written)


def is_archive(path: Path) -> bool:
    """Return whether a path is called as an archive is."""
    return path.name.lower().endswith(SUFFIXES)


@dataclass(slots=True, kw_only=True)
class _Desk:
    """Writes entries below ``part`` and counts what comes."""

    archive: Path
    part: Path
    limits: Limits
    n_entries: int = 0
    n_files: int = 0
    n_written: int = 0
    n_read: int = 0
    most: int = field(init=False)

    def __post_init__(self) -> None:
        by_ratio = max(self.limits.ratio * self.archive.stat().st_size, self.limits.free_bytes)
        self.most = min(by_ratio, self.limits.n_bytes)

    def write(self, entry: Entry) -> None:
        self.n_entries += 1
        if self.n_entries > self.limits.n_entries:
            msg = f"it has more than {self.limits.n_entries} entries"
            raise refusal(msg, str(self.archive))
        path = self.part.joinpath(*safe_parts(entry.name, str(self.archive)))
        try:
            if entry.is_folder:
                path.mkdir(parents=True, exist_ok=True)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                self._fill(file, entry)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            msg = f"the name {shown(entry.name)} is given twice, or to a file and a folder"
            raise refusal(msg, str(self.archive)) from error
        self.n_files += 1

    def count(self, n_bytes: int) -> None:
        """Take note of bytes that came out of a compressed stream.

        Raises:
            DataError: If they are too many.
        """
        self.n_read += n_bytes
        self._refuse_more_than(self.n_read)

    def _fill(self, file: BinaryIO, entry: Entry) -> None:
        with closing(entry.chunks) as chunks:
            for chunk in chunks:
                self.n_written += len(chunk)
                self._refuse_more_than(self.n_written)
                file.write(chunk)

    def _refuse_more_than(self, n_bytes: int) -> None:
        if n_bytes > self.most:
            size = self.archive.stat().st_size
            msg = (
                f"more than {self.most} bytes would come out of {size} (limits: "
                f"{self.limits.n_bytes} bytes, {self.limits.ratio} times its size)"
            )
            raise refusal(msg, str(self.archive))


def _entries(archive: Path, desk: _Desk) -> Generator[Entry]:
    with archive.open("rb") as file:
        head = file.read(262)
    if head.startswith(b"PK"):
        yield from zip_entries(archive)
    elif head.startswith(b"\x1f\x8b"):
        with gzip.open(archive, "rb") as stream:
            counted = _Counted(stream=stream, desk=desk)
            yield from tar_entries(counted, str(archive))
            while counted.read(CHUNK):  # its checksum stands at the end
                pass
    elif head[257:262] == b"ustar" or archive.suffix.lower() == ".tar":
        with archive.open("rb") as plain:
            yield from tar_entries(plain, str(archive))
    else:
        msg = "it is no zip, tar or tar.gz file"
        raise refusal(msg, str(archive))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """A stream whose bytes are counted, those of headers and padding too."""

    stream: Readable
    desk: _Desk

    def read(self, size: int, /) -> bytes:
        chunk = self.stream.read(size)
        self.desk.count(len(chunk))
        return chunk
