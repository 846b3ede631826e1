import random
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.config import SharingConfig, TrialConfig
from automtl.config.sharing import tree_digest
from automtl.controller.chance import uniform
from automtl.controller.lessons import Lesson, excesses, lessons
from automtl.controller.propose import plan, propose, stream_seed
from automtl.controller.sampler import Question, draws
from automtl.results import TrialRecord, TrialStatus
from automtl.space.parameter import allows, matches
from automtl.space.recipe import Recipe
from automtl.space.search_space import SearchSpace
from tests.unit.controller.drawn_search import recipe, record, search

S = TrialStatus


def test_stated_trials_come_first_and_in_order() -> None:
    found = recipe()
    origins = [p.origin for p in plan(found)]
    # The second enqueued point is the default over again: it is tried once.
    assert origins == [
        "default",
        "enqueued",
        "enqueued",
        "baseline:detection",
        "baseline:tracking",
        "baseline:equal_weights",
    ]
    history = search(found, 9)
    assert [r.origin for r in history] == [*origins, "sampler", "sampler", "sampler"]
    assert [r.number for r in history] == list(range(9))


def test_baselines_are_the_default_for_one_task() -> None:
    default, *_, one, _, equal = plan(recipe())
    assert one.config.tasks == ("detection",)
    assert one.config.optimizer == default.config.optimizer
    assert set(one.point) == {"optimizer.lr", "optimizer.warmup", "optimizer.batch_size"}
    assert equal.config.to_plain()["weighting"]["weights"] == {  # type: ignore[index]
        "detection": 1.0,
        "segmentation": 1.0,
        "tracking": 1.0,
    }
    # All is shared, whatever the default does.
    assert min(equal.config.sharing.split_after) >= 4


@settings(max_examples=12, deadline=None)
@given(n=st.integers(0, 24), seed=st.integers(0, 99), rng=st.randoms())
def test_a_proposal_follows_from_the_history_alone(n: int, seed: int, rng: random.Random) -> None:
    found = recipe(seed=seed)
    history = search(found, n, seed)
    first = propose(found, history)
    shuffled = list(history)
    rng.shuffle(shuffled)
    stored = [TrialRecord.model_validate_json(r.model_dump_json()) for r in shuffled]
    random.seed(rng.random())  # the process's own random stream must not matter
    assert propose(Recipe.model_validate(found.to_plain()), stored) == first


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_proposal_is_new_valid_and_inside_its_branch(seed: int) -> None:
    found = recipe(seed=seed)
    space = found.space
    history = search(found, 26, seed)
    own = [r for r in history if not r.origin.startswith("baseline")]
    assert len({r.config_digest for r in own}) == len(own)
    for one in own:
        assert set(space.active(one.point)) == set(one.point)
        assert all(allows(space.parameters[n], v) for n, v in one.point.items())
        assert TrialConfig.from_plain(one.config) == space.config_of(one.point)
        assert ("schedule.block" in one.point) == (one.point["schedule.kind"] == "alternating")


def test_seeds_differ_between_trials_and_studies() -> None:
    seeds = [r.seed for r in search(recipe(), 12)]
    assert len(set(seeds)) == 12
    assert seeds != [r.seed for r in search(recipe(seed=4), 12)]
    assert all(0 <= seed < 2**31 for seed in seeds)
    # Written down: a change would make old studies resume differently.
    assert stream_seed(0, 0) == 1446583109


def finite() -> Recipe:
    return recipe(
        parameters={
            "sharing.split_after.0": {"type": "int", "min": 0, "max": 2},
            "schedule.kind": {"type": "categorical", "values": ["joint", "alternating"]},
            "schedule.block": {
                "type": "int",
                "min": 1,
                "max": 2,
                "when": {"schedule.kind": "alternating"},
            },
        },
        enqueue=[],
        baselines={},
    )


def test_a_finite_space_is_exhausted_exactly() -> None:
    found = finite()
    grid = found.space.grid(100)
    assert grid is not None
    assert len(grid) == 9
    history = search(found, 9)
    assert len({r.config_digest for r in history}) == 9
    assert propose(found, history) is None


def test_without_parameters_there_is_one_trial() -> None:
    found = recipe(parameters={}, enqueue=[], baselines={})
    history = search(found, 1)
    assert propose(found, history) is None


def test_failures_and_gaps_are_never_told_as_a_score() -> None:
    found = recipe()
    proposal = plan(found)[0]
    for status in S:
        for values in ({}, {"detection/mAP": 0.5}, {"detection/mAP": 0.5, "cost/latency_ms": 0.5}):
            told = lesson_of(record(proposal, status, values), found)
            may_score = status in (S.COMPLETED, S.INFEASIBLE) and len(values) == 2
            assert (told is not None and told.state == "seen") == may_score
            if may_score:
                assert told is not None
                assert told.losses == (-0.5, 0.5)
    assert lesson_of(record(proposal, S.FAILED), found) is None
    running = lesson_of(record(proposal, S.RUNNING), found)
    assert running is not None
    assert running.state == "running"


