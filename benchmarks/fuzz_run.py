"""One hostile input under watch: how it ended, how long it took, what it wrote where."""

import random
import shutil
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from automtl.errors import AutomtlError, RecipeError
from benchmarks.fuzz_targets import Target
from benchmarks.fuzz_watch import watched

LIMIT_S = 20
MAX_LINE = 20_000


class _HungError(BaseException):
    """The time is over; no `except Exception` may catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one input ended.

    Attributes:
        worked: Whether it was read.
        crash: Why it is a defect, with its place in automtl; empty where it is none.
        seconds: Wall time.
    """

    worked: bool
    crash: str
    seconds: float

    @override
    def __str__(self) -> str:
        """Say it in a word."""
        return self.crash or ("worked" if self.worked else "refused")


def run_one(target: Target, sandbox: Path, rng: random.Random) -> Outcome:
    """Prepare one input below ``sandbox``, read it, and look at what happened.

    Args:
        target: The kind of input.
        sandbox: An empty folder; what lies in it beside the input must stay as it is.
        rng: Decides the input.
    """
    folder = sandbox / "input"
    folder.mkdir()
    (sandbox / "x").write_text("a file that inputs may name")
    call = target.prepare(folder, rng)
    before = _listing(sandbox)
    began = time.monotonic()
    crash, worked = "", False
    with watched(sandbox) as outside:
        try:
            with _limited(LIMIT_S):
                call()
            worked = True
        except AutomtlError as error:
            crash = _wrong_words(error)
        except (Exception, SystemExit, _HungError) as error:  # noqa: BLE001 - looked for
            crash = _place(error)
    seconds = time.monotonic() - began
    strays = {p for p in _listing(sandbox) ^ before if not p[0].startswith("input/out/")}
    if strays and not crash:
        crash = f"wrote {sorted(strays)[:3]}"
    if outside and not crash:
        crash = f"reached outside: {sorted(set(outside))[:3]}"
    shutil.rmtree(folder)
    return Outcome(worked=worked, crash=crash, seconds=seconds)


def _listing(folder: Path) -> set[tuple[str, int, int]]:
    found = set()
    for path in folder.rglob("*"):
        state = path.lstat()
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found.add((name, state.st_size, state.st_mtime_ns))
    return found


def _wrong_words(error: AutomtlError) -> str:
    """Return what a message lacks: a line each, a place, and not a book."""
    text = str(error)
    lines = text.split("\n") if isinstance(error, RecipeError) else [text]
    if not text.strip() or any(not line.strip() for line in lines):
        return f"an empty line in {text[:200]!r}"
    if any(len(line.splitlines()) != 1 or not line.isprintable() for line in lines):
        return f"no plain line: {text[:200]!r}"
    if max(map(len, lines)) > MAX_LINE:
        return f"a line of {max(map(len, lines))} characters: {text[:200]!r}"
    is_placed = error.where or isinstance(error, RecipeError)
    return "" if is_placed else f"no place: {text[:200]!r}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/automtl/" in f.filename] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__} at {where}: {text}"


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _HungError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
