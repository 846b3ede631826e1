"""MLflow's own pages of a study, opened as who trains models sees them."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.chromium import WAIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOST = "127.0.0.1"
EXPERIMENT = "1"
"""The first and only one of a study's own store."""

FIRST_VISIT_IS_OVER = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"')
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true")
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false")
"""
"""A first visit begins with a choice of work, and with an assistant over the page."""


@contextmanager
def mlflow_server(store: str) -> Iterator[str]:
    """Run `mlflow ui` on a store and give its address on the loopback device.

    Args:
        store: Tracking URI of a database.

    Raises:
        TimeoutError: If it does not answer.
    """
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store]
    # One worker: four of them, which is the default, load MLflow four times for one page.
    place = ["--host", HOST, "--port", str(port), "--workers", "1"]
    with started([*command, *place]):
        url = f"http://{HOST}:{port}"
        _wait_for(url)
        yield url


def open_run(page: "Page", server: str, run: str, part: str = "") -> None:
    """Open a run's page.

    Args:
        page: A page of Chromium.
        server: Address of the server.
        run: ``study``, or ``trial:NUMBER``.
        part: Such as ``system-metrics``; empty for the overview.
    """
    from mlflow import MlflowClient

    wanted = f"tags.`automtl.run` = '{run}'"
    (found,) = MlflowClient(server).search_runs([EXPERIMENT], filter_string=wanted)
    page.add_init_script(FIRST_VISIT_IS_OVER)
    place = f"{server}/#/experiments/{EXPERIMENT}/runs/{found.info.run_id}"
    page.goto(f"{place}/{part}" if part else place)


def open_models(page: "Page", server: str) -> None:
    """Open the page of an experiment's models, by the address of a server."""
    page.add_init_script(FIRST_VISIT_IS_OVER)
    # From one of MLflow's pages to another no page is loaded, and what was there stays a while.
    page.goto("about:blank")
    page.goto(f"{server}/#/experiments/{EXPERIMENT}/models")


@contextmanager
def started(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a server for as long as it is looked at."""
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline:
        try:
            urlopen(url).close()
        except (URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    msg = f"{url} does not answer"
    raise TimeoutError(msg)
