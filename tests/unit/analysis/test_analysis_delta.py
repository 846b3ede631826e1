"""Delta-m: a published row, signs, and what is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.analysis.delta import MOST_POINTS, STEP, TaskMetrics, delta_m, unsteady

NYU = {
    "segmentation": TaskMetrics(metrics=("mIoU", "PAcc")),
    "depth": TaskMetrics(metrics=("AErr", "RErr"), smaller_is_better=frozenset({"AErr", "RErr"})),
    "normals": TaskMetrics(
        metrics=("mean", "median", "11.25", "22.5", "30"),
        smaller_is_better=frozenset({"mean", "median"}),
    ),
}
KEYS = [metric for task in NYU.values() for metric in task.metrics]


def row(*numbers):
    return dict(zip(KEYS, numbers, strict=True))


# Single-task values and equal weighting on NYUv2, SegNet + MTAN (Liu et al. 2023, arXiv
# 2306.03792, table 1), whose own delta-m is the per-metric one with the sign turned: 5.59.
SINGLE = row(38.30, 63.76, 0.6754, 0.2780, 25.01, 19.21, 30.14, 57.20, 69.15)
EQUAL = row(39.29, 65.33, 0.5493, 0.2263, 28.15, 23.96, 22.09, 47.50, 61.08)


def baselines(values):
    return {task: {m: values[m] for m in of.metrics} for task, of in NYU.items()}


def test_the_convention_changes_the_sign_of_a_published_row():
    found = delta_m(EQUAL, baselines(SINGLE), NYU)
    assert found is not None
    assert found.per_metric == pytest.approx(-5.59, abs=0.01)
    assert found.per_task == pytest.approx(0.88, abs=0.01)
    assert found.primary == pytest.approx(2.90, abs=0.01)
    assert found.left_out == ()
    assert set(found.as_values()) == {"delta_per_metric", "delta_per_task", "delta_primary"}


@given(st.lists(st.floats(0.01, 100), min_size=9, max_size=9), st.floats(0.5, 2))
def test_zero_against_oneself_and_positive_when_all_is_better(numbers, factor):
    single = row(*numbers)
    same = delta_m(single, baselines(single), NYU)
    assert same is not None
    assert list(same.as_values().values()) == pytest.approx([0, 0, 0], abs=1e-9)
    small = {m for task in NYU.values() for m in task.smaller_is_better}
    better = {m: v / (1 + factor) if m in small else v * (1 + factor) for m, v in single.items()}
    found = delta_m(better, baselines(single), NYU)
    assert found is not None
    assert all(value > 0 for value in found.as_values().values())


def test_a_secondary_metric_without_a_relative_change_is_named():
    single = baselines(SINGLE)
    single["segmentation"]["PAcc"] = 0.0
    found = delta_m(EQUAL, single, NYU)
    assert found is not None
    assert found.left_out == ("PAcc",)
    assert found.primary == pytest.approx(2.90, abs=0.01)


@pytest.mark.parametrize("spoil", ["no baseline", "no primary", "zero primary"])
def test_no_mean_over_fewer_tasks_under_the_same_name(spoil):
    single, values = baselines(SINGLE), dict(EQUAL)
    if spoil == "no baseline":
        del single["depth"]
    elif spoil == "no primary":
        del values["AErr"]
    else:
        single["depth"]["AErr"] = 0.0
    assert delta_m(values, single, NYU) is None


QUALITIES = {name: TaskMetrics(metrics=(name,)) for name in ("mAP", "mIoU", "IDF1")}
reached = st.fixed_dictionaries({name: st.floats(0.001, 1) for name in QUALITIES})


@given(alone=reached, ours=reached, metric=st.sampled_from(list(QUALITIES)))
def test_it_is_said_where_a_hundredth_of_a_metric_moves_delta_m_far(alone, ours, metric):
    rivals = {name: {name: value} for name, value in alone.items()}
    better = {**ours, metric: ours[metric] + STEP}
    before, after = (delta_m(values, rivals, QUALITIES) for values in (ours, better))
    assert before is not None
    assert after is not None
    moved, said = after.primary - before.primary, unsteady(rivals, QUALITIES)
    if metric in said:
        assert said[metric] == pytest.approx(moved)
        assert moved > MOST_POINTS
    else:
        assert moved <= MOST_POINTS * (1 + 1e-9)


def test_errors_in_units_of_their_own_are_not_judged_by_a_hundredth():
    rivals = baselines(row(*[0.001] * 9))
    assert list(unsteady(rivals, NYU)) == ["mIoU"]
