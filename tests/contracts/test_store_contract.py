"""Each kind of store against the contract: a folder, memory, and a file server on loopback."""

import threading
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from automtl.storage.base import Store
from automtl.storage.choose import store_at
from automtl.storage.local import FolderStore
from automtl.storage.remote import FsspecStore
from automtl.testing.store_contract import StoreContract


class TestFolder(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return FolderStore(tmp_path / "not yet" / "there [1]")


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return FsspecStore(f"memory://{uuid.uuid4().hex}/studies/one")


class TestFolderThroughFsspec(StoreContract):
    """Chained addresses too; this one's moves are of the base class, which copies."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return FsspecStore(f"file://{tmp_path / 'through fsspec'}")


@pytest.fixture(scope="module")
def ftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A file server: it renames, closes idle connections, and is another process's disk."""
    servers = pytest.importorskip("pyftpdlib.servers")
    handlers = pytest.importorskip("pyftpdlib.handlers")
    authorizers = pytest.importorskip("pyftpdlib.authorizers")

    class Handler(handlers.FTPHandler):
        authorizer = authorizers.DummyAuthorizer()
        log_prefix = ""

    with warnings.catch_warnings():
        # It warns of a guest that may write; there is nobody else on this port.
        warnings.simplefilter("ignore", RuntimeWarning)
        Handler.authorizer.add_anonymous(str(tmp_path_factory.mktemp("ftp")), perm="elradfmwMT")
    server = servers.ThreadedFTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"handle_exit": False})
    thread.start()
    yield f"ftp://127.0.0.1:{server.address[1]}"
    server.close_all()
    thread.join(10)


class TestFileServer(StoreContract):
    @pytest.fixture
    def store(self, ftp_server: str) -> Store:
        return store_at(f"{ftp_server}/{uuid.uuid4().hex}/study")
