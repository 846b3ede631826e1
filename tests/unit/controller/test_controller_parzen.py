"""The estimator on arrays against Optuna's, on drawn histories."""

from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

from automtl.controller.by_optuna import _distribution
from automtl.controller.chance import uniform
from automtl.controller.parzen import mixture, suggest
from automtl.space.parameter import FloatParameter, IntParameter, corners_of
from automtl.space.search_space import SearchSpace

SPACE = SearchSpace.from_plain(
    parameters={
        "lr": {"type": "float", "min": 1e-4, "max": 1e-1, "log": True},
        "momentum": {"type": "float", "min": -0.5, "max": 0.9},
        "grid": {"type": "float", "min": 0, "max": 1, "step": 0.3},
        "layers": {"type": "int", "min": 1, "max": 5},
        "even": {"type": "int", "min": 2, "max": 64, "step": 2},
        "units": {"type": "int", "min": 4, "max": 512, "log": True},
        "kind": {"type": "categorical", "values": ["a", "b", "c"]},
        "flag": {"type": "bool"},
        "fixed": {"type": "int", "min": 3, "max": 3},
    },
    objectives=[{"metric": "x", "goal": "minimize"}],
)
NUMBERS = {
    n: p for n, p in SPACE.parameters.items() if isinstance(p, FloatParameter | IntParameter)
}
N_CANDIDATES = 64


def drawn(n: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    # Half of the points lie close together, as in the middle of a search.
    centre = uniform(SPACE, rng.random)
    points = [uniform(SPACE, rng.random) for _ in range(n)]
    return [
        {k: centre[k] if i % 2 and rng.random() < 0.5 else v for k, v in point.items()}
        for i, point in enumerate(points)
    ]


def by_optuna(good: list[dict[str, Any]], bad: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Suggest every parameter on the stream of one sampler."""
    sampler = optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=0,
        n_ei_candidates=N_CANDIDATES,
        multivariate=False,
        gamma=lambda _: len(good),
    )
    study = optuna.create_study(sampler=sampler)
    kinds = {name: _distribution(p) for name, p in SPACE.parameters.items()}
    for is_bad, points in enumerate((good, bad)):
        for point in points:
            trial = optuna.trial.create_trial(value=is_bad, params=point, distributions=kinds)
            study.add_trial(trial)
    asked = study.ask()
    return {name: asked._suggest(name, kind) for name, kind in kinds.items()}


@pytest.mark.filterwarnings("ignore:.*gamma.*:FutureWarning")
@settings(max_examples=25, deadline=None)
@given(n_good=st.integers(0, 25), n_bad=st.integers(1, 80), seed=st.integers(0, 2**31 - 1))
def test_the_same_history_and_stream_give_optunas_point(
    n_good: int, n_bad: int, seed: int
) -> None:
    points = drawn(n_good + n_bad, seed)
    good, bad = points[:n_good], points[n_good:]
    rng = np.random.RandomState(seed)
    found = {
        name: suggest(
            parameter,
            [p[name] for p in good],
            [p[name] for p in bad],
            rng,
            n_candidates=N_CANDIDATES,
        )
        for name, parameter in SPACE.parameters.items()
    }
    for name, value in by_optuna(good, bad, seed).items():
        assert type(found[name]) is type(value)
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=1e-6)
        elif found[name] != value:
            # Two values that are equally good: the last bit of a sum decides.
            ratios = [ratio(name, v, good, bad) for v in (found[name], value)]
            assert ratios[0] == pytest.approx(ratios[1], rel=1e-9)


def ratio(name: str, value: Any, good: list[dict[str, Any]], bad: list[dict[str, Any]]) -> float:
    """Good over bad probability of a discrete value, straight from the definition."""
    seen = [[point[name] for point in points] for points in (good, bad)]
    if name in NUMBERS:
        below, above = (mixture(NUMBERS[name], s).log_density(np.array([value])) for s in seen)
        return float(np.exp(below - above)[0])
    n_values = len(corners_of(SPACE.parameters[name]))
    below, above = (
        sum(
            weight * ((v == value) + 1 / (len(s) + 1)) / (1 + n_values / (len(s) + 1))
            for v, weight in zip(s, default_weights(len(s)), strict=True)
        )
        + 1 / n_values
        for s in seen
    )
    return float(below / above)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(sorted(set(NUMBERS) - {"fixed"})),
    n=st.integers(0, 60),
    seed=st.integers(0, 2**31 - 1),
)
def test_densities_are_optunas(name: str, n: int, seed: int) -> None:
    seen = [p[name] for p in drawn(n, seed)]
    kind = _distribution(NUMBERS[name])
    settings_of = _ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    theirs = _ParzenEstimator({name: np.array(seen, dtype=float)}, {name: kind}, settings_of)
    where = np.array([p[name] for p in drawn(20, seed + 1)], dtype=float)
    ours = mixture(NUMBERS[name], seen).log_density(where)
    np.testing.assert_allclose(ours, theirs.log_pdf({name: where}), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", sorted(set(NUMBERS) - {"fixed"}))
def test_draws_stay_inside_and_densities_sum_to_one(name: str) -> None:
    parameter = NUMBERS[name]
    density = mixture(parameter, [p[name] for p in drawn(30, 0)])
    values = density.draw(np.random.RandomState(0), 2000)
    ends = (np.log(values) if density.is_log else values).min(), values.max()
    assert ends[0] >= density.low
    assert ends[1] <= (np.exp(density.high) if density.is_log else density.high)
    if density.step:
        every = np.arange(parameter.min, parameter.max + 1e-9, density.step)
        assert np.exp(density.log_density(every)).sum() == pytest.approx(1.0)
    else:
        places = np.linspace(density.low, density.high, 20_001)
        at = np.exp(density.log_density(np.exp(places) if density.is_log else places))
        assert np.trapezoid(at, places) == pytest.approx(1.0, abs=1e-3)
