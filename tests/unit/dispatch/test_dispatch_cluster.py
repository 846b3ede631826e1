"""Where Ray cannot be reached, and what is put back."""

import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from automtl.dispatch.ray_cluster import SETTINGS, _start, check_address, quiet
from automtl.errors import DispatchError


@pytest.fixture
def silent_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_silent_address_is_one_line_within_seconds(silent_port):
    began = time.monotonic()
    with pytest.raises(DispatchError) as caught:
        check_address(f"127.0.0.1:{silent_port}")
    assert time.monotonic() - began < 10
    line = str(caught.value)
    assert f"no Ray cluster answers at 127.0.0.1:{silent_port} (" in line
    assert "ray start --head" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "address", ["ray://127.0.0.1:10001", "nonsense", ":6379", "head:port", "127.0.0.1:99999"]
)
def test_an_address_of_another_kind_is_refused(address):
    with pytest.raises(DispatchError, match="no Ray cluster answers"):
        check_address(address)


def test_what_listens_is_let_through():
    with socket.create_server(("127.0.0.2", 0)) as server:
        check_address(f"127.0.0.2:{server.getsockname()[1]}")
    check_address("auto")


@pytest.mark.slow
def test_an_address_that_ray_replaces_is_refused_where_it_would_wait_for_minutes():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DispatchError, match="Ray looks for it at") as caught:
            check_address(f"127.0.0.1:{port}")
    assert "\n" not in str(caught.value)


def test_a_ray_that_does_not_start_is_one_line(monkeypatch):
    """On a busy machine Ray gives up after 30 s, with a bare ``Exception``."""

    def init(**_parts):
        msg = "The current node timed out during startup.\nSee the logs."
        raise Exception(msg)  # noqa: TRY002 - as Ray does

    constants = SimpleNamespace(ENABLE_RAY_CLUSTER=True)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    monkeypatch.setitem(sys.modules, "ray._private", SimpleNamespace(ray_constants=constants))
    with pytest.raises(DispatchError) as caught:
        _start(2)
    line = str(caught.value)
    assert "could not be started here (The current node timed out during startup)" in line
    assert "automtl resume" in line
    assert "\n" not in line
    assert constants.ENABLE_RAY_CLUSTER, "a cluster that is connected to afterwards may be remote"


def test_environment_and_signals_are_put_back(monkeypatch):
    name, other = list(SETTINGS)[:2]
    monkeypatch.setenv(name, "before")
    monkeypatch.delenv(other, raising=False)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
    with quiet():
        assert os.environ[name] == SETTINGS[name]
        assert os.environ[other] == SETTINGS[other]
        signal.signal(signal.SIGUSR1, lambda number, frame: None)
    assert os.environ[name] == "before"
    assert other not in os.environ
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == handlers


def test_importing_the_dispatchers_loads_no_ray():
    code = (
        "import sys, automtl.dispatch.ray_tune, automtl.dispatch.in_process;"
        "sys.exit(any(name in sys.modules for name in ('ray', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
