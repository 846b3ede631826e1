"""Goals and references of built-in metrics: what nobody can mean is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automtl.config.metrics import TASK_METRICS, goal_of, reported_metrics
from automtl.space.recipe import Recipe

METRICS = reported_metrics(["detection", "segmentation", "tracking"])


def recipe(**objective: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "test",
            "data": {"train": [{"kind": "shapes"}], "validation": [{"kind": "shapes", "seed": 1}]},
            "objectives": [objective],
            "parameters": {"optimizer.lr": {"type": "float", "min": 1e-3, "max": 1e-2}},
            "budget": {"trials": 5},
        }
    )


def test_every_reported_metric_has_a_goal() -> None:
    assert {goal_of(metric) for metric in reported_metrics(TASK_METRICS)} == {
        "maximize",
        "minimize",
    }
    assert all(goal_of(metrics[0]) == "maximize" for metrics in TASK_METRICS.values())
    errors = ("depth/rmse", "depth/abs_rel", "tracking/id_switches", "loss/detection")
    assert {goal_of(metric) for metric in errors} == {"minimize"}
    assert goal_of("mine/quality") is None


@given(metric=st.sampled_from(METRICS), goal=st.sampled_from(["maximize", "minimize"]))
def test_one_goal_is_right(metric: str, goal: str) -> None:
    if goal == goal_of(metric):
        assert recipe(metric=metric, goal=goal).objectives[0].goal == goal
        return
    with pytest.raises(ValidationError, match=f"`{metric}` is better where it is"):
        recipe(metric=metric, goal=goal)


@given(metric=st.sampled_from(METRICS), reference=st.floats(-10, 10))
def test_a_reference_leaves_room_for_something_better(metric: str, reference: float) -> None:
    goal = goal_of(metric)
    best = 1.0 if goal == "maximize" else 0.0
    has_room = reference < best if goal == "maximize" else reference > best
    if has_room:
        found = recipe(metric=metric, goal=goal, reference=reference)
        assert found.objectives[0].reference == reference
        return
    with pytest.raises(ValidationError, match="is better than the `reference`"):
        recipe(metric=metric, goal=goal, reference=reference)


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_weights_have_no_better_side(goal: str) -> None:
    assert recipe(metric="weight/detection", goal=goal).objectives[0].goal == goal
