import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.analysis.replicates import replication_of
from automtl.pareto import front, non_dominated
from automtl.results import Objective, Pick, TrialRecord, TrialStatus
from automtl_dashboards.figures.front import fill_front
from automtl_dashboards.figures.front_drawing import draw_front
from automtl_dashboards.standing import Role, standing_of

TWO = (
    Objective(metric="q", goal="maximize"),
    Objective(metric="c", goal="minimize"),
)


def trial(number: int, values: dict[str, float], **changes: object) -> TrialRecord:
    plain = {
        "number": number,
        "point": {},
        "config": {},
        "config_digest": "",
        "status": TrialStatus.COMPLETED,
        "values": values,
    }
    return TrialRecord.model_validate({**plain, **changes})


ROWS = st.lists(
    st.tuples(
        st.one_of(st.integers(-3, 3).map(float), st.just(math.nan)), st.integers(-3, 3).map(float)
    ),
    min_size=1,
    max_size=12,
)


@given(rows=ROWS)
def test_drawn_are_the_finite_ones_and_the_front_is_the_non_dominated(
    rows: list[tuple[float, float]],
) -> None:
    # `TrialRecord` holds finite values only: a NaN stands for a metric that is missing.
    history = [
        trial(i, {k: v for k, v in zip("qc", row, strict=True) if math.isfinite(v)})
        for i, row in enumerate(rows)
    ]
    finite = [row for row in rows if all(map(math.isfinite, row))]
    figure = fill_front(history, standing_of(history, TWO, [], None))
    if not finite:
        assert figure is None
        return
    assert figure is not None
    assert [point.values for point in figure.points] == finite
    kept = non_dominated(np.array([(-q, c) for q, c in finite]))
    assert [point.is_front for point in figure.points] == kept.tolist()
    for column, (low, high) in enumerate(figure.ranges):
        assert all(low < point.values[column] < high for point in figure.points)


def test_roles() -> None:
    history = [
        trial(0, {"q": 1.0, "c": 1.0}),
        trial(1, {"q": 2.0, "c": 2.0}),
        trial(2, {"q": 0.5, "c": 2.0}),
        trial(3, {"q": 9.0, "c": 0.0}, status="stopped"),
        trial(4, {"q": 9.0, "c": 0.0}, status="infeasible"),
        trial(5, {"q": 9.0, "c": 0.0}, origin="baseline:q"),
        trial(6, {"q": 9.0, "c": 0.0}, origin="baseline:staged"),
    ]
    pick = Pick(number=1, rule="knee", reason="because")
    figure = fill_front(history, standing_of(history, TWO, [pick], None))
    assert figure is not None
    assert {point.number: point.role for point in figure.points} == {
        0: Role.FRONT,
        1: Role.PICK,
        2: Role.DOMINATED,
        3: Role.UNFINISHED,
        4: Role.INFEASIBLE,
        6: Role.BASELINE,
    }
    assert "staged" in next(point.text for point in figure.points if point.number == 6)
    assert "diamond" in str(draw_front(figure))


def test_the_newest_pick_counts_and_may_have_been_overtaken() -> None:
    history = [trial(0, {"q": 1.0, "c": 1.0}), trial(1, {"q": 2.0, "c": 0.5})]
    old = Pick(number=1, rule="knee", reason="", created_s=1.0)
    new = Pick(number=0, rule="knee", reason="", created_s=2.0)
    figure = fill_front(history, standing_of(history, TWO, [new, old], None))
    assert figure is not None
    assert [(p.role, p.is_front) for p in figure.points] == [
        (Role.PICK, False),
        (Role.FRONT, True),
    ]


def test_the_staircase_is_what_the_front_attains() -> None:
    history = [
        trial(0, {"q": 1.0, "c": 1.0}),
        trial(1, {"q": 2.0, "c": 2.0}),
        trial(2, {"q": 0.0, "c": 3.0}),
    ]
    figure = fill_front(history, standing_of(history, TWO, [], None))
    assert figure is not None
    line = draw_front(figure).data[0]
    assert list(line.x) == [1.0, 2.0]
    assert list(line.y) == [1.0, 2.0]
    # More `q` costs `c` at once: the corner (1, 2) is attained by trial 1, (2, 1) by nobody.
    assert line.line.shape == "vh"


