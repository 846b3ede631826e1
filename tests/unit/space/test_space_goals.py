"""Goals and references of built-in metrics: what nobody can mean is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automtl.config.metrics import TASK_METRICS, goal_of, reported_metrics
from automtl.space.generalcheck import Parts
from automtl.space.metric_mistakes import metric_mistakes
from automtl.space.recipe import Recipe

TASKS = ("detection", "segmentation", "tracking")
METRICS = reported_metrics(TASKS)


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


def mistakes(**objective: Any) -> list[str]:
    parts = Parts.of({"objectives": [objective]})
    return [mistake.what for mistake in metric_mistakes(parts, TASKS, own=("mine",))]


@given(metric=st.sampled_from(METRICS), goal=st.sampled_from(["maximize", "minimize"]))
def test_one_goal_is_right(metric: str, goal: str) -> None:
    side = "larger" if goal == "minimize" else "smaller"
    wanted = [] if goal == goal_of(metric) else [f"`{metric}` is better where it is {side}"]
    assert mistakes(metric=metric, goal=goal) == wanted


@given(metric=st.sampled_from(METRICS), reference=st.floats(-10, 10))
def test_a_reference_leaves_room_for_something_better(metric: str, reference: float) -> None:
    goal = goal_of(metric)
    has_room = reference < 1 if goal == "maximize" else reference > 0
    found = mistakes(metric=metric, goal=goal, reference=reference)
    assert [f"no `{metric}` is better than" in what for what in found] == [True] * (not has_room)


def test_the_whole_recipe_is_refused() -> None:
    assert recipe(metric="detection/mAP", goal="maximize", reference=0.2).objectives
    with pytest.raises(ValidationError, match="`detection/mAP` is better where it is larger"):
        recipe(metric="detection/mAP", goal="minimize")


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_tasks_of_ones_own_and_weights_have_any_goal(goal: str) -> None:
    assert mistakes(metric="mine/quality", goal=goal, reference=3.0) == []
    assert mistakes(metric="weight/detection", goal=goal, reference=3.0) == []
