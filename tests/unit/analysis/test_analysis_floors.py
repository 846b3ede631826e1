"""Objectives in which a search has not beaten what needs no training."""

import math

import pytest

from automtl.analysis.floors import best_floors, unbeaten
from automtl.results import Objective, TrialRecord, TrialStatus

OBJECTIVES = (
    Objective(metric="detection/mAP", goal="maximize"),
    Objective(metric="depth/abs_rel", goal="minimize"),
)
FLOORS = {
    "mean boxes": {"detection/mAP": 0.02},
    "untrained network": {"detection/mAP": 0.0, "depth/abs_rel": 0.8},
}


def trial(number: int, precision: float, error: float) -> TrialRecord:
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest="",
        status=TrialStatus.COMPLETED,
        values={"detection/mAP": precision, "depth/abs_rel": error},
    )


@pytest.mark.parametrize(
    ("precision", "error", "names"),
    [
        (0.5, 0.3, []),
        (0.02, 0.3, ["mean boxes"]),
        (0.5, 0.8, ["untrained network"]),
        (0.0, 0.9, ["mean boxes", "untrained network"]),
    ],
)
def test_a_predictor_that_is_not_beaten_is_named_with_its_metric_and_value(
    precision: float, error: float, names: list[str]
) -> None:
    found = unbeaten([trial(0, precision, error)], OBJECTIVES, FLOORS)
    assert [floor.name for floor in found] == names
    for floor in found:
        assert FLOORS[floor.name][floor.metric] == floor.value
        assert f"beats {floor.name} in {floor.metric} (x)" in floor.sentence("x")


def test_the_best_of_each_objective_counts_and_not_each_member() -> None:
    history = [trial(0, 0.5, 0.9), trial(1, 0.0, 0.1)]
    assert unbeaten(history, OBJECTIVES, FLOORS) == ()


def test_nothing_is_said_without_floors_or_without_a_front() -> None:
    assert unbeaten([trial(0, 0.0, 1.0)], OBJECTIVES, {}) == ()
    assert unbeaten([], OBJECTIVES, FLOORS) == ()


def test_a_cost_has_no_floor_and_a_nan_is_none() -> None:
    cost = Objective(metric="cost/latency_ms", goal="minimize")
    nothing = {"none": {"cost/latency_ms": 0.0, "detection/mAP": math.nan}}
    assert best_floors([*OBJECTIVES, cost], nothing) == {}
