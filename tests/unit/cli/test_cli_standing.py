"""What is said beneath the front of a search."""

import pytest

from automtl.cli.standing import floor_lines
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
    ("precision", "error", "beaten"),
    [
        (0.5, 0.3, []),
        (0.02, 0.3, ["mean boxes in detection/mAP (0.020)"]),
        (0.5, 0.8, ["untrained network in depth/abs_rel (0.800)"]),
        (0.0, 0.9, ["mean boxes in detection/mAP", "untrained network in depth/abs_rel"]),
    ],
)
def test_an_objective_in_which_nothing_was_learned_is_named_with_its_floor(
    precision: float, error: float, beaten: list[str]
) -> None:
    lines = floor_lines(FLOORS, [trial(0, precision, error)], OBJECTIVES)
    assert len(lines) == len(beaten)
    for line, part in zip(lines, beaten, strict=True):
        assert part in line


def test_the_best_of_each_objective_counts_and_not_each_member() -> None:
    history = [trial(0, 0.5, 0.9), trial(1, 0.0, 0.1)]
    assert floor_lines(FLOORS, history, OBJECTIVES) == []


def test_nothing_is_said_without_floors_or_without_a_front() -> None:
    assert floor_lines({}, [trial(0, 0.0, 1.0)], OBJECTIVES) == []
    assert floor_lines(FLOORS, [], OBJECTIVES) == []
