from automtl.results import Objective, TrialRecord, TrialStatus
from automtl_dashboards.standing import standing_of

OBJECTIVES = (
    Objective(metric="detection/mAP", goal="maximize"),
    Objective(metric="depth/error", goal="minimize"),
    Objective(metric="cost/latency_ms", goal="minimize", unit="ms"),
)


def baseline(number: int, task: str, **values: float) -> TrialRecord:
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest="",
        origin=f"baseline:{task}",
        status=TrialStatus.COMPLETED,
        values={key.replace("__", "/"): value for key, value in values.items()},
    )


def test_the_best_baseline_of_each_task_counts_in_its_direction() -> None:
    history = [
        baseline(0, "detection", detection__mAP=0.4, cost__latency_ms=5.0),
        baseline(1, "detection", detection__mAP=0.5, cost__latency_ms=7.0),
        baseline(2, "depth", depth__error=3.0, cost__latency_ms=1.0),
        baseline(3, "depth", depth__error=2.0, cost__latency_ms=2.0),
    ]
    standing = standing_of(history, OBJECTIVES, [], None)
    assert dict(standing.single_task) == {
        "detection/mAP": 0.5,
        "depth/error": 2.0,
        "cost/latency_ms": 9.0,
    }
    assert standing.front == frozenset()


def test_costs_are_not_summed_while_a_task_is_missing() -> None:
    history = [baseline(0, "detection", detection__mAP=0.4, cost__latency_ms=5.0)]
    standing = standing_of(history, OBJECTIVES, [], None)
    assert dict(standing.single_task) == {"detection/mAP": 0.4}


def test_costs_that_do_not_add_up_are_left_out() -> None:
    objectives = (OBJECTIVES[0], Objective(metric="cost/peak_memory_mb", goal="minimize"))
    history = [baseline(0, "detection", detection__mAP=0.4, cost__peak_memory_mb=90.0)]
    assert dict(standing_of(history, objectives, [], None).single_task) == {"detection/mAP": 0.4}


def test_the_best_floor_counts_in_its_direction_and_nan_does_not() -> None:
    floors = {
        "a": {"detection/mAP": 0.1, "depth/error": 9.0, "cost/latency_ms": 0.0},
        "b": {"detection/mAP": 0.2, "depth/error": 8.0},
        "c": {"detection/mAP": float("nan")},
    }
    standing = standing_of([], OBJECTIVES, [], floors)
    assert dict(standing.floors) == {"detection/mAP": ("b", 0.2), "depth/error": ("b", 8.0)}
