"""The peer of `benchmarks.orchestration`: Ray Tune with `OptunaSearch`, default settings."""

import contextlib
import io
import logging
import time
from pathlib import Path
from typing import Any


def search_with_optuna(
    metrics: tuple[str, ...], *, n_trials: int, length_s: float, folder: Path
) -> float:
    """Run trials of a known length on the Ray that is there.

    Everything is left at its default but the output folder, so that nothing lands in the user's.

    Args:
        metrics: Objectives, all maximised.
        n_trials: How many.
        length_s: Seconds that each sleeps.
        folder: Where Tune writes.

    Returns:
        Wall-clock seconds of the search, Ray's own start not counted.
    """
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    def train(config: dict[str, Any]) -> None:
        for _ in (1, 2):
            time.sleep(length_s / 2)
            tune.report({name: config["lr"] * (i + 1) for i, name in enumerate(metrics)})

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        began = time.perf_counter()
        results = tune.Tuner(
            train,
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(
                    space=_space, metric=list(metrics), mode=["max"] * len(metrics)
                ),
                num_samples=n_trials,
            ),
            run_config=tune.RunConfig(storage_path=str(folder), name="peer"),
        ).fit()
        wall_s = time.perf_counter() - began
    if len(results) != n_trials or results.num_errors:
        msg = f"the peer ran {len(results)} trials with {results.num_errors} errors"
        raise RuntimeError(msg)
    return wall_s


def _space(trial: Any) -> None:
    """Span the quickstart recipe's space, conditions included."""
    trial.suggest_int("split_0", 0, 4)
    trial.suggest_int("split_1", 0, 4)
    if trial.suggest_categorical("weighting", ["fixed", "uncertainty", "upgrad", "pcgrad"]) == (
        "fixed"
    ):
        for task in ("detection", "segmentation", "tracking"):
            trial.suggest_float(f"weight_{task}", 0.3, 30, log=True)
    if trial.suggest_categorical("schedule", ["joint", "alternating"]) == "alternating":
        trial.suggest_int("block", 1, 8, log=True)
    trial.suggest_float("lr", 1e-3, 8e-3, log=True)
