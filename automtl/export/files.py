"""Folders that appear whole or not at all, and files whose content is known by checksum."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from automtl.errors import BundleError

CHECKSUMS = "checksums.json"
MODEL = "model.safetensors"
CONFIG = "config.json"
METRICS = "metrics.json"
CARD = "MODEL_CARD.md"
MAX_JSON_BYTES = 16 * 2**20
MAX_MODEL_BYTES = 8 * 2**30


@contextmanager
def new_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary folder beside ``target`` that becomes ``target`` if the block ends well.

    A reader sees the old folder, the new one, or for an instant none, but never a part of one.

    Raises:
        BundleError: If ``target`` may not be written; see :func:`refuse_existing`.
    """
    target = target.resolve()
    refuse_existing(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield part
        part.chmod(0o755)  # mkdtemp gives 0o700; a bundle is made to be read by others
        _sync_folder(part)
        _swap_in(part, target, overwrite=overwrite)
        _sync_folder(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise :class:`BundleError` if ``target`` may not be written.

    Only an empty folder or an earlier bundle is ever replaced: all that lies in it is lost.
    """
    if not target.exists():
        return
    where = str(target)
    if not target.is_dir():
        msg = "there is a file of this name"
        raise BundleError(msg, where=where, fix="Name a folder")
    is_ours = (target / CHECKSUMS).is_file() or not any(target.iterdir())
    if not is_ours:
        msg = "the folder holds other things than a bundle"
        raise BundleError(msg, where=where, fix="Name another folder")
    if not overwrite:
        msg = "the folder exists already"
        raise BundleError(msg, where=where, fix="Name another, or add --overwrite")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: object) -> None:
    """Write JSON for people and programs: indented, without NaN, ended by a newline."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def write_checksums(folder: Path) -> None:
    """Write the SHA-256 of every other file of ``folder``."""
    sums = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != CHECKSUMS
    }
    write_json(folder / CHECKSUMS, sums)


def read_checksums(folder: Path) -> tuple[dict[str, str], str]:
    """Return the checksums by file name, and the digest of the whole bundle (16 digits).

    Raises:
        BundleError: If there are none, or they are not plain names with SHA-256 sums.
    """
    content = read_bounded(folder, CHECKSUMS, MAX_JSON_BYTES)
    sums = parse_json(content, folder / CHECKSUMS)
    for name, value in sums.items():
        if not isinstance(value, str) or len(value) != 64 or Path(name).name != name:
            msg = f"{name!r} is not a file name with a SHA-256 sum"
            raise BundleError(
                msg,
                where=str(folder / CHECKSUMS),
                fix="Export the model again",
            )
    return {name: str(value) for name, value in sums.items()}, digest_bytes(content)


def read_verified(folder: Path, name: str, sums: Mapping[str, str], max_bytes: int) -> bytes:
    """Return the content of a file after its checksum was compared.

    The bytes that were checked are the bytes that are returned: the file is read once.

    Raises:
        BundleError: If the file is missing, too large, outside the folder, or changed.
    """
    content = read_bounded(folder, name, max_bytes)
    if name not in sums:
        msg = f"{CHECKSUMS} does not list {name}"
        raise BundleError(msg, where=str(folder), fix="Export the model again")
    if hashlib.sha256(content).hexdigest() != sums[name]:
        msg = "the file does not match its checksum: it was changed or cut off"
        raise BundleError(
            msg,
            where=str(folder / name),
            fix="Copy the bundle again, or export the model again",
        )
    return content


def read_bounded(folder: Path, name: str, max_bytes: int) -> bytes:
    """Return the content of a file of ``folder``, whose size is bounded.

    Raises:
        BundleError: If the file is missing, too large, or a link that leaves the folder.
    """
    path = folder / name
    if not path.is_file():
        msg = f"there is no {name}"
        raise BundleError(msg, where=str(folder), fix="Name a folder made by `automtl export`")
    if path.resolve().parent != folder.resolve():
        msg = "the file lies outside the bundle"
        raise BundleError(msg, where=str(path), fix="Copy it in")
    size = path.stat().st_size
    if size > max_bytes:
        msg = f"the file has {size} bytes, at most {max_bytes} are read"
        raise BundleError(
            msg,
            where=str(path),
            fix="Export the model again",
        )
    return path.read_bytes()


def parse_json(content: bytes, where: Path) -> dict[str, object]:
    """Return the JSON object in ``content``.

    Raises:
        BundleError: If it is not UTF-8, not JSON, or not an object.
    """
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        msg = f"the file is not JSON ({error})"
        raise BundleError(msg, where=str(where), fix="Export the model again") from error
    if not isinstance(value, dict):
        msg = f"the file holds a {type(value).__name__}, not an object"
        raise BundleError(
            msg,
            where=str(where),
            fix="Export the model again",
        )
    return value


def _refuse_constant(name: str) -> None:
    msg = f"{name} is no number of JSON"
    raise ValueError(msg)


def digest_bytes(content: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def _swap_in(part: Path, target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        part.rename(target)
        return
    refuse_existing(target, overwrite=overwrite)
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / target.name)
    part.rename(target)
    shutil.rmtree(old)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
