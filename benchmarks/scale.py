"""Many trials: how busy slots are, what the driver holds, and how soon a large study goes on.

Run it as `python -m benchmarks.scale --json`, or `--quick` for a small part of it; `--only slots`,
`many` or `resume` leaves out the rest. Trials sleep or report at once; the controller with its
proposals, the SQLite ledger, its outbox and the process that writes to MLflow are real.

- slots: trials of 20 seconds on 2, 8, 32 and 64 slots of Ray, each a process; where these do not
  fit into memory (`is_ray_N` is 0), in threads of the driver. `utilisation_N` is the share of slot
  time in training from when every slot had a trial until the last one was begun;
  `utilisation_whole_N` counts the start of the processes and the end, too.
- many: 10,000 trials of three reports, one after another: what one costs at the beginning and at
  the end, and what the driver holds more for each.
- resume: `automtl resume` on a study of 1,000 trials, from the command to the first trial that
  runs: in the command's own process, and with the start of Ray.
- driver_memory_mb: the largest resident set of the driver in slots and many.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record import Goal, print_record
from benchmarks.scale_many import measure_many
from benchmarks.scale_resume import measure_resume
from benchmarks.scale_slots import Peak, measure_slots

PARTS = ("slots", "many", "resume")
N_SLOTS = (2, 8, 32, 64)
ROUNDS = 4
N_MANY = 10_000
N_RESUMED = 1_000
QUICK_N_SLOTS = (2,)
QUICK_ROUNDS = 2
QUICK_N_MANY = 300
QUICK_N_RESUMED = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record alone")
    parser.add_argument("--quick", action="store_true", help="few slots, few trials")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    options = parser.parse_args()
    parts = PARTS if options.only is None else (options.only,)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), parts, is_quick=options.quick)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:28} {value:.4g}")
    print_record(figures, goals_of(figures))


def measure(root: Path, parts: Sequence[str], *, is_quick: bool) -> dict[str, float]:
    """Return the figures of some parts."""
    figures: dict[str, float] = {}
    peak = Peak()
    with peak.watched():
        if "slots" in parts:
            figures |= _slots(root, is_quick=is_quick)
        if "many" in parts:
            figures |= _many(root, QUICK_N_MANY if is_quick else N_MANY)
    if set(parts) != {"resume"}:
        figures["driver_memory_mb"] = peak.largest_mb
    if "resume" in parts:
        figures |= _resume(root, QUICK_N_RESUMED if is_quick else N_RESUMED)
    return figures


def goals_of(figures: dict[str, float]) -> dict[str, Goal]:
    """Return the goals of the figures that were measured."""
    utilisations = [figures[f"utilisation_{n}"] for n in N_SLOTS if f"utilisation_{n}" in figures]
    goals = {}
    if utilisations:
        goals["utilisation"] = Goal(min(utilisations), 0.95, ">=")
    if "driver_memory_mb" in figures:
        goals["driver_memory_mb"] = Goal(figures["driver_memory_mb"], 500.0, "<=")
    if "resume_s" in figures:
        goals["resume_s"] = Goal(figures["resume_s"], 10.0, "<=")
    return goals


def _slots(root: Path, *, is_quick: bool) -> dict[str, float]:
    figures: dict[str, float] = {}
    rounds = QUICK_ROUNDS if is_quick else ROUNDS
    for n_slots in QUICK_N_SLOTS if is_quick else N_SLOTS:
        found = measure_slots(root / f"slots-{n_slots}", n_slots=n_slots, rounds=rounds)
        figures |= {
            f"utilisation_{n_slots}": found.steady,
            f"utilisation_whole_{n_slots}": found.whole,
            f"is_ray_{n_slots}": float(found.is_ray),
        }
    return figures


def _many(root: Path, n_trials: int) -> dict[str, float]:
    found = measure_many(root / "many", n_trials)
    return {
        "many_trials": float(n_trials),
        "many_first_ms": found.first_ms,
        "many_last_ms": found.last_ms,
        "many_kb_per_trial": found.kb_per_trial,
        "many_mlflow_pending": float(found.pending),
        "many_wall_s": found.wall_s,
    }


def _resume(root: Path, n_trials: int) -> dict[str, float]:
    return {
        "resumed_trials": float(n_trials),
        "resume_s": measure_resume(root / "local", n_trials, dispatcher="local"),
        "resume_with_ray_s": measure_resume(root / "ray", n_trials, dispatcher="ray"),
    }


if __name__ == "__main__":
    main()
