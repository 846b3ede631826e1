"""What Python itself is asked to do to files, programs and hosts, wherever they are.

The listing of a sandbox sees what was written in it; this sees what was written anywhere else.
Libraries in C that open files past Python are not seen, and neither are caches of compiled code.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

CHANGES = frozenset(
    {
        "os.chmod",
        "os.chown",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
        "shutil.rmtree",
        "sqlite3.connect",
    }
)
"""Events whose arguments begin with paths that are changed."""

NEVER = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.system",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.sendto",
        "subprocess.Popen",
    }
)
"""Events that nothing may cause that reads an input."""


class _Watch:
    """The one hook of this process: a hook cannot be taken away again."""

    def __init__(self) -> None:
        self.inside: str = ""
        self.seen: list[str] = []
        self.is_hooked = False

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.inside:
            return
        if event in NEVER:
            self.seen.append(event)
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING:
                self.change(event, path)
        elif event in CHANGES:
            for path in arguments[:2]:
                self.change(event, path)

    def change(self, event: str, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        full = os.path.realpath(os.fsdecode(path))
        is_cache = "__pycache__" in full
        if full.startswith(self.inside + os.sep) or full == os.devnull or is_cache:
            return
        self.seen.append(f"{event} {full}")


_WATCH = _Watch()


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Yield a list that gets what is changed outside of ``folder``, and programs and hosts."""
    if not _WATCH.is_hooked:
        sys.addaudithook(_WATCH.hear)
        _WATCH.is_hooked = True
    seen: list[str] = []
    _WATCH.seen, _WATCH.inside = seen, os.path.realpath(folder)
    try:
        yield seen
    finally:
        _WATCH.inside = ""
