"""A store at any address that fsspec knows: an object store, a file server, a web folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from automtl.errors import StorageError
from automtl.storage.base import is_hidden, patiently
from automtl.storage.local import PART, part_name

T = TypeVar("T")


@dataclass(slots=True)
class FsspecStore:
    """Files at an address: sent under another name, counted, then moved to their place.

    Attributes:
        address: With its protocol.
    """

    address: str
    _opened: tuple[Any, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Find the code for the protocol.

        Raises:
            StorageError: If there is none.
        """
        self.address = self.address.rstrip("/")
        self._fresh()

    @property
    def url(self) -> str:
        """The address."""
        return self.address

    def put(self, source: Path, name: str) -> None:
        """Store a copy of a local file."""
        folder, _, last = name.rpartition("/")
        beside = f"{folder}/{part_name(last)}" if folder else part_name(last)

        def once(fs: Any, root: str) -> None:
            fs.makedirs(f"{root}/{folder}".rstrip("/"), exist_ok=True)
            fs.put_file(str(source), f"{root}/{beside}")
            _expect_size(fs, f"{root}/{beside}", source.stat().st_size)
            _move(fs, f"{root}/{beside}", f"{root}/{name}")

        self._patiently(f"storing {name}", once)

    def get(self, name: str, target: Path) -> bool:
        """Copy a file to a local path; False if there is none."""
        beside = target.with_name(part_name(target.name))

        def once(fs: Any, root: str) -> bool:
            fs.invalidate_cache()
            try:
                n_bytes = fs.info(f"{root}/{name}")["size"]
            except FileNotFoundError:
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(f"{root}/{name}", str(beside))
            if beside.stat().st_size != n_bytes:
                msg = f"{beside.stat().st_size} of {n_bytes} bytes came"
                raise OSError(msg)
            beside.replace(target)
            return True

        try:
            return self._patiently(f"reading {name}", once)
        finally:
            beside.unlink(missing_ok=True)

    def sizes(self, under: str = "") -> dict[str, int]:
        """Return the bytes of each file below a folder, by name."""
        found = self._patiently(f"listing {under or 'everything'}", _finding(under))
        return {name: n_bytes for name, n_bytes in found.items() if not is_hidden(name)}

    def remove(self, name: str) -> None:
        """Remove a file."""

        def once(fs: Any, root: str) -> None:
            fs.invalidate_cache()
            if fs.exists(f"{root}/{name}"):
                fs.rm_file(f"{root}/{name}")

        self._patiently(f"removing {name}", once)

    def sweep(self, under: str) -> None:
        """Remove what killed writers have left in a folder."""
        for name in self._patiently(f"sweeping {under}", _finding(under)):
            last = name.rpartition("/")[2]
            if last.startswith(".") and PART in last:
                self.remove(name)

    def _patiently(self, what: str, ask: Callable[[Any, str], T]) -> T:
        def once() -> T:
            fs, root = self._opened or self._fresh()
            try:
                return ask(fs, root)
            except Exception:
                # A server closes connections that were idle between two epochs.
                self._opened = None
                raise

        return patiently(what, self.address, once)

    def _fresh(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            fs, root = url_to_fs(self.address, skip_instance_cache=True)
        except (ValueError, ImportError) as error:
            # fsspec's own words name the package that is missing, or say that none is known.
            msg = f"nothing here can write to it ({str(error).strip().splitlines()[0]})"
            fix = "Install the package for it, such as s3fs or gcsfs, or name a folder"
            raise StorageError(msg, where=self.address, fix=fix) from error
        self._opened = (fs, root.rstrip("/"))
        return self._opened


def _finding(under: str) -> Callable[[Any, str], dict[str, int]]:
    def once(fs: Any, root: str) -> dict[str, int]:
        # Other machines write here: what was listed before says nothing.
        fs.invalidate_cache()
        found = fs.find(f"{root}/{under}".rstrip("/"), detail=True)
        names = {path: path.removeprefix(root).lstrip("/") for path in found}
        return {names[path]: int(found[path]["size"]) for path in sorted(found)}

    return once


def _expect_size(fs: Any, path: str, n_bytes: int) -> None:
    fs.invalidate_cache()
    found = fs.info(path)["size"]
    if found != n_bytes:
        msg = f"{found} of {n_bytes} bytes arrived"
        raise OSError(msg)


def _move(fs: Any, source: str, target: str) -> None:
    """Give a file its name.

    File servers rename. For the others fsspec's own move would read names as patterns; they copy
    within the store, which object stores do whole or not at all.
    """
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

    if type(fs).mv is not AbstractFileSystem.mv:
        fs.mv(source, target)
        return
    fs.cp_file(source, target)
    fs.rm_file(source)
