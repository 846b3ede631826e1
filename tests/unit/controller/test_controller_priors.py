from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.controller.parzen import expected, odds, prior_density, suggest
from automtl.controller.propose import next_point
from automtl.controller.sampler import Question, draws
from automtl.results import TrialRecord
from automtl.space.parameter import FloatParameter, IntParameter, allows
from automtl.space.search_space import SearchSpace

OBJECTIVES = [{"metric": "error", "goal": "minimize"}, {"metric": "time", "goal": "minimize"}]


def space(at: Any = 0.8, *, objectives: int = 2, **prior: str) -> SearchSpace:
    return SearchSpace.from_plain(
        parameters={
            "x": {"type": "float", "min": 0, "max": 1, "prior": {"at": at, **prior}},
            "lr": {"type": "float", "min": 1e-4, "max": 1, "log": True, "prior": {"at": 1e-3}},
            "n": {"type": "int", "min": 2, "max": 64, "step": 2, "prior": {"at": 8}},
            "kind": {"type": "categorical", "values": ["a", "b", "c"], "prior": {"at": "b"}},
            "flag": {"type": "bool", "prior": {"at": True, "confidence": "low"}},
            "deep": {
                "type": "int",
                "min": 1,
                "max": 9,
                "when": {"kind": "b"},
                "prior": {"at": 3, "confidence": "high"},
            },
            "plain": {"type": "float", "min": 0, "max": 1},
        },
        objectives=OBJECTIVES[:objectives],
    )


SPACE = space()


def trials(found: SearchSpace, n: int, best: float, seed: int = 0) -> list[TrialRecord]:
    """Trials all over the space, the better the nearer to ``x == best``."""
    rng = np.random.default_rng(seed)
    history = []
    for i in range(n):
        point = found.complete({"x": float(rng.random()), "plain": float(rng.random())})
        loss = abs(float(point["x"]) - best)
        history.append(
            TrialRecord(
                number=i,
                point=point,
                config={},
                config_digest=str(i),
                status="completed",
                values={"error": loss, "time": loss + 1},
            )
        )
    return history


def drawn(found: SearchSpace, history: Sequence[TrialRecord], n: int = 40) -> list[dict[str, Any]]:
    points = [next_point(Question(space=found), history, seed=seed) for seed in range(n)]
    return [point for point in points if point is not None]


def near(points: Sequence[dict[str, Any]], at: float) -> float:
    return float(np.mean([abs(p["x"] - at) < 0.15 for p in points]))


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(0, 40),
    seed=st.integers(0, 2**31 - 1),
    confidence=st.sampled_from(["low", "medium", "high"]),
    objectives=st.sampled_from([1, 2]),
    rungs=st.sampled_from([(), (2, 6)]),
)
def test_points_are_allowed_in_their_branch_and_follow_from_the_seed(
    n: int, seed: int, confidence: str, objectives: int, rungs: tuple[int, ...]
) -> None:
    found = space(confidence=confidence, objectives=objectives)
    history = trials(found, n, 0.2, seed)
    asked = Question(space=found, rungs=rungs)
    point = next(draws(asked, history, seed=seed))
    assert set(found.active(point)) == set(point)
    assert all(allows(found.parameters[name], value) for name, value in point.items())
    assert next(draws(asked, history, seed=seed)) == point


def test_the_first_points_come_from_the_priors() -> None:
    points = drawn(SPACE, [], 200)
    # Over the whole range it would be .30 of x, a third of kind, a half of flag.
    assert 0.4 < near(points, 0.8) < 0.8
    assert 0.55 < np.mean([p["kind"] == "b" for p in points]) < 0.78
    assert 0.55 < np.mean([p["flag"] for p in points]) < 0.78
    assert np.mean([1e-4 < p["lr"] < 1e-2 for p in points]) > 0.6
    assert abs(np.mean([p["plain"] for p in points]) - 0.5) < 0.08


@pytest.mark.parametrize(("confidence", "share"), [("low", 0.30), ("medium", 0.45), ("high", 0.6)])
def test_confidence_says_how_narrow_it_is(confidence: str, share: float) -> None:
    points = drawn(space(0.5, confidence=confidence), [], 300)
    assert near(points, 0.5) == pytest.approx(share, abs=0.12)


def test_a_good_prior_is_followed_and_a_wrong_one_fades() -> None:
    right, wrong = space(0.8, confidence="high"), space(0.1, confidence="high")
    assert near(drawn(right, trials(right, 12, 0.8), 12), 0.8) >= 0.8
    # The best values lie at 0.8, where the prior does not expect them.
    assert near(drawn(wrong, [], 40), 0.1) > 0.5
    assert near(drawn(wrong, trials(wrong, 30, 0.8), 12), 0.8) >= 0.8


def test_trust_zero_is_no_prior_at_all() -> None:
    believed = SPACE.parameters["x"]
    plain = believed.model_copy(update={"prior": None})
    seen = [0.1, 0.2, 0.4, 0.9]
    values = [
        suggest(p, seen[:2], seen[2:], np.random.RandomState(3), n_candidates=64, trust=t)
        for p, t in ((believed, 0.0), (plain, 0.0), (plain, 1.0))
    ]
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize("name", ["x", "lr", "n", "deep"])
def test_a_prior_is_a_density_with_its_peak_where_it_was_said(name: str) -> None:
    parameter = SPACE.parameters[name]
    assert isinstance(parameter, FloatParameter | IntParameter)
    assert parameter.prior is not None
    density = prior_density(parameter)
    places = np.linspace(density.low, density.high, 20_001)[1:-1]
    values = np.exp(places) if density.is_log else places
    if density.step:
        values = np.arange(parameter.min, parameter.max + 1, density.step, dtype=float)
    at = np.exp(density.log_density(values))
    total = at.sum() if density.step else np.trapezoid(at, places)
    assert total == pytest.approx(1.0, abs=2e-3)
    # The doubt, centred on the whole range, draws the peak a little.
    assert values[np.argmax(at)] == pytest.approx(float(parameter.prior.at), rel=0.05)
    # It is never so sure that a value is out of question: at most about ten to one.
    assert at.max() / at.min() < 16


def test_odds_of_choices() -> None:
    assert odds(SPACE.parameters["kind"]).tolist() == pytest.approx([1 / 6, 4 / 6, 1 / 6])  # type: ignore[arg-type]
    assert odds(SPACE.parameters["flag"]).tolist() == pytest.approx([1 / 3, 2 / 3])  # type: ignore[arg-type]


def test_without_a_prior_the_whole_range_is_expected() -> None:
    rng = np.random.RandomState(0)
    values = [float(expected(SPACE.parameters["plain"], rng)) for _ in range(400)]
    assert abs(np.mean(values) - 0.5) < 0.05
    assert np.std(values) == pytest.approx(12**-0.5, abs=0.04)
