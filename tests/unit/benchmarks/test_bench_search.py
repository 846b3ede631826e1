"""The bench that searches are compared on: budgets are kept, and equal methods come out equal."""

from pathlib import Path

import numpy as np
import pytest

from automtl.results import Point, TrialStatus
from automtl.space.search_space import SearchSpace
from benchmarks.search import Result, compared, goals_of
from benchmarks.search_long import long_search
from benchmarks.search_methods import METHODS, Chance, methods_for
from benchmarks.search_problems import Family
from benchmarks.search_runs import Runs, runs_in
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


FAMILY = Family(name="valleys", problems=(PROBLEM,), n_full=5)


@pytest.mark.parametrize("name", methods_for(PROBLEM))
@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_search_keeps_its_budget(name: str, n_workers: int) -> None:
    budget = 6 * EPOCHS
    study = VirtualStudy(problem=PROBLEM, method=METHODS[name](PROBLEM, 0), n_workers=n_workers)
    study.run(budget)
    spent = sum(len(record.reports) for record in study.history)
    assert budget <= spent < budget + EPOCHS * n_workers
    completed = [r for r in study.history if r.status is TrialStatus.COMPLETED]
    assert len(study.finished) == len(completed)
    within = max(at for at, _ in study.finished if at <= budget)
    assert study.reached(budget) == study.reached(within)
    running = [r for r in study.history if r.status is TrialStatus.RUNNING]
    assert len(running) < n_workers or n_workers == 1
    values = [study.reached(n) for n in range(0, budget + 1, EPOCHS)]
    assert values == sorted(values)
    assert values[0] == 0.0 < values[-1] < 1.0


def test_a_method_against_itself_is_a_draw() -> None:
    chance = METHODS["random"]
    found = compared(FAMILY, 2, {"automtl": chance, "peer": chance})
    assert found is not None
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


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    asked: list[int] = []

    def make(problem: Problem, seed: int) -> Chance:
        asked.append(seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return Chance(problem, seed)

    runs = Runs(folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        compared(FAMILY, 3, {"automtl": make}, runs=runs)
    found = compared(FAMILY, 3, {"automtl": make}, runs=runs)
    assert asked == [0, 1, 1, 2]
    fresh = compared(FAMILY, 3, {"automtl": METHODS["random"]})
    assert found is not None
    assert fresh is not None
    assert (found.curves["automtl"] == fresh.curves["automtl"]).all()


def test_two_processes_divide_the_searches(tmp_path: Path) -> None:
    chance = {"automtl": METHODS["random"]}
    shares = [Runs(folder=tmp_path, part=part, n_parts=2) for part in (0, 1)]
    assert compared(FAMILY, 3, chance, runs=shares[0]) is None
    assert len(list(tmp_path.rglob("*.json"))) == 2
    assert compared(FAMILY, 3, chance, runs=shares[1]) is not None
    assert len(list(tmp_path.rglob("*.json"))) == 3


def test_searches_of_other_code_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = runs_in(tmp_path, "1/1")
    assert before == runs_in(tmp_path, "1/1")
    assert before.curve(("a",), 0, lambda: [1.0]) == [1.0]
    assert before.curve(("a",), 0, lambda: [2.0]) == [1.0]
    monkeypatch.setattr("benchmarks.search_runs.SOURCES", ("automtl/pareto.py",))
    assert runs_in(tmp_path, "1/1").curve(("a",), 0, lambda: [2.0]) == [2.0]
    assert runs_in(None, "1/1").curve(("a",), 0, lambda: [3.0]) == [3.0]


def test_a_long_search_says_what_decisions_took() -> None:
    # Promotion waits: of 60 trials with 8 workers none has come to its end yet.
    found = long_search(PROBLEM, n_trials=120, n_workers=8)
    assert found["long/trials"] >= 120
    assert 0 < found["long/finished"] < found["long/trials"] / 3
    assert found["long/epochs"] < 120 * EPOCHS / 2
    assert all(found[f"long/proposal_ms_at_{n}"] > 0 for n in range(12, 121, 12))


def test_a_search_that_goes_on_counts_what_ended_between_its_parts() -> None:
    study = VirtualStudy(problem=PROBLEM, method=Chance(PROBLEM, 0), n_workers=8)
    while len(study.history) < 30:
        study.run(study.spent + 1)
    ended = [r for r in study.history if r.status is TrialStatus.COMPLETED]
    assert len(study.finished) == len(ended) > 0


def test_figures_of_several_workers_are_no_goals() -> None:
    figures = {"own_table/hypervolume_over_tpe_16_workers": 1.5}
    assert goals_of("own_table", figures) == {}
