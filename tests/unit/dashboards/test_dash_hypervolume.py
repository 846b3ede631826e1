import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from automtl.pareto import hypervolume
from automtl.results import Objective, TrialRecord, TrialStatus
from automtl_dashboards.figures.hypervolume import (
    draw_hypervolume,
    fill_hypervolume,
    running_hypervolume,
)

LOSSES = arrays(np.float64, st.tuples(st.integers(1, 10), st.just(3)), elements=st.floats(0, 1.2))
REFERENCE = np.ones(3)


@given(losses=LOSSES)
def test_each_value_is_the_hypervolume_of_all_rows_so_far(losses: np.ndarray) -> None:
    values = running_hypervolume(losses, REFERENCE)
    expected = [hypervolume(losses[: i + 1], REFERENCE) for i in range(len(losses))]
    assert values == pytest.approx(expected, abs=1e-12)


@given(losses=LOSSES)
def test_it_never_falls(losses: np.ndarray) -> None:
    values = running_hypervolume(losses, REFERENCE)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(values))


def ended(number: int, end_s: float, q: float, c: float, **changes: object) -> TrialRecord:
    plain = {
        "number": number,
        "point": {},
        "config": {},
        "config_digest": "",
        "status": TrialStatus.COMPLETED,
        "values": {"q": q, "c": c},
        "started_s": 100.0,
        "ended_s": end_s,
    }
    return TrialRecord.model_validate({**plain, **changes})


def test_golden_values_in_the_order_of_ending() -> None:
    objectives = (
        Objective(metric="q", goal="maximize", reference=0.0),
        Objective(metric="c", goal="minimize", reference=10.0),
    )
    history = [
        ended(0, 280.0, 3.0, 8.0, origin="default"),
        ended(1, 160.0, 2.0, 5.0),
        ended(2, 190.0, 9.0, 1.0, status="stopped"),
        ended(3, 220.0, 9.0, 1.0, origin="baseline:q"),
        ended(4, 340.0, 1.0, 9.0),
    ]
    figure = fill_hypervolume(history, objectives)
    assert figure is not None
    assert figure.numbers == (1, 0, 4)
    assert figure.minutes == (1.0, 3.0, 4.0)
    assert figure.values == (10.0, 12.0, 12.0)
    assert figure.start == 6.0
    assert figure.reference == (0.0, 10.0)
    assert figure.is_stated == (True, True)
    drawn = draw_hypervolume(figure)
    assert {tuple(trace.y) for trace in drawn.data} == {(10.0, 12.0, 12.0), (6.0, 6.0)}
    assert (drawn.layout.xaxis.dtick, drawn.layout.xaxis2.dtick) == (1, None)


def test_without_a_stated_reference_the_worst_seen_counts() -> None:
    objectives = (
        Objective(metric="q", goal="maximize"),
        Objective(metric="c", goal="minimize", reference=10.0),
    )
    history = [ended(0, 160.0, 3.0, 8.0), ended(1, 170.0, 1.0, 2.0)]
    figure = fill_hypervolume(history, objectives)
    assert figure is not None
    assert figure.reference == (1.0, 10.0)
    assert figure.is_stated == (False, True)
    assert figure.values == (4.0, 4.0)


def test_nothing_ended_is_no_figure() -> None:
    assert fill_hypervolume([], (Objective(metric="q", goal="maximize"),)) is None
