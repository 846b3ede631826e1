import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.results import Objective, TrialRecord, TrialStatus
from automtl_dashboards.figures.parallel import UNUSED, draw_parallel, fill_parallel
from automtl_dashboards.standing import Role, standing_of

OBJECTIVES = (
    Objective(metric="q", goal="maximize"),
    Objective(metric="c", goal="minimize"),
)


def trial(number: int, point: dict[str, object], q: float, c: float) -> TrialRecord:
    return TrialRecord.model_validate(
        {
            "number": number,
            "point": point,
            "config": {},
            "config_digest": "",
            "status": TrialStatus.COMPLETED,
            "values": {"q": q, "c": c},
        }
    )


HISTORY = [
    trial(0, {"lr": 0.001, "kind": "fixed", "w": 2, "same": 1}, 1.0, 4.0),
    trial(1, {"lr": 0.01, "kind": "upgrad", "same": 1}, 2.0, 2.0),
    trial(2, {"lr": 0.1, "kind": "pcgrad", "same": 1}, 1.5, 3.0),
]


def test_axes_and_heights() -> None:
    figure = fill_parallel(
        HISTORY, standing_of(HISTORY, OBJECTIVES, [], None), log=frozenset({"lr"})
    )
    assert figure is not None
    assert [axis.title for axis in figure.axes] == ["lr", "kind", "w", "<b>q</b>", "<b>c</b>"]
    assert [line.heights for line in figure.lines] == [
        pytest.approx((0.0, 0.0, 0.5, 0.0, 0.0)),
        pytest.approx((0.5, 1.0, UNUSED, 1.0, 1.0)),
        pytest.approx((1.0, 0.5, UNUSED, 0.5, 0.5)),
    ]
    assert [line.role for line in figure.lines] == [Role.DOMINATED, Role.FRONT, Role.DOMINATED]
    assert [label for _, label in figure.axes[1].ticks] == ["fixed", "pcgrad", "upgrad"]


VALUES = st.one_of(
    st.floats(-1e300, 1e300), st.integers(-5, 5), st.booleans(), st.sampled_from("abc")
)


@given(
    rows=st.lists(
        st.tuples(st.one_of(st.none(), VALUES), st.floats(-1e6, 1e6)), min_size=2, max_size=8
    ),
    is_log=st.booleans(),
)
def test_heights_stay_on_their_axis(rows: list[tuple[object, float]], is_log: bool) -> None:
    history = [
        trial(i, {} if value is None else {"p": value}, q, -q) for i, (value, q) in enumerate(rows)
    ]
    log = frozenset({"p"}) if is_log else frozenset[str]()
    figure = fill_parallel(history, standing_of(history, OBJECTIVES, [], None), log=log)
    assert figure is not None
    for line in figure.lines:
        assert all(h == UNUSED or 0 <= h <= 1 for h in line.heights)
    # Both objectives tell the same story here, so up must be the same for both.
    for line in figure.lines:
        assert line.heights[-1] == pytest.approx(line.heights[-2])


def test_one_trace_for_each_role_with_gaps_between_trials() -> None:
    figure = fill_parallel(HISTORY, standing_of(HISTORY, OBJECTIVES, [], None))
    assert figure is not None
    others = next(t for t in draw_parallel(figure).data if t.name == "other trials")
    assert list(others.x) == [0, 1, 2, 3, 4, None, 0, 1, 2, 3, 4, None]


def test_one_trial_is_nothing_to_compare() -> None:
    assert fill_parallel(HISTORY[:1], standing_of(HISTORY, OBJECTIVES, [], None)) is None
