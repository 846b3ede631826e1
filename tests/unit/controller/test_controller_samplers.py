import random
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automtl.controller import lessons, sampler
from automtl.controller.chance import sobol_points, uniform
from automtl.controller.lessons import Lesson
from automtl.controller.propose import next_point, stream_seed
from automtl.controller.sampler import Question, draws
from automtl.results import EpochReport, TrialRecord, TrialStatus
from automtl.space.parameter import allows
from automtl.space.parts import Constraint
from automtl.space.samplers import (
    GpSampler,
    Nsga2Sampler,
    QuasiRandomSampler,
    RandomSampler,
    Sampler,
    TpeSampler,
)
from automtl.space.search_space import SearchSpace

S = TrialStatus
OBJECTIVES = [
    {"metric": "error", "goal": "minimize"},
    {"metric": "speed", "goal": "maximize"},
]
FLAT: dict[str, dict[str, Any]] = {
    "x": {"type": "float", "min": 0, "max": 1},
    "lr": {"type": "float", "min": 1e-4, "max": 1, "log": True},
    "n": {"type": "int", "min": 2, "max": 9, "step": 2},
    "kind": {"type": "categorical", "values": ["a", "b", "c"]},
    "fixed": {"type": "int", "min": 3, "max": 3},
}
BRANCHED = {
    **FLAT,
    "depth": {"type": "int", "min": 1, "max": 64, "log": True, "when": {"kind": "b"}},
    "flag": {"type": "bool", "when": {"kind": ["a", "b"]}},
}
SPACES = [
    SearchSpace.from_plain(parameters=p, objectives=o)
    for p in (FLAT, BRANCHED)
    for o in (OBJECTIVES, OBJECTIVES[:1])
]
RUNGS = (1, 3)
EVERY: list[Sampler] = [
    TpeSampler(),
    RandomSampler(),
    QuasiRandomSampler(),
    Nsga2Sampler(population=4),
]
LIMITS = (Constraint(metric="speed", min=0.2),)


def trial(space: SearchSpace, number: int, rng: random.Random) -> TrialRecord:
    """One of the ways in which a trial of nine epochs can stand."""
    epoch = rng.choice([1, 3, 9])
    values = {"error": rng.random(), "speed": rng.random()}
    reports = (EpochReport(attempt=1, epoch=epoch, values=values, time_s=0.0),)
    statuses = [S.COMPLETED, S.INFEASIBLE, S.FAILED] if epoch == 9 else [S.PAUSED, S.STOPPED]
    return TrialRecord(
        number=number,
        point=uniform(space, rng.random),
        config={"optimizer": {"epochs": 9}},
        config_digest=str(number),
        attempts=1,
        status=rng.choice([*statuses, S.RUNNING]),
        values=values if epoch == 9 else {},
        reports=reports,
    )


def histories(space: SearchSpace, n: int, seed: int) -> list[TrialRecord]:
    rng = random.Random(seed)
    return [trial(space, number, rng) for number in range(n)]


def holds(asked: Question, history: list[TrialRecord], seed: int) -> None:
    """Inside the space, with the branch's parameters, from the history alone, and new."""
    space = asked.space
    point = next_point(asked, history, seed=seed)
    assert point is not None
    assert set(space.active(point)) == set(point)
    assert all(allows(space.parameters[name], value) for name, value in point.items())
    assert point not in [record.point for record in history]
    stored = [TrialRecord.model_validate_json(r.model_dump_json()) for r in history]
    assert next_point(asked, stored, seed=seed) == point


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sampler=st.sampled_from(EVERY),
    space=st.sampled_from(SPACES),
    n=st.integers(0, 30),
    seed=st.integers(0, 2**31 - 1),
    rungs=st.sampled_from([(), RUNGS]),
    limits=st.sampled_from([(), LIMITS]),
)
def test_every_sampler_proposes_what_exists_and_is_new(
    sampler: Sampler,
    space: SearchSpace,
    n: int,
    seed: int,
    rungs: tuple[int, ...],
    limits: tuple[Constraint, ...],
) -> None:
    asked = Question(
        space=space, constraints=limits, rungs=rungs, sampler=sampler, study_seed=seed
    )
    holds(asked, histories(space, n, seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 14])
@pytest.mark.parametrize("space", SPACES[:2], ids=["two objectives", "one"])
@pytest.mark.parametrize("limits", [(), LIMITS])
def test_so_do_gaussian_processes(
    n: int, space: SearchSpace, limits: tuple[Constraint, ...]
) -> None:
    for rungs in ((), RUNGS):
        asked = Question(space=space, constraints=limits, rungs=rungs, sampler=GpSampler())
        holds(asked, histories(space, n, 1), 5)


def bowl(space: SearchSpace, n: int, seed: int) -> list[TrialRecord]:
    """Trials that are the better the nearer x is to 0.7."""
    rng = random.Random(seed)
    points = [{**uniform(space, rng.random), "x": rng.random()} for _ in range(n)]
    return [
        TrialRecord(
            number=number,
            point=point,
            config={},
            config_digest=str(number),
            status=S.COMPLETED,
            values={"error": abs(point["x"] - 0.7), "speed": -abs(point["x"] - 0.7)},  # type: ignore[operator]
        )
        for number, point in enumerate(points)
    ]


def near(sampler: Sampler, space: SearchSpace, history: list[TrialRecord], n: int) -> float:
    asked = Question(space=space, sampler=sampler)
    points = [next_point(asked, history, seed=seed) for seed in range(n)]
    return float(np.mean([abs(float(p["x"]) - 0.7) < 0.1 for p in points if p is not None]))


