"""From an address to its store, and the check that it can be used."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from automtl.errors import StorageError
from automtl.storage.base import Store
from automtl.storage.local import FolderStore, part_name
from automtl.storage.remote import FsspecStore

PROBE = b"automtl"


def store_at(address: str) -> Store:
    """Return the store at an address: ``s3://bucket/place``, ``file:///folder`` or a path.

    Raises:
        StorageError: If the address holds a password, or nothing here knows its protocol.
    """
    folder = folder_of(address)
    if folder is not None:
        return FolderStore(folder)
    protocol = address.partition("://")[0]
    if urlsplit(address).password:
        msg = "an address of artifacts must not hold a password: every trial carries it"
        fix = "Put it where fsspec or the store's own library looks: the environment, or a file"
        raise StorageError(msg, where=f"{protocol}://", fix=fix)
    return FsspecStore(address)


def folder_of(address: str) -> Path | None:
    """Return the folder of an address on a disk of this machine; None where it is elsewhere."""
    protocol, is_url, rest = address.partition("://")
    if not is_url:
        return Path(address).absolute()
    return Path("/") / rest.lstrip("/") if protocol in ("file", "local") else None


def absolute(address: str) -> str:
    """Return an address that other folders and machines understand; an empty one stays so."""
    if not address or "://" in address:
        return address.rstrip("/")
    return str(Path(address).resolve())


def check_store(address: str) -> None:
    """Write, read and remove a small file, and refuse a place that holds files already.

    Raises:
        StorageError: With the reason.
    """
    if "memory://" in address:
        msg = "what is kept in the memory of one process is found by no other one"
        raise StorageError(msg, where=address, fix="Name a folder or a server")
    store = store_at(address)
    taken = next(iter(store.sizes()), None)
    if taken is not None:
        msg = f"the place holds files already, such as {taken}"
        raise StorageError(msg, where=address, fix="Name a place of its own for each study")
    name = part_name("probe").lstrip(".")
    with tempfile.TemporaryDirectory() as folder:
        sent, back = Path(folder) / "sent", Path(folder) / "back"
        sent.write_bytes(PROBE)
        store.put(sent, name)
        try:
            is_back = store.get(name, back) and back.read_bytes() == PROBE
        finally:
            store.remove(name)
    if not is_back:
        msg = "what was written there did not come back"
        raise StorageError(msg, where=address, fix="Check what the place is, or name another one")


def put_text(store: Store, name: str, text: str) -> None:
    """Store a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        path.write_text(text, encoding="utf-8")
        store.put(path, name)


def text_of(store: Store, name: str) -> str | None:
    """Return a stored text, or None if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        return path.read_text(encoding="utf-8") if store.get(name, path) else None
