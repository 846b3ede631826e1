"""How long a search has taken: not the night between two runs of it."""

from automtl.attempts import Attempt
from automtl.controller.budget import trained_s
from automtl.controller.took import SearchTime, took_s
from automtl.results import EpochReport
from tests.unit.controller.timed_trials import trial

NEXT_DAY = 86_400.0


def test_a_pause_is_no_training() -> None:
    assert trained_s(trial(3)) == 40.0
    assert trained_s(trial(3, resumed_after=2)) == 40.0
    assert trained_s(trial(3, epochs=0)) == 0.0


def took(*spans: tuple[float, float | None], origin: str = "sampler") -> float:
    """Seconds of a search whose n-th trial had one execution, from and until a moment."""
    attempts = [
        Attempt(number=n, attempt=1, started_s=start, ended_s=end)
        for n, (start, end) in enumerate(spans)
    ]
    return took_s(attempts, [trial(n, origin=origin) for n in range(len(spans))])


def test_what_lies_between_two_runs_of_a_search_is_no_part_of_it() -> None:
    assert took() == 0.0
    assert took((0.0, 20.0), (5.0, 25.0)) == 25.0
    # The process of the next trial takes a while to start.
    assert took((0.0, 20.0), (5.0, 25.0), (30.0, 50.0)) == 50.0
    assert took((0.0, 20.0), (NEXT_DAY, NEXT_DAY + 20.0)) == 40.0
    assert took((0.0, 100.0), (10.0, 20.0), (NEXT_DAY, NEXT_DAY)) == 100.0
    assert took((0.0, 20.0), origin="replicate:0") == 0.0


def test_a_running_trial_counts_up_to_its_newest_report() -> None:
    running = Attempt(number=0, attempt=2, started_s=500.0)
    first = Attempt(number=0, attempt=1, started_s=0.0, ended_s=30.0)
    record = trial(0, epochs=2)
    assert took_s([first, running], [record]) == 30.0
    new = EpochReport(attempt=2, epoch=3, values={}, time_s=512.0)
    record = record.model_copy(update={"reports": (*record.reports, new)})
    assert took_s([first, running], [record]) == 42.0


def test_the_clock_of_a_lost_worker_may_be_ahead() -> None:
    lost = Attempt(number=0, attempt=1, started_s=0.0, ended_s=3_600.0)
    again = Attempt(number=0, attempt=2, started_s=100.0, ended_s=110.0)
    assert took_s([lost, again], [trial(0)]) == 110.0
    assert took_s([lost.model_copy(update={"ended_s": -5.0})], [trial(0)]) == 0.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_searches_counts_while_a_trial_runs_and_short_gaps() -> None:
    clock = Clock()
    counted = SearchTime(before_s=7.0, clock=clock)

    def at(now: float) -> float:
        clock.now = now
        return counted.elapsed_s

    assert at(500.0) == 7.0
    counted.begin(0)
    assert at(510.0) == 17.0
    counted.begin(1)
    counted.end(0)
    assert at(520.0) == 27.0
    counted.end(1)
    # It stands still while none runs; a short gap counts once another trial has begun.
    assert at(530.0) == 27.0
    counted.begin(2)
    assert at(531.0) == 38.0
    counted.end(2)
    at(NEXT_DAY)
    counted.begin(3)
    assert at(NEXT_DAY + 1.0) == 39.0
    # One that was not begun here, or has ended, ends nothing.
    counted.end(2)
    assert at(NEXT_DAY + 2.0) == 40.0
