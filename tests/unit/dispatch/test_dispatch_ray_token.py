"""The secret of a Ray that is started is for its owner alone, and cannot be left out."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from automtl.dispatch.ray_cluster import LOCAL, connected
from automtl.dispatch.ray_token import keep_token
from automtl.errors import DispatchError


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the secret will be, in a home of its own; new files are readable by everybody."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    before = os.umask(0)
    yield tmp_path / ".ray" / "auth_token"
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_one_is_its_owners_alone_at_every_moment(token: Path) -> None:
    modes: set[int] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for path in token.parent.glob("*auth_token*"):
                try:
                    modes.add(mode_of(path))
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    made = set()
    for _ in range(50):
        keep_token()
        made.add(token.read_text())
        token.unlink()
    ended.set()
    watcher.join()
    assert len(made) == 50
    assert {len(bytes.fromhex(secret)) for secret in made} == {32}
    assert modes <= {0o600}


def test_a_home_without_hard_links_has_one_too(
    token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    keep_token()
    made = token.read_text()
    keep_token()
    assert (len(made), token.read_text(), mode_of(token)) == (64, made, 0o600)


def test_one_that_is_there_stays_and_is_closed_to_others(token: Path) -> None:
    token.parent.mkdir()
    token.write_text("mine")
    assert mode_of(token) == 0o666
    keep_token()
    assert (token.read_text(), mode_of(token)) == ("mine", 0o600)
    assert [path.name for path in token.parent.iterdir()] == ["auth_token"]


def test_those_who_start_at_once_share_one(token: Path) -> None:
    seen: list[str] = []

    def start() -> None:
        keep_token()
        seen.append(token.read_text())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert set(seen) == {token.read_text()}


def test_a_secret_given_otherwise_is_left_to_ray(
    token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    keep_token()
    assert not token.exists()


def test_a_ray_without_secrets_is_not_started(
    token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    told = pytest.raises(DispatchError, match=r"RAY_AUTH_MODE=disabled.*Unset RAY_AUTH_MODE")
    with told, connected(LOCAL, n_cpus=1):
        pass
    assert not token.exists()