def test_one_panel_for_each_pair_and_one_legend_entry_for_each_role(synthetic, floors) -> None:
    objectives = synthetic.study.objectives
    standing = standing_of(synthetic.history, objectives, synthetic.picks, floors)
    figure = fill_front(synthetic.history, standing)
    assert figure is not None
    drawn = draw_front(figure)
    stars = [trace for trace in drawn.data if trace.name == Role.PICK.value]
    assert len(stars) == 6  # pairs of four objectives
    shown = [trace.name for trace in drawn.data if trace.showlegend is not False]
    assert len(shown) == len(set(shown))
    members = {
        n for trace in drawn.data for n in (trace.customdata or ()) if "front" in trace.name
    }
    expected = {record.number for record in front(synthetic.history, objectives)}
    assert members == expected - {standing.pick}


def test_single_task_lines_are_in_the_picture_and_far_floors_are_not(synthetic, floors) -> None:
    standing = standing_of(synthetic.history, synthetic.study.objectives, synthetic.picks, floors)
    figure = fill_front(synthetic.history, standing)
    assert figure is not None
    assert figure.single_task == (0.49, 0.63, 0.86, 31.5)
    assert all(
        low < value < high
        for value, (low, high) in zip(figure.single_task, figure.ranges, strict=True)
        if value is not None
    )
    assert figure.floors == (0.018, 0.19, 0.58, None)
    names = {trace.name for trace in draw_front(figure).data}
    assert "single-task networks" in names
    assert "best trivial predictor" not in names


def test_one_objective_is_drawn_over_trials() -> None:
    history = [trial(3, {"q": 1.0}), trial(7, {"q": 2.0})]
    figure = fill_front(history, standing_of(history, TWO[:1], [], None))
    assert figure is not None
    drawn = draw_front(figure)
    assert sorted(x for trace in drawn.data for x in trace.x) == [3, 7]


def test_equal_weights_are_lines_and_new_seeds_are_intervals() -> None:
    history = [
        trial(0, {"q": 0.5, "c": 10.0}),
        trial(1, {"q": 0.4, "c": 5.0}),
        trial(2, {"q": 0.45, "c": 8.0}, origin="baseline:equal_weights"),
        trial(3, {"q": 0.40, "c": 11.0}, origin="replicate:0"),
        trial(4, {"q": 0.44, "c": 11.0}, origin="replicate:0"),
        trial(5, {"q": 0.30, "c": 5.0}, origin="replicate:1"),
    ]
    again = replication_of(history, TWO)
    figure = fill_front(history, standing_of(history, TWO, [], None), again=again)
    assert figure is not None
    assert figure.equal_weights == (0.45, 8.0)
    assert [(mean.number, mean.values[0]) for mean in figure.means] == [
        (0, pytest.approx(0.42)),
        (1, 0.3),
    ]
    assert math.isnan(figure.means[1].half[0])
    low, high = figure.ranges[0]
    # The interval of two seeds is wider than all trials together: the picture is theirs.
    assert 0.2 < low < 0.3
    assert 0.5 < high < 0.6
    assert figure.means[0].half[0] > high - low
    drawn = draw_front(figure)
    seeds = next(trace for trace in drawn.data if trace.legendgroup == "means")
    assert list(seeds.x) == [mean.values[0] for mean in figure.means]
    assert seeds.error_x.array[0] == figure.means[0].half[0]
    at = {(shape.x0, shape.line.dash) for shape in drawn.layout.shapes}
    assert (0.45, "dashdot") in at


def test_without_new_seeds_or_baselines_there_are_none() -> None:
    history = [trial(0, {"q": 0.5, "c": 10.0}), trial(1, {"q": 0.4, "c": 5.0})]
    figure = fill_front(history, standing_of(history, TWO, [], None))
    assert figure is not None
    assert figure.means == ()
    assert figure.equal_weights == (None, None)
    assert not draw_front(figure).layout.shapes
