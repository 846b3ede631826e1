"""What one decision of a search costs, on a real ledger, and what the geometry costs."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from automtl.controller.chance import uniform
from automtl.controller.propose import stream_seed
from automtl.ledger.store import Ledger
from automtl.pareto import hypervolume, ranks
from automtl.results import EpochReport, TrialStatus
from automtl.space.recipe import Budget, Recipe, find_recipe, load_recipe
from automtl.study.controller import StudyController
from automtl.study.folder import Settings, StudyFolder
from automtl.study.observer import Silent
from automtl.study.search import create, held, opened
from benchmarks.drawn_trials import begin_trial


def decision_ms(n_trials: int, *, n_decisions: int) -> dict[str, float]:
    """Return the median milliseconds of a proposal after ``n_trials``.

    The recipe is ``full``: 17 parameters in branches, 4 objectives, a constraint, promotion at two
    rungs. A decision is all between the question for work and the committed answer. Wall time is
    what counts; the process's own time says what it would be where nobody else uses the machine.
    """
    with _filled(n_trials) as controller:
        walls: list[float] = []
        owns: list[float] = []
        while len(walls) < n_decisions:
            wall, own = time.perf_counter(), time.process_time()
            order = controller.next_order()
            wall, own = time.perf_counter() - wall, time.process_time() - own
            assert order is not None, "the budget is large"
            if order.attempt == 1:
                walls.append(1e3 * wall)
                owns.append(1e3 * own)
    return {"wall": median(walls[1:]), "own": median(owns[1:])}


def geometry_ms(n_points: int = 5_000, n_objectives: int = 4) -> float:
    """Return the median milliseconds of hypervolume and ranks of points near a sphere."""
    rng = np.random.default_rng(0)
    points = np.abs(rng.normal(size=(n_points, n_objectives)))
    losses = 1 - points / np.linalg.norm(points, axis=1, keepdims=True)
    losses += rng.exponential(0.1, size=(n_points, 1))
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        ranks(losses)
        hypervolume(losses, np.full(n_objectives, 1.5))
        spent.append(1e3 * (time.perf_counter() - began))
    return median(spent)


@contextmanager
def _filled(n_trials: int) -> Iterator[StudyController]:
    plain = load_recipe(find_recipe("full")).to_plain()
    recipe = Recipe.model_validate({**plain, "enqueue": [], "baselines": {}})
    recipe = recipe.model_copy(update={"budget": Budget(trials=10 * n_trials)})
    with tempfile.TemporaryDirectory() as folder:
        place = StudyFolder(Path(folder) / "study")
        create(recipe, place, Settings())
        with opened(place) as ledger, held(ledger):
            _fill(ledger, recipe, n_trials)
            yield StudyController(recipe=recipe, ledger=ledger, folder=place, observer=Silent())


def _fill(ledger: Ledger, recipe: Recipe, n_trials: int) -> None:
    """Record trials of which one in three passed the first rung and one in nine is finished.

    Those that went on are better, as promotion has it, so that what comes next is a proposal.
    """
    rng = np.random.default_rng(0)
    first, second = recipe.rungs
    config = recipe.space.config_of(recipe.space.default_point())
    epochs = config.optimizer.epochs
    for number in range(n_trials):
        point = uniform(recipe.space, rng.random)
        own = recipe.space.config_of(point)
        begin_trial(ledger, own, number=number, point=point, seed=stream_seed(0, number))
        done = epochs if number % 9 == 0 else second if number % 3 == 0 else first
        n_rungs = 2 if done == epochs else 1 if done == second else 0
        values: dict[str, float] = {}
        loss = 3.0 - n_rungs + rng.random(len(recipe.objectives))
        for epoch in sorted({first, min(second, done), done}):
            values = {
                o.metric: float(v if o.goal == "minimize" else 5.0 - v)
                for o, v in zip(recipe.objectives, loss, strict=True)
            }
            ledger.add_report(
                number, EpochReport(attempt=1, epoch=epoch, values=values, time_s=0.0)
            )
        if done == epochs:
            ledger.end_trial(
                number,
                status=TrialStatus.COMPLETED,
                values=values,
                best_epoch=done,
                failure=None,
            )
        else:
            ledger.pause(number)
