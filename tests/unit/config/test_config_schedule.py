"""Schedules as configuration: what is refused, the text of a stage, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automtl.config import (
    AlternatingSchedule,
    AlternatingSteps,
    JointSchedule,
    ProportionalSchedule,
    Stage,
    StagedSchedule,
    TrialConfig,
    UntilPlateauSchedule,
    narrowed,
)

TASKS = ("detection", "tracking", "segmentation")


def trial(**schedule) -> TrialConfig:
    return TrialConfig.from_plain({"schedule": schedule, "optimizer": {"epochs": 10}})


def staged(stages, **more) -> TrialConfig:
    return trial(kind="staged", stages=stages, **more)


def test_a_line_of_text_is_the_stages_it_says():
    text = "detection for 2;segmentation+tracking freeze trunk+head:detection lr 0.1 for 3 ; all"
    expected = (
        Stage(tasks=("detection",), epochs=2),
        Stage(
            tasks=("segmentation", "tracking"),
            frozen=("trunk", "head:detection"),
            lr_factor=0.1,
            epochs=3,
        ),
        Stage(),
    )
    assert StagedSchedule(stages=text).stages == expected
    assert StagedSchedule(stages=text.split(";")).stages == expected
    assert StagedSchedule(stages=[text]).stages == expected


def test_a_stage_may_alternate():
    (stage,) = StagedSchedule(stages="all alternating 3").stages
    assert stage.schedule == AlternatingSteps(block=3)


@pytest.mark.parametrize("stages", ["detection for 4; segmentation freeze trunk for 4; all"])
def test_yolops_steps_come_back_from_plain(stages):
    config = staged(stages)
    again = TrialConfig.from_plain(config.to_plain())
    assert (again, again.digest) == (config, config.digest)


@given(
    st.sampled_from(
        [
            JointSchedule(),
            AlternatingSchedule(block=3, unit="epochs"),
            ProportionalSchedule(rates={"detection": 2.0}),
            ProportionalSchedule(temperature=3.0, optimizer_state="per_task"),
            UntilPlateauSchedule(patience=3, order=("tracking", "detection"), rounds=2),
            StagedSchedule(stages="all alternating 2 for 1; all"),
        ]
    )
)
def test_every_kind_comes_back_from_plain(schedule):
    config = TrialConfig(schedule=schedule)
    assert TrialConfig.from_plain(config.to_plain()) == config


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"kind": "proportional", "rates": {"a": 1}, "temperature": 2}, "not both"),
        (
            {"kind": "proportional", "rates": {"detektion": 1}},
            "rates` names .'detektion'",
        ),
        ({"kind": "proportional", "rates": {"detection": 0}}, "greater than 0"),
        ({"kind": "until_plateau", "order": ["spam"]}, "schedule.order` names .'spam'"),
        ({"kind": "until_plateau", "order": ["tracking"] * 2}, "each task once"),
        ({"kind": "staged"}, "required"),
        ({"kind": "staged", "stages": []}, "at least 1"),
        ({"kind": "staged", "stages": "all; all"}, "stage 1 needs `epochs`"),
        ({"kind": "staged", "stages": "spam for 1; all"}, "stages.0.tasks` names .'spam'"),
        ({"kind": "staged", "stages": "all freeze head:spam"}, "stages.0.frozen` names .'spam'"),
        ({"kind": "staged", "stages": "all freeze body"}, "'body' is no part of a network"),
        ({"kind": "staged", "stages": "all freeze"}, "is no stage"),
        ({"kind": "staged", "stages": "all; "}, "is no stage"),
        ({"kind": "staged", "stages": "all during 3"}, "'during' means nothing.*for, freeze"),
        ({"kind": "staged", "stages": "all for soon"}, "valid integer"),
        ({"kind": "staged", "stages": "all for 8; all for 3"}, "take 11 epochs.*is 10"),
        ({"kind": "staged", "stages": "all for 10; all"}, "take 11 epochs.*is 10"),
        (
            {"kind": "staged", "stages": "tracking freeze trunk+head:tracking"},
            "trains tracking and freezes all of it",
        ),
        ({"kind": "staged", "stages": "tracking freeze branch:tracking"}, "freezes all of it"),
        (
            {"kind": "staged", "stages": "all", "optimizer_state": "per_task"},
            "trains 3 tasks in one step",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(schedule, words):
    with pytest.raises(ValidationError, match=words):
        trial(**schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "until_plateau", "order": ["tracking"]},
        {"kind": "staged", "stages": "tracking for 1; all"},
    ],
    ids=lambda schedule: schedule["kind"],
)
def test_a_time_in_which_nothing_learns_is_refused(schedule):
    plain = {"schedule": schedule, "weighting": {"kind": "fixed", "weights": {"tracking": 0}}}
    with pytest.raises(ValidationError, match=r"only tasks whose weight .* is 0"):
        TrialConfig.from_plain(plain)
    del plain["weighting"]
    TrialConfig.from_plain(plain)


def test_stages_of_one_task_or_in_turns_may_keep_moments_apart():
    stages = "detection for 1; all alternating 1"
    assert staged(stages, optimizer_state="per_task").schedule.optimizer_state == "per_task"


def test_fewer_tasks_leave_a_schedule_of_those():
    rates = ProportionalSchedule(rates={"detection": 2.0, "tracking": 3.0})
    order = UntilPlateauSchedule(order=TASKS)
    stages = StagedSchedule(stages="detection for 1; all")
    assert narrowed(rates, ("tracking",)).rates == {"tracking": 3.0}
    assert narrowed(order, ("segmentation", "detection")).order == ("detection", "segmentation")
    assert narrowed(stages, ("tracking",)) == JointSchedule()
    for schedule in (JointSchedule(), AlternatingSchedule(block=2)):
        assert narrowed(schedule, ("tracking",)) == schedule
