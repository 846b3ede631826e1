"""Each kind of store against the contract: a folder, memory, and a file server on loopback."""

import uuid
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


class TestFileServer(StoreContract):
    @pytest.fixture
    def store(self, ftp_server: str) -> Store:
        return store_at(f"{ftp_server}/{uuid.uuid4().hex}/study")
