"""From an address to a store; places that cannot be used are refused in one line."""

import pytest

from automtl.errors import StorageError
from automtl.storage import base
from automtl.storage.choose import absolute, check_store, put_text, store_at, text_of
from automtl.storage.local import FolderStore


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(base, "PAUSES_S", (0.0, 0.0, 0.0))


def test_folders_are_written_to_without_fsspec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_at("file:///mnt/x y") == store_at("/mnt/x y")
    assert store_at("here") == FolderStore(tmp_path / "here")
    assert absolute("here") == str(tmp_path / "here")
    assert (absolute(""), absolute("s3://b/x/")) == ("", "s3://b/x")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nosuch://place", "nothing here can write to it (Protocol not known: nosuch)"),
        ("memory://place", "in the memory of one process"),
        ("sftp://me:hidden@host/place", "must not hold a password"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(address, says):
    with pytest.raises(StorageError) as caught:
        check_store(address)
    line = str(caught.value)
    assert says in line
    assert "\n" not in line
    assert "hidden" not in line


def test_a_place_that_holds_files_is_refused_and_a_free_one_is_left_empty(tmp_path):
    check_store(str(tmp_path / "free"))
    assert list((tmp_path / "free").iterdir()) == []
    (tmp_path / "free" / "of_somebody").write_text("x")
    with pytest.raises(StorageError, match="holds files already, such as of_somebody"):
        check_store(str(tmp_path / "free"))


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"storing probe.* failed"):
        check_store(str(tmp_path / "file" / "below"))


def test_a_store_that_is_away_for_a_moment_is_asked_again():
    answers = iter([OSError("away"), TimeoutError(), 7])

    def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert base.patiently("reading a", "s3://b", ask) == 7


def test_a_store_that_stays_away_is_one_line_with_the_reason():
    n_asked = []

    def ask():
        n_asked.append(1)
        raise PermissionError("not\nyours")  # noqa: EM101 - the message is the point

    with pytest.raises(StorageError) as caught:
        base.patiently("storing a", "s3://b", ask)
    assert len(n_asked) == len(base.PAUSES_S) + 1
    assert str(caught.value).startswith("s3://b: storing a failed (PermissionError: not). ")


def test_texts_come_back(tmp_path):
    store = FolderStore(tmp_path)
    assert text_of(store, "a/b") is None
    put_text(store, "a/b", "ünï\n")
    assert text_of(store, "a/b") == "ünï\n"
