"""Lessons: which trials take part, and what the levels of sharing are."""

import numpy as np
import pytest

from automtl.config import (
    AlternatingSchedule,
    BackboneConfig,
    SharingConfig,
    TrialConfig,
    UPGradWeighting,
)
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl.study.lessons import lessons_of, sharing_level

OBJECTIVES = (Objective(metric="q", goal="maximize"),)


def trial(number, config, q, **changes):
    plain = {
        "number": number,
        "point": {},
        "config": config.to_plain() if isinstance(config, TrialConfig) else config,
        "config_digest": "",
        "status": TrialStatus.COMPLETED,
        "values": {"q": q},
    }
    return TrialRecord.model_validate(plain | changes)


def configs():
    for splits in ((0, 0), (99, 99)):
        for schedule in ({}, {"schedule": AlternatingSchedule()}):
            yield TrialConfig(sharing=SharingConfig(split_after=splits), **schedule)


@pytest.mark.parametrize(
    ("backbone", "splits", "level"),
    [
        ("tiny", (0, 0), "nothing"),
        ("tiny", (1, 2), "less than half"),
        ("tiny", (2, 2), "half or more"),
        ("tiny", (4, 4), "everything"),
        ("tiny", (99, 5), "everything"),
        ("resnet18", (4, 4), "half or more"),
        ("resnet18", (0, 99), "half or more"),
    ],
)
def test_levels_of_sharing(backbone, splits, level):
    config = TrialConfig(
        backbone=BackboneConfig(name=backbone), sharing=SharingConfig(split_after=splits)
    )
    assert sharing_level(config) == level


def test_one_task_shares_nothing():
    alone = SharingConfig(order=("detection",), split_after=())
    assert sharing_level(TrialConfig(sharing=alone)) == "nothing"


def test_a_planted_effect_of_sharing_is_the_only_clear_one():
    rng = np.random.default_rng(0)
    history = [
        trial(4 * i + j, config, 0.1 * (j >= 2) + rng.normal(0, 0.02))
        for i in range(6)
        for j, config in enumerate(configs())
    ]
    found = {effect.choice: effect for effect in lessons_of(history, OBJECTIVES).effects}
    assert set(found) == {"sharing", "schedule", "sharing x schedule"}
    assert found["sharing"].is_clear
    assert [level.value for level in found["sharing"].levels] == ["everything", "nothing"]
    assert not found["schedule"].is_clear


def test_baselines_failures_and_free_configurations_take_no_part():
    history = [
        trial(i, TrialConfig(weighting=UPGradWeighting()) if i % 2 else TrialConfig(), float(i))
        for i in range(8)
    ]
    seen = lessons_of(history, OBJECTIVES)
    assert [effect.choice for effect in seen.effects] == ["weighting"]
    assert seen.too_few == ("sharing", "schedule")
    others = [
        trial(8, TrialConfig(), 99.0, origin="baseline:detection"),
        trial(9, TrialConfig(), 99.0, status="failed"),
        trial(10, {"anything": 1}, 99.0),
        trial(11, TrialConfig(), 99.0, values={}),
    ]
    found = lessons_of([*history, *others], OBJECTIVES)
    assert (found.effects, found.too_few) == (seen.effects, seen.too_few)


def test_no_lesson_from_few_trials():
    for history in ([], [trial(0, TrialConfig(), 1.0)]):
        found = lessons_of(history, OBJECTIVES)
        assert found.effects == ()
        assert found.too_few == ("sharing", "weighting", "schedule")


def own(number, point, q, **changes):
    return trial(number, dict(point), q, point=point, **changes)


def planted(n=36):
    """``lr`` decides, ``size`` does not, ``momentum`` exists where ``kind`` is sgd."""
    rng = np.random.default_rng(1)
    history = []
    for number in range(n):
        kind = "sgd" if number % 2 else "adam"
        point = {"lr": float(rng.uniform(0, 1)), "size": int(rng.integers(1, 9)), "kind": kind}
        if kind == "sgd":
            point["momentum"] = float(rng.uniform(0, 1))
        history.append(own(number, point, point["lr"] + rng.normal(0, 0.1)))
    return history


def test_any_parameter_of_own_code_is_measured():
    found = lessons_of(planted(), OBJECTIVES)
    by_name = {effect.choice: effect for effect in found.effects}
    assert list(by_name) == ["lr", "size", "kind", "momentum"]
    assert [name for name, effect in by_name.items() if effect.is_clear] == ["lr"]
    best, *_, worst = by_name["lr"].levels
    assert best.low > worst.high
    assert best.mean > 0.6
    assert worst.mean < 0.4
    # A parameter is compared among the trials that have it.
    assert sum(level.n for level in by_name["momentum"].levels) == 18
    assert (found.n_trials, found.too_few, found.constant) == (36, (), ())


def test_parameters_beside_the_three_choices_are_measured_too():
    rng = np.random.default_rng(2)
    history = [
        trial(4 * i + j, config, 0.5 + rng.normal(0, 0.02), point={"optimizer.lr": lr})
        for i in range(6)
        for j, config in enumerate(configs())
        for lr in [float(rng.uniform(1e-4, 1e-2))]
    ]
    found = lessons_of(history, OBJECTIVES)
    assert {effect.choice for effect in found.effects} == {
        "sharing",
        "schedule",
        "sharing x schedule",
        "optimizer.lr",
    }
    writes = {"sharing.split_after.0": 1, "weighting.kind": "fixed", "schedule.kind": "joint"}
    same = [record.model_copy(update={"point": writes}) for record in history]
    assert not {effect.choice for effect in lessons_of(same, OBJECTIVES).effects} & set(writes)


def test_what_never_varies_is_said_and_is_no_lack_of_trials():
    history = [
        record.model_copy(update={"values": {"q": 0.5, "r": float(record.number)}})
        for record in planted()
    ]
    both = (*OBJECTIVES, Objective(metric="r", goal="minimize"))
    found = lessons_of(history, both)
    assert (found.constant, found.too_few) == (("q",), ())
    assert {effect.objective for effect in found.effects} == {"r"}
    assert lessons_of(history, OBJECTIVES).too_few == ()
    assert lessons_of(planted(3), OBJECTIVES).too_few == ("lr", "size", "kind", "momentum")
