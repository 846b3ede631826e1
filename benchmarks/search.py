"""Searches side by side: ``python -m benchmarks.search --json [--quick] [--seeds N]``.

LCBench's learning curves (34 data sets, validation error and training time, 52 epochs) stand for
trainings, so that searches run in virtual time. The budget is that of 20 full trainings, counted
in epochs. Score: hypervolume of what was trained to its end, over that of 20,000 random points.
Data sets are either for tuning or for reporting: every fourth from the fourth is for reporting.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from automtl.pareto import hypervolume
from automtl.testing.lcbench import EPOCHS, Surrogate, load_surrogate, random_points
from benchmarks.record import Goal, print_record
from benchmarks.search_decision import decision_ms, geometry_ms
from benchmarks.search_methods import METHODS, Make
from benchmarks.search_virtual import Problem, VirtualStudy

N_FULL = 20
BUDGET = N_FULL * EPOCHS
N_SAMPLE = 20_000
PARTS = ("searches", "decisions", "geometry")
NOT_REACHED = 2.0
"""Stands for a data set on which the peer's end was not reached within the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hypervolume after each full training's worth of epochs.

    Attributes:
        curves: By method, shape ``(data sets, seeds, 4 * N_FULL)``.
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
    parser.add_argument("--quick", action="store_true", help="two data sets for tuning, 1 seed")
    parser.add_argument("--seeds", type=int, default=20, help="searches per data set")
    parser.add_argument("--tuning", action="store_true", help="the data sets for tuning")
    parser.add_argument("--workers", type=int, nargs="*", default=[4, 16, 64])
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured; all by default"
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/lcbench"))
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    figures: dict[str, float] = {}
    goals: dict[str, Goal] = {}
    if "searches" in arguments.parts:
        figures |= _searches(arguments)
        goals["hypervolume_lcbench"] = Goal(figures["hypervolume_over_tpe"], 1.20, ">=")
        goals["epochs_lcbench"] = Goal(figures["epochs_over_tpe"], 1 / 3, "<=")
    if "decisions" in arguments.parts:
        for n_trials, limit_ms in (
            [(500, 25.0)] if arguments.quick else [(500, 25.0), (5_000, 60.0)]
        ):
            found = decision_ms(n_trials, n_decisions=9)
            figures[f"decision_own_ms_{n_trials}"] = found["own"]
            goals[f"decision_p50_ms_{n_trials}"] = Goal(found["wall"], limit_ms, "<=")
    if "geometry" in arguments.parts:
        goals["moocore_ms"] = Goal(geometry_ms(), 50, "<=")
    print_record(figures, goals)


def _searches(arguments: argparse.Namespace) -> dict[str, float]:
    surrogate = load_surrogate(arguments.data)
    names = data_sets(surrogate, for_tuning=arguments.tuning or arguments.quick)
    n_seeds = arguments.seeds
    if arguments.quick:
        names, n_seeds = names[:2], 1
    problems = [problem(surrogate, name) for name in names]
    figures = {"data_sets": float(len(names)), "seeds": float(n_seeds)}
    figures |= _said(compared(problems, n_seeds, METHODS), "")
    for n_workers in [] if arguments.quick else arguments.workers:
        both = {name: METHODS[name] for name in ("automtl", "tpe")}
        figures |= _said(compared(problems, n_seeds, both, n_workers), f"_{n_workers}_workers")
    return figures


def data_sets(surrogate: Surrogate, *, for_tuning: bool) -> list[str]:
    """Return the names on one side of the division."""
    return [name for i, name in enumerate(surrogate.codes) if (i % 4 != 3) == for_tuning]


def problem(surrogate: Surrogate, name: str) -> Problem:
    """Return a data set with its fixed reference."""
    sample = surrogate.losses(name, random_points(surrogate, N_SAMPLE, seed=1))
    low, high = sample.min(axis=0), np.quantile(sample, 0.9, axis=0)
    scaled = (sample - low) / (high - low)
    return Problem(
        name=name,
        space=surrogate.space,
        curve=lambda point: surrogate.curve(name, point),
        epochs=EPOCHS,
        low=low,
        high=high,
        whole=hypervolume(scaled, np.ones(2)),
    )


def compared(
    problems: Sequence[Problem], n_seeds: int, methods: Mapping[str, Make], n_workers: int = 1
) -> Result:
    """Run every method on every problem with every seed."""
    steps = np.linspace(0, BUDGET, 4 * N_FULL + 1)[1:].astype(int)
    curves = {}
    for name, make in methods.items():
        rows = [
            [_curve(one, make, seed, n_workers, steps) for seed in range(n_seeds)]
            for one in problems
        ]
        curves[name] = np.array(rows)
        print(f"{name:8s} {n_workers} {curves[name][..., -1].mean():.3f}", flush=True)
    return Result(curves=curves)


def _curve(
    one: Problem, make: Make, seed: int, n_workers: int, steps: NDArray[np.int64]
) -> list[float]:
    study = VirtualStudy(problem=one, method=make(one, seed), n_workers=n_workers)
    study.run(BUDGET)
    return [study.reached(int(step)) for step in steps]


def _said(result: Result, suffix: str) -> dict[str, float]:
    found = {
        f"hypervolume_{n}{suffix}": float(c[..., -1].mean()) for n, c in result.curves.items()
    }
    for peer in result.curves.keys() - {"automtl"}:
        ratio, low, high = result.ratio(peer)
        found |= {
            f"hypervolume_over_{peer}{suffix}": ratio,
            f"hypervolume_over_{peer}{suffix}_low": low,
            f"hypervolume_over_{peer}{suffix}_high": high,
            f"epochs_over_{peer}{suffix}": result.epochs_share(peer),
        }
    return found


if __name__ == "__main__":
    main()
