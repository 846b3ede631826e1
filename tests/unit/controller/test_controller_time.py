"""How long a search has taken: not the night between two runs of it."""

from automtl.controller.budget import busy_s, trained_s
from automtl.results import EpochReport, TrialStatus
from tests.unit.controller.timed_trials import NEXT_DAY, at, trial


def test_a_pause_is_no_training() -> None:
    assert trained_s(trial(3)) == 40.0
    assert trained_s(trial(3, resumed_after=2)) == 40.0
    assert trained_s(trial(3, epochs=0)) == 0.0


def test_what_lies_between_two_runs_of_a_search_is_no_part_of_it() -> None:
    one, beside = at(0, begin=0.0), at(1, begin=5.0)
    assert busy_s([one, beside]) == 25.0
    # The process of the next trial takes a while to start.
    assert busy_s([one, beside, at(2, begin=30.0)]) == 50.0
    assert busy_s([one, at(2, begin=NEXT_DAY)]) == 40.0
    # Killed after two of its epochs, and resumed the next day for two more.
    late = tuple(
        EpochReport(attempt=2, epoch=e, values={}, time_s=NEXT_DAY + 10.0 * (e - 2))
        for e in (3, 4)
    )
    resumed = {"reports": (*one.reports, *late), "attempts": 2, "ended_s": NEXT_DAY + 20.0}
    assert busy_s([one.model_copy(update=resumed)]) == 40.0
    # Killed before its first report.
    begun = {"reports": late, "attempts": 2, "ended_s": NEXT_DAY + 20.0}
    assert busy_s([one.model_copy(update=begun)]) == 20.0
    assert trained_s(one.model_copy(update=begun)) == 20.0
    # Killed, and ended the next day by an execution that reported nothing.
    failed = {"status": TrialStatus.FAILED, "attempts": 2, "ended_s": NEXT_DAY}
    assert busy_s([one.model_copy(update=failed)]) == 20.0
    assert busy_s([at(0, begin=0.0, n_epochs=0, attempts=2, ended_s=NEXT_DAY)]) == 0.0


def test_a_trial_that_waits_takes_no_time_and_one_that_hangs_does() -> None:
    hours = 7_200.0
    waited = at(0, begin=0.0, status=TrialStatus.STOPPED, ended_s=hours)
    assert busy_s([waited]) == 20.0
    hung = at(0, begin=0.0, status=TrialStatus.FAILED, ended_s=hours)
    assert busy_s([hung]) == hours
    silent = at(0, begin=0.0, n_epochs=0, status=TrialStatus.FAILED, ended_s=hours)
    assert busy_s([silent]) == hours


def test_the_time_of_a_search_goes_on_while_a_trial_runs_and_stands_still_between_two() -> None:
    ended = at(0, begin=0.0)
    assert busy_s([ended], now_s=29.0) == 20.0
    begun = at(1, begin=25.0, n_epochs=0, status=TrialStatus.RUNNING, ended_s=None)
    assert busy_s([ended, begun]) == 25.0
    assert busy_s([ended, begun], now_s=29.0) == 29.0
    half = at(1, begin=25.0, n_epochs=1, status=TrialStatus.RUNNING, ended_s=None)
    assert busy_s([ended, half]) == 35.0
    assert busy_s([ended, half], now_s=38.0) == 38.0
    # Its clock is ahead of ours; it waits; it was begun again and has not reported since.
    assert busy_s([ended, half], now_s=31.0) == 31.0
    ahead = [
        report.model_copy(update={"time_s": report.time_s + 3_600}) for report in ended.reports
    ]
    assert busy_s([ended.model_copy(update={"reports": tuple(ahead)})]) == 20.0
    assert busy_s([ended, half.model_copy(update={"status": TrialStatus.PAUSED})], 38.0) == 35.0
    again = half.model_copy(update={"attempts": 2})
    assert busy_s([ended, again], now_s=NEXT_DAY) == 35.0
    replicate = half.model_copy(update={"origin": "replicate:0"})
    assert busy_s([ended, replicate], now_s=38.0) == 20.0
