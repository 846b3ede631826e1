"""Trials against single-task networks: who is compared with whom, and what is said if none is."""

import pytest

from automtl.analysis.delta import Comparison
from automtl.config import SharingConfig, TrialConfig, single_task
from automtl.results import TrialRecord, TrialStatus
from automtl.study.deltas import NO_BASELINES, deltas_of, is_single

TWO = TrialConfig(sharing=SharingConfig(order=("segmentation", "tracking"), split_after=(4,)))
SEG, IDF1 = "segmentation/mIoU", "tracking/IDF1"


def trial(number, values, *, config=TWO, origin="sampler", status=TrialStatus.COMPLETED):
    return TrialRecord(
        number=number,
        point={},
        config=config.to_plain() if isinstance(config, TrialConfig) else config,
        config_digest="",
        origin=origin,
        status=status,
        values=values,
    )


def alone(number, task, value, **changes):
    metric = SEG if task == "segmentation" else IDF1
    config = single_task(TWO, task)
    return trial(number, {metric: value}, config=config, origin=f"baseline:{task}", **changes)


SHARED = trial(0, {SEG: 0.6, IDF1: 0.4})


def test_each_trial_is_compared_with_the_best_network_of_each_task():
    history = (
        SHARED,
        alone(1, "segmentation", 0.4),
        alone(2, "segmentation", 0.5),
        alone(3, "tracking", 0.5),
        # Better, but not trained to its end, or failed.
        alone(4, "tracking", 0.9, status=TrialStatus.RUNNING),
        alone(5, "tracking", 0.9, status=TrialStatus.FAILED),
    )
    found = deltas_of(history)
    assert found.rivals == {"segmentation": 2, "tracking": 3}
    # +20 % of mIoU and -20 % of IDF1.
    assert found.deltas[0].as_values() == pytest.approx(
        {"delta_per_metric": 0, "delta_per_task": 0, "delta_primary": 0}, abs=1e-9
    )
    assert set(found.deltas) == {0}
    assert found.missing == {}
    assert found.why_none == ""


def test_a_named_baseline_of_all_tasks_is_compared_and_is_nobodys_yardstick():
    equal = trial(3, {SEG: 1.0, IDF1: 1.0}, origin="baseline:equal_weights")
    history = (SHARED, alone(1, "segmentation", 0.5), alone(2, "tracking", 0.5), equal)
    found = deltas_of(history)
    assert found.deltas[3].primary == pytest.approx(100)
    assert found.deltas[0].primary == pytest.approx(0)
    assert not is_single(equal)
    assert set(found.rivals.values()) == {1, 2}


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ((SHARED,), NO_BASELINES),
        (
            (SHARED, alone(1, "tracking", 0.5, status=TrialStatus.RUNNING)),
            "no single-task network of segmentation, tracking was trained to its end",
        ),
        (
            (SHARED, alone(1, "tracking", 0.5)),
            "no single-task network of segmentation was trained to its end",
        ),
        (
            (SHARED, alone(1, "tracking", 0.0), alone(2, "segmentation", 0.1)),
            "the single-task network reached 0 in tracking/IDF1",
        ),
        (
            (trial(0, {SEG: 1.0}), alone(1, "tracking", 0.5), alone(2, "segmentation", 0.1)),
            "the trial reported no tracking/IDF1",
        ),
    ],
)
def test_without_a_yardstick_there_is_no_number_and_a_reason(history, why):
    found = deltas_of(history)
    assert found.deltas == {}
    assert found.missing == {0: why}
    assert found.why_none == why


def test_training_code_of_other_programs_is_left_alone():
    free = trial(0, {"error": 0.1}, config={"lr": 0.1})
    assert deltas_of((free,)) == Comparison()


def test_a_percentage_of_next_to_nothing_comes_with_a_caution():
    def found(idf1):
        return deltas_of((SHARED, alone(1, "segmentation", 0.5), alone(2, "tracking", idf1)))

    shaky = found(0.02)
    # A hundredth is 50 % of .02, half of which is the mean over two tasks.
    assert shaky.unsteady == pytest.approx({IDF1: 25.0})
    assert shaky.caution == (
        "Δm (primary metrics) hangs on a single-task network that is near 0: 0.01 of "
        "tracking/IDF1 is 25 points. Compare the metrics themselves"
    )
    assert found(0.2).unsteady == {}
    assert found(0.2).caution == ""
    # Without any delta-m there is nothing to be careful with.
    assert found(0.0).caution == ""
