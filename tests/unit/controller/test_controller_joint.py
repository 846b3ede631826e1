"""The estimator over whole points: what it sees that one of single parameters cannot."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.controller.chance import uniform
from automtl.controller.joint import _kernels, numbers_of, suggest_together
from automtl.controller.sampler import N_STARTUP, Question, draws
from automtl.results import TrialRecord
from automtl.space.parameter import FloatParameter, allows
from automtl.space.search_space import SearchSpace

OBJECTIVES = [{"metric": "error", "goal": "minimize"}, {"metric": "time", "goal": "minimize"}]
SPACE = SearchSpace.from_plain(
    parameters={
        "lr": {"type": "float", "min": 1e-4, "max": 1e-1, "log": True},
        "grid": {"type": "float", "min": 0, "max": 1, "step": 0.3},
        "even": {"type": "int", "min": 2, "max": 64, "step": 2},
        "units": {"type": "int", "min": 4, "max": 512, "log": True},
        "fixed": {"type": "int", "min": 3, "max": 3},
    },
    objectives=OBJECTIVES,
)


def square(**prior: Any) -> SearchSpace:
    """Two numbers in [0, 1]."""
    unit = {"type": "float", "min": 0, "max": 1, **prior}
    return SearchSpace.from_plain(parameters={"x": unit, "y": unit}, objectives=OBJECTIVES)


def suggested(
    space: SearchSpace,
    good: list[dict[str, Any]],
    bad: list[dict[str, Any]],
    seed: int,
    trust: float = 0.0,
) -> dict[str, Any]:
    numbers = numbers_of(space)
    assert numbers is not None
    rng = np.random.RandomState(seed)
    return suggest_together(numbers, good, bad, rng, n_candidates=64, trust=trust)


@settings(max_examples=40, deadline=None)
@given(
    n_good=st.integers(0, 25),
    n_bad=st.integers(0, 60),
    seed=st.integers(0, 2**31 - 1),
    trust=st.sampled_from([0.0, 0.5]),
)
def test_values_are_allowed_and_follow_from_the_seed(
    n_good: int, n_bad: int, seed: int, trust: float
) -> None:
    rng = np.random.default_rng(seed)
    points = [uniform(SPACE, rng.random) for _ in range(n_good + n_bad)]
    found = suggested(SPACE, points[:n_good], points[n_good:], seed, trust)
    assert set(found) == {"lr", "grid", "even", "units"}
    assert all(allows(SPACE.parameters[name], value) for name, value in found.items())
    for name, value in found.items():
        assert type(value) is (
            float if isinstance(SPACE.parameters[name], FloatParameter) else int
        )
    assert suggested(SPACE, points[:n_good], points[n_good:], seed, trust) == found


def test_it_sees_what_is_good_only_together() -> None:
    # Each coordinate alone has the same values among the good and the bad.
    good = [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.9}]
    bad = [{"x": 0.1, "y": 0.9}, {"x": 0.9, "y": 0.1}]
    for seed in range(20):
        point = suggested(square(), good, bad, seed)
        assert (point["x"] - 0.5) * (point["y"] - 0.5) > 0


@pytest.mark.parametrize("n", [0, 1, 30])
def test_the_density_sums_to_one_over_the_cube(n: int) -> None:
    numbers = numbers_of(square())
    assert numbers is not None
    rng = np.random.default_rng(0)
    kernels = _kernels(numbers, [uniform(square(), rng.random) for _ in range(n)])
    middles = (np.arange(80) + 0.5) / 80
    places = np.array([(x, y) for x in middles for y in middles])
    # The constant of a normal is left out, because it cancels in a ratio.
    mean = np.exp(kernels.log_density(places)).mean() / (2 * math.pi)
    assert mean == pytest.approx(1.0, abs=1e-3)


def test_priors_are_followed_as_far_as_they_are_trusted() -> None:
    space = square(prior={"at": 0.8, "confidence": "high"})
    good, bad = [{"x": 0.2, "y": 0.2}] * 5, [{"x": 0.8, "y": 0.8}] * 20
    mean = {
        trust: float(np.mean([suggested(space, good, bad, s, trust)["x"] for s in range(10)]))
        for trust in (0.0, 0.1, 10.0)
    }
    assert mean[0.0] < 0.3
    assert mean[0.0] <= mean[0.1] < mean[10.0]
    assert mean[10.0] == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize(
    "other",
    [
        {"type": "categorical", "values": ["a", "b"]},
        {"type": "bool"},
        {"type": "int", "min": 1, "max": 9, "when": {"x": 1}},
    ],
)
def test_spaces_with_choices_or_conditions_have_no_box(other: dict[str, Any]) -> None:
    whole = {"type": "int", "min": 0, "max": 1}
    found = SearchSpace.from_plain(parameters={"x": whole, "o": other}, objectives=OBJECTIVES)
    assert numbers_of(found) is None
    only = SearchSpace.from_plain(parameters={"x": whole}, objectives=OBJECTIVES)
    assert set(numbers_of(only) or ()) == {"x"}


def test_the_sampler_draws_together_with_early_stopping_and_keeps_fixed_values() -> None:
    rng = np.random.default_rng(0)
    points = [uniform(SPACE, rng.random) for _ in range(N_STARTUP + 20)]
    history = [
        TrialRecord(
            number=i,
            point=point,
            config={},
            config_digest=str(i),
            status="completed",
            values={"error": float(rng.random()), "time": float(rng.random())},
        )
        for i, point in enumerate(points)
    ]
    found = next(draws(Question(space=SPACE, rungs=(2, 6)), history, seed=1))
    assert found["fixed"] == 3
    assert all(allows(SPACE.parameters[name], value) for name, value in found.items())
    # Without rungs Optuna proposes, as before.
    assert found != next(draws(Question(space=SPACE), history, seed=1))
