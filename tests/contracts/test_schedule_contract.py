"""Every built-in schedule satisfies the shipped contract."""

from typing import get_args

import pytest

from automtl.config import (
    AlternatingSchedule,
    JointSchedule,
    ProportionalSchedule,
    ScheduleConfig,
    StagedSchedule,
    UntilPlateauSchedule,
)
from automtl.testing.schedule_contract import ScheduleContract

SCHEDULES: dict[str, ScheduleConfig] = {
    "joint": JointSchedule(),
    "steps": AlternatingSchedule(block=2),
    "epochs": AlternatingSchedule(unit="epochs", optimizer_state="per_task"),
    "rates": ProportionalSchedule(rates={"a": 5.0, "c": 0.5}, optimizer_state="per_task"),
    "temperature": ProportionalSchedule(temperature=2.0),
    "plateau": UntilPlateauSchedule(patience=1),
    "rounds": UntilPlateauSchedule(
        patience=2, order=("c", "a", "b"), rounds=1, optimizer_state="per_task"
    ),
    "staged": StagedSchedule.model_validate(
        {
            "stages": [
                {"tasks": ["a"], "epochs": 2},
                {"tasks": ["b"], "epochs": 1, "frozen": ["trunk"]},
                {},
            ]
        }
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
class TestSchedules(ScheduleContract):
    @pytest.fixture
    def schedule(self, name: str) -> ScheduleConfig:
        return SCHEDULES[name]


def test_every_kind_is_here() -> None:
    kinds = get_args(get_args(ScheduleConfig)[0])
    assert {type(one) for one in SCHEDULES.values()} == set(kinds)
