import itertools

from hypothesis import given
from hypothesis import strategies as st

from automtl.attempts import Attempt
from automtl.results import EpochReport, FailureKind, TrialRecord, TrialStatus
from automtl_dashboards.figures.timeline import draw_timeline, fill_timeline


def ran(
    number: int, start_s: float, end_s: float | None, worker: str = "w", **changes: object
) -> Attempt:
    plain = {
        "number": number,
        "attempt": 1,
        "started_s": start_s,
        "ended_s": end_s,
        "worker": worker,
        "outcome": "running" if end_s is None else "completed",
    }
    return Attempt.model_validate({**plain, **changes})


def trials(attempts: list[Attempt], *reports: EpochReport) -> list[TrialRecord]:
    counts = {a.number: max(b.attempt for b in attempts if b.number == a.number) for a in attempts}
    return [
        TrialRecord(
            number=number,
            point={},
            config={},
            config_digest="",
            status=TrialStatus.RUNNING,
            attempts=n,
            reports=reports,
        )
        for number, n in counts.items()
    ]


SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 20), st.sampled_from("ab")), min_size=1
)


@given(spans=SPANS)
def test_every_execution_has_one_bar_and_bars_of_a_lane_do_not_overlap(
    spans: list[tuple[int, int, str]],
) -> None:
    attempts = [
        ran(i, 60.0 * start, 60.0 * (start + length), worker)
        for i, (start, length, worker) in enumerate(spans)
    ]
    figure = fill_timeline(attempts, trials(attempts), [])
    assert figure is not None
    assert sorted(bar.number for bar in figure.bars) == list(range(len(spans)))
    for lane in range(len(figure.lanes)):
        bars = [bar for bar in figure.bars if bar.lane == lane]
        assert bars
        for before, after in itertools.pairwise(bars):
            assert before.start_min + before.length_min <= after.start_min + 1e-9
    assert 0 <= figure.busy_share <= 1


def test_golden_share_and_lanes() -> None:
    attempts = [ran(0, 0.0, 60.0), ran(1, 30.0, 120.0), ran(2, 60.0, 90.0, "<x>")]
    figure = fill_timeline(attempts, trials(attempts), [])
    assert figure is not None
    assert figure.lanes == ("&lt;x&gt;", "w", "w · 2")
    assert figure.busy_share == (60 + 90 + 30) / (3 * 120)


def test_a_trial_that_paused_leaves_its_slot_to_another() -> None:
    attempts = [
        ran(0, 0.0, 60.0, "", outcome="paused"),
        ran(0, 120.0, 180.0, "", attempt=2),
        ran(1, 60.0, 120.0, "", outcome="lost", failure=FailureKind.HUNG),
    ]
    figure = fill_timeline(attempts, trials(attempts), [])
    assert figure is not None
    assert figure.lanes == ("slot 1",)
    assert figure.busy_share == 1.0
    assert [(bar.number, bar.outcome) for bar in figure.bars] == [
        (0, "paused"),
        (1, "lost"),
        (0, "completed"),
    ]
    assert "execution 1, 1 min 0 s (paused)" in figure.bars[0].text
    drawn = {trace.name: trace for trace in draw_timeline(figure).data}
    assert set(drawn) == {"paused", "lost", "completed"}
    assert list(drawn["completed"].base) == [2.0]


def test_a_running_trial_reaches_to_the_last_thing_known() -> None:
    report = EpochReport(attempt=1, epoch=1, values={}, time_s=150.0)
    attempts = [ran(0, 0.0, 60.0), ran(1, 60.0, None), ran(2, 70.0, None, "v")]
    figure = fill_timeline(attempts, trials(attempts, report), [])
    assert figure is not None
    assert {bar.number: bar.length_min for bar in figure.bars} == {0: 1.0, 1: 1.5, 2: 80 / 60}
    assert {trace.name for trace in draw_timeline(figure).data} == {"completed", "running"}


def test_nothing_is_drawn_before_a_trial_has_started() -> None:
    assert fill_timeline([], [], []) is None
