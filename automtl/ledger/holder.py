"""Who holds a lease, and whether that process provably ended."""

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

_PROC = Path("/proc")
# Fields of /proc/PID/stat after the command in parentheses, counted from 0.
_STATE, _STARTED = 0, 19
_NO_LONGER_RUNNING = ("Z", "X", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that holds a study.

    Attributes:
        user: Its user.
        host: Name of its machine.
        process: Its number there.
        kernel: Names the running kernel and the process table in which ``process`` counts, since
            containers can share a host name; empty where the system does not tell.
        started: When it started in the kernel's ticks, since numbers are used again; may be empty.
    """

    user: str
    host: str
    process: int
    kernel: str = ""
    started: str = ""

    @override
    def __str__(self) -> str:
        """Name the holder for people."""
        return f"{self.user} on {self.host}, process {self.process}"


def this_process() -> Holder:
    """Return the holder that this process is."""
    process = os.getpid()
    stat = _stat_of(process)
    return Holder(
        user=_user(),
        host=socket.gethostname(),
        process=process,
        kernel=_kernel(),
        started=stat[_STARTED] if stat else "",
    )


def is_gone(holder: Holder) -> bool:
    """Return whether the holder's process provably ended: only on its own machine."""
    if holder.host != socket.gethostname() or holder.kernel != _kernel():
        return False
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # It runs, as another user.
    stat = _stat_of(holder.process)
    if stat is None or not holder.started:
        return False
    return stat[_STARTED] != holder.started or stat[_STATE] in _NO_LONGER_RUNNING


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"user {os.getuid()}"


def _kernel() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _stat_of(process: int) -> list[str] | None:
    try:
        text = (_PROC / str(process) / "stat").read_text()
    except OSError:
        return None
    # The command may itself hold spaces and parentheses.
    return text.rpartition(")")[2].split()