def test_the_genetic_sampler_learns_and_chance_does_not() -> None:
    space = SPACES[2]
    history = bowl(space, 60, 0)
    assert near(Nsga2Sampler(population=6), space, history, 60) > 0.5
    assert near(RandomSampler(), space, history, 200) < 0.3


@pytest.mark.slow
def test_gaussian_processes_learn_and_keep_away_from_what_runs() -> None:
    space = SPACES[0]
    history = bowl(space, 14, 0)
    asked = Question(space=space, sampler=GpSampler())
    assert near(GpSampler(), space, history, 1) == 1.0
    first = next_point(asked, history, seed=0)
    assert first is not None
    running = TrialRecord(number=14, point=first, config={}, config_digest="14", status=S.RUNNING)
    second = next_point(asked, [*history, running], seed=0)
    assert second != first


def test_children_have_their_parents_values() -> None:
    """With mutation one parameter in seven is new; the others are a parent's."""
    space = SPACES[2]
    history = bowl(space, 30, 1)
    asked = Question(space=space, sampler=Nsga2Sampler(population=10))
    inherited = []
    for seed in range(60):
        child = next(draws(asked, history, seed=seed))
        for name, value in child.items():
            inherited.append(value in [r.point.get(name) for r in history])
    assert 0.75 < np.mean(inherited) < 1.0


@pytest.mark.parametrize("seed", [0, 7])
def test_quasi_random_points_are_one_sequence_of_the_study(seed: int) -> None:
    space = SearchSpace.from_plain(
        parameters={n: {"type": "float", "min": 0, "max": 1} for n in "ab"},
        objectives=OBJECTIVES,
    )
    whole = list(islice(sobol_points(space, seed, first=0), 64))
    asked = Question(space=space, sampler=QuasiRandomSampler(), study_seed=seed)
    history: list[TrialRecord] = []
    for number in range(8):
        point = next_point(asked, history, seed=stream_seed(seed, number))
        assert point == whole[number]
        history.append(
            TrialRecord(
                number=number, point=point, config={}, config_digest=str(number), status=S.FAILED
            )
        )
    # Each of the 8 x 8 fields has exactly one point; by chance a third of them would be empty.
    fields = {(int(p["a"] * 8), int(p["b"] * 8)) for p in whole}  # type: ignore[operator]
    assert len(fields) == 64


@pytest.mark.parametrize("sampler", [*EVERY, GpSampler()], ids=lambda s: s.kind)
def test_a_finite_space_is_exhausted(sampler: Sampler) -> None:
    space = SearchSpace.from_plain(
        parameters={"a": {"type": "bool"}, "b": {"type": "int", "min": 0, "max": 2}},
        objectives=OBJECTIVES,
    )
    asked = Question(space=space, sampler=sampler)
    history: list[TrialRecord] = []
    while (point := next_point(asked, history, seed=stream_seed(0, len(history)))) is not None:
        history.append(
            TrialRecord(
                number=len(history),
                point=point,
                config={},
                config_digest="",
                status=S.COMPLETED,
                values={"error": 1.0, "speed": 2.0},
            )
        )
    assert len({str(sorted(r.point.items())) for r in history}) == len(history) == 6


@pytest.mark.parametrize("sampler", EVERY, ids=lambda s: s.kind)
@pytest.mark.parametrize(
    ("status", "values"),
    [
        (S.COMPLETED, {"error": 0.5, "speed": 0.5}),
        # What a trial whose objectives are no numbers ends as: nothing is told but that it failed.
        (S.FAILED, {}),
        (S.INFEASIBLE, {}),
    ],
)
def test_objectives_that_never_vary_or_are_never_there(
    sampler: Sampler, status: TrialStatus, values: dict[str, float]
) -> None:
    space = SPACES[2]
    rng = random.Random(0)
    history = [
        TrialRecord(
            number=number,
            point=uniform(space, rng.random),
            config={},
            config_digest=str(number),
            status=status,
            values=values,
        )
        for number in range(15)
    ]
    for rungs in ((), RUNGS):
        asked = Question(space=space, sampler=sampler, rungs=rungs)
        assert next_point(asked, history, seed=1) is not None


@pytest.mark.parametrize("sampler", EVERY, ids=lambda s: s.kind)
def test_a_space_with_one_point_has_one_trial(sampler: Sampler) -> None:
    space = SearchSpace.from_plain(
        parameters={"a": {"type": "float", "min": 2, "max": 2}}, objectives=OBJECTIVES
    )
    asked = Question(space=space, sampler=sampler)
    assert next_point(asked, [], seed=1) == {"a": 2}
    one = TrialRecord(number=0, point={"a": 2.0}, config={}, config_digest="", status=S.FAILED)
    assert next_point(asked, [one], seed=1) is None


@pytest.mark.parametrize("space", SPACES[:2], ids=["two objectives", "one"])
def test_with_many_trials_a_proposal_looks_at_a_bounded_part(
    space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = histories(space, 60, 3)
    told: list[int] = []
    split_draws = sampler._split_draws

    def counted(space: SearchSpace, taught: list[Lesson], *rest: Any) -> Any:
        told.append(sum(lesson.state != "running" for lesson in taught))
        return split_draws(space, taught, *rest)

    monkeypatch.setattr(sampler, "_split_draws", counted)
    monkeypatch.setattr(lessons, "MAX_TOLD", 20)
    holds(Question(space=space), history, 5)
    assert told == [], "until then Optuna is told all"
    monkeypatch.setattr(sampler, "N_MANY", len(history))
    holds(Question(space=space), history, 5)
    assert told == [20, 20]
