"""A study's few numbers are those of its trials."""

import math

from hypothesis import given
from hypothesis import strategies as st

from automtl.results import Failure, FailureKind, Objective, Pick, TrialRecord, TrialStatus
from automtl.study.study_metrics import study_metrics

OBJECTIVES = (
    Objective(metric="gain", goal="maximize", reference=0.0),
    Objective(metric="cost", goal="minimize", reference=1.0),
)
vectors = st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)), min_size=1, max_size=8)


def record(number: int, status=TrialStatus.COMPLETED, origin="sampler", **values) -> TrialRecord:
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest=f"digest-{number}",
        origin=origin,
        seed=1,
        created_s=0.0,
        status=status,
        attempts=1,
        values=values,
        failure=Failure(kind=FailureKind.ERROR, message="x")
        if status is TrialStatus.FAILED
        else None,
    )


def pick(number: int) -> Pick:
    return Pick(number=number, rule="knee", reason="")


@given(vectors)
def test_best_size_and_volume_are_those_of_their_definitions(found):
    history = [record(n, gain=gain, cost=cost) for n, (gain, cost) in enumerate(found)]
    told = study_metrics(history, OBJECTIVES, ())
    assert told["best/gain"] == max(gain for gain, _ in found)
    assert told["best/cost"] == min(cost for _, cost in found)
    beaten = [
        any(g >= gain and c <= cost and (g, c) != (gain, cost) for g, c in found)
        for gain, cost in found
    ]
    assert told["front/size"] == beaten.count(False)
    # In the plane: strips from the cheapest on, each as high as the best gain until then.
    area, height = 0.0, 0.0
    for gain, cost in sorted(found, key=lambda each: each[1]):
        area += max(0.0, gain - height) * (1.0 - cost)
        height = max(height, gain)
    assert math.isclose(told["front/hypervolume"], area, rel_tol=1e-9)


def test_counts_are_of_all_trials_and_state_the_empty_ones_too():
    history = [
        record(0, gain=0.5, cost=0.5),
        record(1, TrialStatus.FAILED),
        record(2, origin="baseline:single_task", gain=0.9, cost=0.1),
    ]
    told = study_metrics(history, OBJECTIVES, ())
    counts = {key: value for key, value in told.items() if key.startswith("trials/")}
    assert sum(counts.values()) == 3
    assert set(counts) == {f"trials/{status.value}" for status in TrialStatus}
    assert (counts["trials/completed"], counts["trials/failed"], counts["trials/paused"]) == (
        2,
        1,
        0,
    )
    assert told["best/gain"] == 0.5, "a baseline competes for nothing"


def test_the_newest_pick_says_what_it_gives():
    history = [record(0, gain=0.5, cost=0.5), record(1, gain=0.7, cost=0.8)]
    told = study_metrics(history, OBJECTIVES, (pick(0), pick(1)))
    assert (told["pick/gain"], told["pick/cost"]) == (0.7, 0.8)
    assert not any(key.startswith("pick/") for key in study_metrics(history, OBJECTIVES, ()))


def test_without_a_stated_reference_there_is_no_volume():
    free = (OBJECTIVES[0], Objective(metric="cost", goal="minimize"))
    told = study_metrics([record(0, gain=0.5, cost=0.5)], free, ())
    assert told["front/size"] == 1
    assert "front/hypervolume" not in told


def test_a_study_in_which_nothing_ended_well_says_only_how_trials_ended():
    for history in ((), (record(0, TrialStatus.FAILED),)):
        told = study_metrics(history, OBJECTIVES, ())
        assert all(key.startswith("trials/") for key in told)
        assert sum(told.values()) == len(history)
