"""Start Ray, or connect to it, and leave nothing behind."""

import contextlib
import gc
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterator

from automtl.dispatch.ray_token import check_auth, keep_token
from automtl.dispatch.resources import usable_cores
from automtl.errors import DispatchError

LOCAL = "local"
"""The address that starts Ray on this machine."""

CONNECT_S = 5.0

REPLACED = ("localhost", "127.0.0.1", "::1")
"""Hosts for which Ray takes this machine's network address. A cluster that shall stay on the
loopback device has a head at another one of its addresses, such as 127.0.0.2."""

SETTINGS = {
    # Tune's own files, handlers and messages: ledger, command line and experiment log do these.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What Ray reads from the environment while a search runs; it has no other way to be told."""


@contextlib.contextmanager
def connected(address: str, *, n_cpus: float) -> Iterator[list[dict[str, float]]]:
    """Connect to Ray, or start it; a Ray that runs in this process already is used and kept.

    Args:
        address: :data:`LOCAL`, or where a cluster answers.
        n_cpus: CPUs that a local Ray should have at least; it never has fewer than the cores that
            this process may use.

    Yields:
        ``cpu`` and ``gpu`` of each machine.

    Raises:
        DispatchError: If nothing answers at the address, or this process has another cluster.
    """
    import ray
    import ray.tune  # here, while Ray's own processes start, instead of before the first trial

    is_ours = not ray.is_initialized()
    try:
        if is_ours and address == LOCAL:
            _start(max(math.ceil(n_cpus), usable_cores()))
        elif is_ours:
            _connect(address)
        elif address not in (LOCAL, "auto"):
            _check_same(address)
        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        yield [_machine(node["Resources"]) for node in nodes if node["Alive"]]
    finally:
        if is_ours:
            _shut_down()


def _shut_down() -> None:
    """Leave Ray while no thread drops a reference to what lies there.

    Ray ends the whole process, with exit status 1, where a reference is dropped while it shuts
    down. Tune leaves references in cycles, and cycles are dropped whenever any thread, such as
    one that waits for MLflow, happens to make an object.
    """
    import ray

    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        if was_on:
            gc.enable()


def _start(n_cpus: int) -> None:
    import ray

    check_auth()
    try:
        keep_token()
        with _on_loopback():
            ray.init(
                address=LOCAL,
                num_cpus=n_cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except Exception as error:  # Ray's own kind of error for a start that takes too long
        msg = f"Ray could not be started here ({str(error).strip().splitlines()[0].rstrip('.')})"
        raise DispatchError(
            msg,
            where="this machine",
            fix="Its processes get 30 s for that; if other work keeps the machine busy, go on "
            "when it is less so: automtl resume",
        ) from error


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let the processes of a Ray that is started listen to this machine alone.

    They would listen at every address of it. Ray knows better only as a matter of its systems:
    macOS and Windows get the loopback device, to which it binds where a node's address says so.
    The environment has a switch for it, which is read when Ray is loaded: too early for us.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _connect(address: str) -> None:
    import ray

    check_address(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _no_cluster(address, str(error).strip().splitlines()[0]) from error


def _check_same(address: str) -> None:
    """Refuse to run on another cluster than the one that was asked for."""
    import ray

    connected_to = ray.get_runtime_context().gcs_address
    if connected_to != address:
        msg = f"this process is connected to the Ray at {connected_to} already, not to {address}"
        fix = "Call `ray.shutdown()` first, or leave the address out"
        raise DispatchError(msg, where="ray_address", fix=fix)


def check_address(address: str) -> None:
    """Refuse an address that Ray would try for minutes or not understand.

    Args:
        address: ``HOST:PORT`` of a head node, or ``auto``. Ray's ``ray://`` is not for us: the
            search itself would run on the cluster, apart from its ledger.

    Raises:
        DispatchError: If it is of another kind or nothing listens there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise _no_cluster(address, "an address is HOST:PORT of the head node, or `auto`")
    _knock(address, host, port)
    if host in REPLACED:
        import ray.util

        # Ray would try for minutes, and name an address that the user never wrote.
        _knock(address, ray.util.get_node_ip_address(), port)  # type: ignore[no-untyped-call]


def _knock(address: str, host: str, port: str) -> None:
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        reason = str(error)
        if host not in address:
            reason = f"Ray looks for it at {host}:{port}: {error}"
        raise _no_cluster(address, reason) from error


def _no_cluster(address: str, reason: str) -> DispatchError:
    return DispatchError(
        f"no Ray cluster answers at {address} ({reason.rstrip('.')})",
        where="--ray-address",
        fix="Start one with `ray start --head`, or leave the address out",
    )


def _machine(resources: dict[str, float]) -> dict[str, float]:
    return {"cpu": resources.get("CPU", 0.0), "gpu": resources.get("GPU", 0.0)}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Ray from writing, printing and catching signals; put everything back at the end."""
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with _environment(SETTINGS), _kept_signals():
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    environ = os.environ  # noqa: TID251 - set for a library, never read for a decision
    before = {name: environ.get(name) for name in settings}
    environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del environ[name]
            else:
                environ[name] = value


@contextlib.contextmanager
def _kept_signals() -> Iterator[None]:
    # Ray and Tune install handlers for these and leave them behind.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
