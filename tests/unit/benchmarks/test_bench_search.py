"""The bench that searches are compared on: budgets are kept, and equal methods come out equal."""

import numpy as np
import pytest

from automtl.results import Point, TrialStatus
from automtl.space.search_space import SearchSpace
from benchmarks.search import Result, compared
from benchmarks.search_methods import METHODS, methods_for
from benchmarks.search_virtual import Problem, VirtualStudy

EPOCHS = 52


def curve(point: Point) -> np.ndarray:
    x, y = float(point["x"]), float(point["y"])
    left = 1 / np.arange(1, EPOCHS + 1)
    return np.stack([(x - 0.3) ** 2 + y + left, (x - 0.7) ** 2 + y + 0.5 * left], axis=1)


PROBLEM = Problem(
    name="two valleys",
    space=SearchSpace.from_plain(
        parameters={name: {"type": "float", "min": 0, "max": 1} for name in ("x", "y")},
        objectives=[{"metric": m, "goal": "minimize"} for m in ("a", "b")],
    ),
    curve=curve,
    epochs=EPOCHS,
    low=np.zeros(2),
    high=np.array([1.5, 1.5]),
    whole=1.0,
)


@pytest.mark.parametrize("name", methods_for(PROBLEM))
@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_search_keeps_its_budget(name: str, n_workers: int) -> None:
    budget = 6 * EPOCHS
    study = VirtualStudy(problem=PROBLEM, method=METHODS[name](PROBLEM, 0), n_workers=n_workers)
    study.run(budget)
    spent = sum(len(record.reports) for record in study.history)
    assert budget <= spent < budget + EPOCHS * n_workers
    assert all(at <= budget for at, _ in study.finished)
    completed = [r for r in study.history if r.status is TrialStatus.COMPLETED]
    assert len(study.finished) <= len(completed)
    running = [r for r in study.history if r.status is TrialStatus.RUNNING]
    assert len(running) < n_workers or n_workers == 1
    values = [study.reached(n) for n in range(0, budget + 1, EPOCHS)]
    assert values == sorted(values)
    assert values[0] == 0.0 < values[-1] < 1.0


def test_a_method_against_itself_is_a_draw() -> None:
    chance = METHODS["random"]
    found = compared([PROBLEM], 2, {"automtl": chance, "peer": chance}, n_full=5)
    assert found.curves["peer"].shape == (1, 2, 20)
    ratio, low, high = found.ratio("peer")
    assert ratio == 1.0
    assert low <= 1.0 <= high
    assert 0 < found.epochs_share("peer") <= 1.0


def test_the_share_of_epochs_is_the_median_over_data_sets() -> None:
    slow = np.linspace(0.1, 0.8, 8)
    curves = {
        "peer": np.array([[slow]] * 3),
        "automtl": np.array([[slow * f] for f in (2, 4, 0.5)]),
    }
    assert Result(curves=curves).epochs_share("peer") == pytest.approx(4 / 8)
