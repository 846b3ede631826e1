import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.controller.budget import is_spent, remaining_s, share_spent
from automtl.controller.constraints import excess, violations
from automtl.controller.stopping import NeverStop
from automtl.results import Decision, EpochReport, TrialRecord, TrialStatus
from automtl.space.parts import Budget, Constraint
from automtl.space.recipe import Recipe

S = TrialStatus


def trial(
    number: int, status: TrialStatus, origin: str = "sampler", epoch: int | None = None
) -> TrialRecord:
    reports = () if epoch is None else (EpochReport(attempt=1, epoch=epoch, values={}, time_s=0),)
    return TrialRecord(
        number=number,
        point={},
        config={"optimizer": {"epochs": 4}},
        config_digest="",
        origin=origin,
        status=status,
        reports=reports,
    )


HISTORY = (
    trial(0, S.COMPLETED, "default"),
    trial(1, S.COMPLETED, "baseline:detection"),
    trial(2, S.FAILED),
    trial(3, S.RUNNING, epoch=2),
    trial(4, S.QUEUED),
)


def test_every_proposed_trial_counts_but_the_baselines() -> None:
    assert not is_spent(Budget(trials=5), HISTORY, 1e9)
    assert is_spent(Budget(trials=4), HISTORY, 0)
    assert not is_spent(Budget(trials=4), HISTORY[1:], 0)


def test_minutes_end_a_search_too() -> None:
    both = Budget(trials=100, minutes=2)
    assert not is_spent(both, HISTORY, 119.9)
    assert is_spent(both, HISTORY, 120)
    assert is_spent(Budget(minutes=2), (), 120)


def test_the_share_counts_running_trials_by_their_epochs() -> None:
    assert share_spent(Budget(trials=5), HISTORY, 0) == pytest.approx(2.5 / 5)
    assert share_spent(Budget(trials=5, minutes=1), HISTORY, 54) == pytest.approx(0.9)
    assert remaining_s(Budget(trials=5), HISTORY, 100) == pytest.approx(100)
    assert remaining_s(Budget(trials=5), (), 100) is None


@given(
    st.lists(st.sampled_from(list(S)), max_size=8),
    st.integers(1, 6),
    st.floats(0, 1e4),
)
def test_a_share_is_a_share_and_full_once_all_ended(
    states: list[TrialStatus], trials: int, elapsed_s: float
) -> None:
    history = [trial(i, status) for i, status in enumerate(states)]
    budget = Budget(trials=trials)
    share = share_spent(budget, history, elapsed_s)
    assert 0 <= share <= 1
    if share == 1:
        assert is_spent(budget, history, elapsed_s)
    if all(status.is_final for status in states):
        assert (share == 1) == is_spent(budget, history, elapsed_s)


def recipe() -> Recipe:
    return Recipe.model_validate(
        {
            "name": "test",
            "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes"}]},
            "objectives": [{"metric": "detection/mAP", "goal": "maximize"}],
            "parameters": {},
            "constraints": [
                {"metric": "cost/latency_ms", "max": 20},
                {"metric": "detection/mAP", "min": 0.5, "max": 0.9},
            ],
            "budget": {"trials": 1},
        }
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"cost/latency_ms": 20.0, "detection/mAP": 0.5}, []),
        ({"cost/latency_ms": 21.0}, ["cost/latency_ms is 21, above its limit 20"]),
        ({"detection/mAP": 0.4}, ["detection/mAP is 0.4, below its limit 0.5"]),
        ({"detection/mAP": 0.95, "other": 1e9}, ["detection/mAP is 0.95, above its limit 0.9"]),
        ({"cost/latency_ms": math.nan}, ["cost/latency_ms is nan, above its limit 20"]),
    ],
)
def test_violations_name_metric_value_and_limit(
    values: dict[str, float], expected: list[str]
) -> None:
    assert violations(recipe(), values) == expected


limits = st.builds(
    lambda low, span: Constraint(metric="cost/latency_ms", min=low, max=low + span),
    st.floats(-10, 10),
    st.floats(0, 10),
)


@given(limits, st.floats(-30, 30))
def test_an_excess_is_positive_exactly_outside(limit: Constraint, value: float) -> None:
    assert limit.min is not None
    assert limit.max is not None
    assert (excess(limit, value) > 0) == (not limit.min <= value <= limit.max)


def test_the_default_rule_stops_nothing() -> None:
    assert NeverStop().decide(HISTORY, 3) is Decision.CONTINUE
