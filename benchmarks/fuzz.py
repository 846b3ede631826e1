"""Hostile recipes, label files and bundles: none may crash, hang, or write where it should not.

Run it as `python -m benchmarks.fuzz --minutes 10 --json`, or `--quick`: ten seconds of each kind.
Real frames are taken from `AUTOMTL_DATA` or `../shared/data` where they exist.

- inputs, worked, refused: by kind
- crashes: distinct errors that are no one-line mistake, hangs, and files written elsewhere
- slowest_s: the longest time that an input took
- peak_memory_mb: of this process
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz_run import run_one
from benchmarks.fuzz_targets import Annotations, Bundles, Recipes, Target, plain_frame
from benchmarks.record import Goal, print_record

MEMORY_BYTES = 4 << 30
"""Address space that an input may add; more is a crash."""


def main() -> None:
    """Print each crash as it is found, and as the last line all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the last line")
    parser.add_argument("--quick", action="store_true", help="ten seconds of each kind")
    parser.add_argument("--minutes", type=float, default=5.0, help="all kinds together")
    parser.add_argument("--seed", type=int, default=0, help="of all inputs")
    parser.add_argument("--only", choices=["recipes", "annotations", "bundles"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        kinds = targets(Path(name), real_frame())
        if options.only:
            kinds = {options.only: kinds[options.only]}
        seconds = 10.0 if options.quick else options.minutes * 60 / len(kinds)
        _limit_memory()
        tallies = {
            kind: fuzz(kind, target, Path(name), seconds, options.seed)
            for kind, target in kinds.items()
        }
    figures = figures_of(tallies)
    goals = {
        "crashes": Goal(figures["crashes"], 0.0, "<="),
        "slowest_s": Goal(figures["slowest_s"], 10.0, "<="),
    }
    print_record(figures, goals)


@dataclass(slots=True)
class Tally:
    """How the inputs of one kind ended."""

    ends: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0


def targets(folder: Path, frame: bytes) -> dict[str, Target]:
    """Return what is fuzzed, by name."""
    return {
        "recipes": Recipes.shipped(),
        "annotations": Annotations.around(frame),
        "bundles": Bundles.small(folder, frame),
    }


def fuzz(kind: str, target: Target, folder: Path, seconds: float, seed: int) -> Tally:
    """Read hostile inputs until the time is over; say which one is the first of a crash."""
    tally = Tally()
    sandbox = folder / kind
    sandbox.mkdir()
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        outcome = run_one(target, sandbox, random.Random(f"{kind}-{seed}-{number}"))
        if outcome.crash and outcome.crash not in tally.ends:
            # Also where one line of JSON alone is asked for: an input that is not named is lost.
            print(f"{kind} {seed} {number}: {outcome.crash}", file=sys.stderr, flush=True)
        tally.ends[str(outcome)] += 1
        tally.slowest_s = max(tally.slowest_s, outcome.seconds)
        number += 1
    return tally


def figures_of(tallies: dict[str, Tally]) -> dict[str, float]:
    """Return the figures of all kinds."""
    figures: dict[str, float] = {}
    crashes: set[str] = set()
    for kind, tally in tallies.items():
        figures[f"{kind}_inputs"] = tally.ends.total()
        figures[f"{kind}_worked"] = tally.ends["worked"]
        figures[f"{kind}_refused"] = tally.ends["refused"]
        crashes |= set(tally.ends) - {"worked", "refused"}
    figures["crashes"] = len(crashes)
    figures["slowest_s"] = round(max(tally.slowest_s for tally in tallies.values()), 2)
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def real_frame() -> bytes:
    """Return a real frame where there is one, else a generated one."""
    root = Path(os.environ.get("AUTOMTL_DATA", "../shared/data"))
    found = sorted((root / "coco128" / "images" / "train2017").glob("*.jpg"))
    return found[0].read_bytes() if found else plain_frame()


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