def lesson_of(one: TrialRecord, found: Recipe) -> Lesson | None:
    return next(iter(lessons([one], found.objectives, found.constraints)), None)


def test_infeasible_trials_are_told_with_what_they_exceed() -> None:
    found = recipe()
    proposal = plan(found)[0]
    outside = record(proposal, S.INFEASIBLE, {"detection/mAP": 1.0, "cost/latency_ms": 1.8})
    assert excesses(outside, found.constraints) == {"cost/latency_ms 0": pytest.approx(1.0)}
    silent = record(proposal, S.INFEASIBLE)
    assert excesses(silent, found.constraints) == {"infeasible": 1.0}
    inside = record(proposal, S.COMPLETED, {"detection/mAP": 1.0, "cost/latency_ms": 0.45})
    assert excesses(inside, found.constraints) == {"cost/latency_ms 0": pytest.approx(-0.5)}


SPACE = recipe().space


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=20, max_size=20))
def test_uniform_points_are_allowed(shares: list[float]) -> None:
    space = SPACE
    point = uniform(space, iter(shares).__next__)
    seen: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        assert (name in point) == matches(parameter.when, seen)
        if name in point:
            assert allows(parameter, point[name])
            seen[name] = point[name]


@pytest.mark.parametrize("n", [0, 9, 30])
def test_without_early_stopping_the_sampler_is_optunas_own(n: int) -> None:
    """Whatever is done for speed: the same points as a plain study with the same trials."""
    import optuna

    found = recipe(constraints=[])
    history = search(found, n)
    study = optuna.create_study(
        directions=["minimize", "minimize"],
        sampler=optuna.samplers.TPESampler(seed=5, n_startup_trials=10, n_ei_candidates=64),
    )
    for lesson in lessons(history, found.objectives, ()):
        study.add_trial(plainly_told(lesson, found.space))
    expected = suggested(study.ask(), found.space)
    assert next(draws(Question(space=found.space), history, seed=5)) == expected


def plainly_told(lesson: Lesson, space: SearchSpace) -> Any:
    import optuna

    states = {"seen": "COMPLETE", "bad": "PRUNED", "running": "RUNNING"}
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState[states[lesson.state]],
        values=lesson.losses or None,
        params=dict(lesson.record.point),
        distributions={name: distribution(space, name) for name in lesson.record.point},
    )
    for name, excess in lesson.excesses:
        trial.set_constraint(name, excess)
    return trial


def distribution(space: SearchSpace, name: str) -> Any:
    import optuna

    ranges: dict[str, Any] = {
        "optimizer.lr": optuna.distributions.FloatDistribution(1e-3, 1e-2, log=True),
        "optimizer.warmup": optuna.distributions.FloatDistribution(0, 0.4, step=0.2),
        "optimizer.batch_size": optuna.distributions.IntDistribution(2, 8, step=2),
        "sharing.split_after.0": optuna.distributions.IntDistribution(0, 4),
        "weighting.weights.detection": optuna.distributions.FloatDistribution(0.3, 30, log=True),
        "schedule.block": optuna.distributions.IntDistribution(1, 8, log=True),
    }
    if name in ranges:
        return ranges[name]
    return optuna.distributions.CategoricalDistribution(space.parameters[name].values)  # type: ignore[union-attr]


def suggested(trial: Any, space: SearchSpace) -> dict[str, Any]:
    point: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        if matches(parameter.when, point):
            known = distribution(space, name)
            point[name] = trial._suggest(name, known)
    return point


@pytest.mark.parametrize(("kind", "n_trials"), [("joint", 5), ("alternating", 10)])
def test_one_sharing_tree_is_tried_once_where_the_order_of_the_chain_says_no_more(
    kind: str, n_trials: int
) -> None:
    tasks = ("detection", "tracking")
    found = recipe(
        base={
            "sharing": {"order": tasks, "split_after": [0]},
            "schedule": {"kind": kind},
        },
        parameters={
            "sharing.order": {
                "type": "categorical",
                "values": [", ".join(order) for order in permutations(tasks)],
            },
            "sharing.split_after.0": {"type": "int", "min": 0, "max": 6},
        },
        enqueue=[],
        baselines={},
    )
    history: list[TrialRecord] = []
    while (proposal := propose(found, history)) is not None:
        history.append(
            TrialRecord(
                number=proposal.number,
                point=proposal.point,
                config=proposal.config.to_plain(),
                config_digest=proposal.config.digest,
                origin=proposal.origin,
            )
        )
    sharings = [SharingConfig.model_validate(record.config["sharing"]) for record in history]
    # Four stages: two tasks share none of them, or the first one, two, three or four.
    assert len({tree_digest(sharing, 4) for sharing in sharings}) == 5
    assert len(history) == n_trials
