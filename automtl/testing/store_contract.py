"""What every store of files must do. A test module inherits the suite and gives one fixture.

Example::

    class TestMine(StoreContract):
        @pytest.fixture
        def store(self):
            return MyStore()
"""

from pathlib import Path

import pytest

from automtl.storage.base import Store

NAMES = ("a.bin", "checkpoints/trial-0001/best [1].safetensors", "checkpoints/trial-0010/own/x y")


class StoreContract:
    """Tests of a store that is empty at first."""

    @pytest.fixture
    def store(self) -> Store:
        """Give the store under test."""
        raise NotImplementedError

    def test_a_file_comes_back_as_it_was(self, store: Store, tmp_path: Path) -> None:
        """Names with folders, spaces and brackets, and a file of no bytes."""
        for number, name in enumerate(NAMES):
            store.put(_file(tmp_path, bytes(range(256)) * 300 * number), name)
        assert store.sizes() == {name: 256 * 300 * n for n, name in enumerate(NAMES)}
        for number, name in enumerate(NAMES):
            target = tmp_path / "back" / str(number)
            assert store.get(name, target)
            assert target.read_bytes() == bytes(range(256)) * 300 * number

    def test_a_second_one_of_the_name_takes_the_place(self, store: Store, tmp_path: Path) -> None:
        """Longer or shorter, the new content is there, and it alone."""
        for content in (b"first", b"second one", b"3"):
            store.put(_file(tmp_path, content), "place/file")
            assert store.get("place/file", tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == content
        assert store.sizes() == {"place/file": 1}

    def test_what_is_not_there_is_said_and_leaves_what_was_there(
        self, store: Store, tmp_path: Path
    ) -> None:
        """Neither a missing file nor a missing folder is an error."""
        old = _file(tmp_path, b"old")
        assert not store.get("nowhere/at/all", old)
        assert old.read_bytes() == b"old"
        assert store.sizes("nowhere") == {}
        store.remove("nowhere/at/all")
        store.sweep("nowhere")

    def test_listing_is_of_one_folder_or_of_all(self, store: Store, tmp_path: Path) -> None:
        """A folder whose name begins like another's is another one."""
        for name in ("t-1/a", "t-1/b/c", "t-10/a", "a"):
            store.put(_file(tmp_path, name.encode()), name)
        assert store.sizes("t-1") == {"t-1/a": 5, "t-1/b/c": 7}
        assert list(store.sizes()) == sorted(store.sizes())
        assert len(store.sizes()) == 4

    def test_what_is_removed_is_gone(self, store: Store, tmp_path: Path) -> None:
        """And what lies beside it stays."""
        for name in ("place/a", "place/b"):
            store.put(_file(tmp_path, b"x"), name)
        store.remove("place/a")
        assert store.sizes() == {"place/b": 1}
        assert not store.get("place/a", tmp_path / "back")

    def test_a_half_is_no_file_and_is_swept_away(self, store: Store, tmp_path: Path) -> None:
        """What a killed writer left has a name that no file has."""
        store.put(_file(tmp_path, b"whole"), "place/a")
        store.put(_file(tmp_path, b"ha"), "place/.a.part-0123456789ab")
        assert store.sizes() == {"place/a": 5}
        assert store.get("place/.a.part-0123456789ab", tmp_path / "back")
        store.sweep("place")
        assert not store.get("place/.a.part-0123456789ab", tmp_path / "gone")
        assert store.sizes() == {"place/a": 5}

    def test_a_reader_leaves_nothing_beside_its_target(self, store: Store, tmp_path: Path) -> None:
        """What is being read has another name until it is whole."""
        store.put(_file(tmp_path, b"content"), "a")
        assert store.get("a", tmp_path / "back" / "a")
        assert [path.name for path in (tmp_path / "back").iterdir()] == ["a"]


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(content)
    return path
