import itertools

from hypothesis import given
from hypothesis import strategies as st

from automtl.results import EpochReport, TrialRecord, TrialStatus
from automtl_dashboards.figures.timeline import draw_timeline, fill_timeline


def ran(
    number: int, start_s: float, end_s: float | None, worker: str = "w", **changes: object
) -> TrialRecord:
    plain = {
        "number": number,
        "point": {},
        "config": {},
        "config_digest": "",
        "status": TrialStatus.RUNNING if end_s is None else TrialStatus.COMPLETED,
        "started_s": start_s,
        "ended_s": end_s,
        "worker": worker,
    }
    return TrialRecord.model_validate({**plain, **changes})


SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 20), st.sampled_from("ab")), min_size=1
)


@given(spans=SPANS)
def test_every_trial_has_one_bar_and_bars_of_a_lane_do_not_overlap(
    spans: list[tuple[int, int, str]],
) -> None:
    history = [
        ran(i, 60.0 * start, 60.0 * (start + length), worker)
        for i, (start, length, worker) in enumerate(spans)
    ]
    figure = fill_timeline(history, [])
    assert figure is not None
    assert sorted(bar.number for bar in figure.bars) == list(range(len(spans)))
    for lane in range(len(figure.lanes)):
        bars = [bar for bar in figure.bars if bar.lane == lane]
        assert bars
        for before, after in itertools.pairwise(bars):
            assert before.start_min + before.length_min <= after.start_min + 1e-9
    assert 0 <= figure.busy_share <= 1


def test_golden_share_and_lanes() -> None:
    history = [ran(0, 0.0, 60.0), ran(1, 30.0, 120.0), ran(2, 60.0, 90.0, "<x>")]
    figure = fill_timeline(history, [])
    assert figure is not None
    assert figure.lanes == ("&lt;x&gt;", "w", "w · 2")
    assert figure.busy_share == (60 + 90 + 30) / (3 * 120)


def test_a_running_trial_reaches_to_the_last_thing_known() -> None:
    report = EpochReport(attempt=1, epoch=1, values={}, time_s=150.0)
    history = [ran(0, 0.0, 60.0), ran(1, 60.0, None, reports=(report,)), ran(2, 70.0, None, "v")]
    figure = fill_timeline(history, [])
    assert figure is not None
    assert {bar.number: bar.length_min for bar in figure.bars} == {0: 1.0, 1: 1.5, 2: 80 / 60}
    assert {trace.name for trace in draw_timeline(figure).data} == {"completed", "running"}


def test_queued_trials_are_not_drawn() -> None:
    queued = TrialRecord(number=0, point={}, config={}, config_digest="")
    assert fill_timeline([queued], []) is None
