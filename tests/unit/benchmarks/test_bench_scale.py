"""What the scale benchmark counts, and its dispatcher of threads."""

import threading
from pathlib import Path

from automtl.dispatch.base import Report
from automtl.results import TrialOrder
from automtl.testing.scripted_study import ScriptedController
from benchmarks.scale import goals_of
from benchmarks.scale_many import InstantTraining, growth_of
from benchmarks.threads_dispatcher import ThreadsDispatcher


def test_threads_run_as_many_trials_at_a_time_as_there_are_slots(tmp_path: Path) -> None:
    all_there = threading.Barrier(4)

    def train(order: TrialOrder, report: Report) -> None:
        report(1, {"x": 1.0})
        all_there.wait(10)  # four at a time, or never
        report(2, {"x": 2.0})

    controller = ScriptedController(points=[{}] * 8, folder=tmp_path)
    ThreadsDispatcher(slots=4).run(controller, train)
    assert sorted(end.number for end in controller.ends) == list(range(8))
    assert [end.failure for end in controller.ends] == [None] * 8
    assert sum(report.epoch == 2 for _, report in controller.reports) == 8


def test_growth_compares_the_end_with_the_beginning() -> None:
    times = [0.001 * n for n in range(61)] + [0.06 + 0.004 * n for n in range(1, 41)]
    training = InstantTraining(("q",), began_s=times, held_mb=[100 + n / 1024 for n in range(101)])
    growth = growth_of(training, pending=7)
    assert (round(growth.first_ms, 6), round(growth.last_ms, 6)) == (1.0, 4.0)
    assert round(growth.kb_per_trial, 1) == 1.0


def test_goals_are_those_of_what_was_measured() -> None:
    assert set(goals_of({"resume_s": 3.0})) == {"resume_s"}
    goals = goals_of({"utilisation_2": 0.99, "utilisation_64": 0.9, "driver_memory_mb": 200.0})
    assert not goals["utilisation"].is_met, "the worst of them counts"
    assert goals["driver_memory_mb"].is_met
