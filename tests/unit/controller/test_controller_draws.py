"""Draws from a free space of one parameter: where they go, and what they avoid."""

from collections.abc import Sequence

from automtl.controller.propose import next_point
from automtl.controller.sampler import Question, draws
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.space.search_space import SearchSpace

S = TrialStatus

ONE = SearchSpace.from_plain(
    parameters={"x": {"type": "float", "min": 0, "max": 1}},
    objectives=[
        {"metric": "detection/mAP", "goal": "maximize"},
        {"metric": "cost/latency_ms", "goal": "minimize"},
    ],
)


def free(number: int, x: float, status: TrialStatus = S.COMPLETED) -> TrialRecord:
    # Both objectives are best at x = 0.8.
    values = (
        {}
        if status is S.RUNNING
        else {"detection/mAP": 1 - abs(x - 0.8), "cost/latency_ms": abs(x - 0.8)}
    )
    return TrialRecord(
        number=number,
        point={"x": x},
        config={},
        config_digest=str(x),
        status=status,
        values=values,
    )


def drawn(history: Sequence[TrialRecord], n: int) -> list[float]:
    points = [next_point(Question(space=ONE), history, seed=seed) for seed in range(n)]
    return [float(p["x"]) for p in points if p is not None]


def test_the_model_goes_where_trials_were_good() -> None:
    history = [free(i, i / 20) for i in range(21)]
    near = sum(abs(x - 0.8) < 0.15 for x in drawn(history, 30))
    # By chance it would be 9 of 30.
    assert near >= 20


def test_goals_are_turned_the_right_way() -> None:
    turned = SearchSpace(
        parameters=ONE.parameters,
        objectives=(
            Objective(metric="detection/mAP", goal="minimize"),
            Objective(metric="cost/latency_ms", goal="maximize"),
        ),
    )
    history = [free(i, i / 20) for i in range(21)]
    points = [next_point(Question(space=turned), history, seed=seed) for seed in range(30)]
    assert sum(float(p["x"]) < 0.3 for p in points if p is not None) >= 20


def test_trials_in_progress_repel() -> None:
    done = [free(i, i / 20) for i in range(21)]
    running = [free(21 + i, 0.78 + i / 200, S.RUNNING) for i in range(10)]
    near = [sum(abs(x - 0.8) < 0.03 for x in drawn(h, 40)) for h in (done, done + running)]
    assert near[1] < near[0]


def test_a_free_space_does_not_repeat_points() -> None:
    space = SearchSpace.from_plain(
        parameters={"a": {"type": "bool"}, "b": {"type": "int", "min": 0, "max": 2}},
        objectives=[{"metric": "detection/mAP", "goal": "maximize"}],
    )
    asked = Question(space=space)
    history: list[TrialRecord] = []
    while (point := next_point(asked, history, seed=len(history))) is not None:
        history.append(
            TrialRecord(
                number=len(history), point=point, config={}, config_digest="", status="running"
            )
        )
    assert len(history) == 6


def test_draws_of_one_call_differ() -> None:
    source = draws(Question(space=ONE), [free(i, i / 20) for i in range(21)], seed=0)
    assert len({next(source)["x"] for _ in range(5)}) == 5
