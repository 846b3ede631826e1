"""Question 4's machinery: fair searches, honest ratios, rank correlations by their definition."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from benchmarks.own_table import TABLE
from benchmarks.results.stopping_answer import answer, costs_table, figure, ratio, ratios, section
from benchmarks.results.stopping_runs import (
    Run,
    Size,
    Stopping,
    Tau,
    searched,
    stopping_of,
    taus,
)
from benchmarks.search_problems import own_table, recorded_curves

SMALL = Size(n_trials=12, n_seeds=2, n_draws=20)


def run(*, stops: bool, limit: str, seed: int, proposes: str = "automtl") -> Run:
    spent = 40 if stops and limit == "trials" else 90
    return Run(
        proposes=proposes,  # type: ignore[arg-type]  # one of two words
        stops=stops,
        limit=limit,  # type: ignore[arg-type]  # one of two words
        seed=seed,
        n_trials=10,
        spent=spent,
        marks=((9, 0.2), (36, 0.4), (spent, 0.8)),
    )


FOUND = Stopping(
    code="now",
    n_trials=10,
    epochs=9,
    rungs=(1, 3),
    n_configurations=50,
    runs=tuple(
        run(stops=stops, limit=limit, seed=seed, proposes=proposes)
        for proposes in ("random", "automtl")
        for stops, limit in ((False, "trials"), (True, "trials"), (True, "epochs"))
        for seed in (0, 1)
    ),
    taus=tuple(
        Tau(metric=metric, epoch=epoch, kendall=0.1 * epoch, low=0.0, high=0.9)
        for metric in ("a", "b", "c")
        for epoch in range(1, 9)
    ),
)


def test_what_was_found_is_kept_as_plain_json() -> None:
    assert stopping_of(json.loads(json.dumps(FOUND.to_plain()))) == FOUND


def test_a_full_search_trains_every_trial_to_its_end_and_promotion_fewer_epochs() -> None:
    (problem,) = own_table().problems

    def one(limit: str, *, stops: bool) -> Run:
        return searched(
            problem,
            proposes="random",
            stops=stops,
            limit=limit,  # type: ignore[arg-type]  # one of two words
            seed=0,
            size=SMALL,
        )

    full, as_many, longer = (
        one("trials", stops=False),
        one("trials", stops=True),
        one("epochs", stops=True),
    )
    assert (full.n_trials, full.spent, len(full.marks)) == (12, 12 * 9, 12)
    assert as_many.n_trials == 12
    assert as_many.spent < full.spent <= longer.spent
    assert longer.n_trials > 12
    # The same points, fewer of them trained to their end: never more than the full search has.
    assert as_many.end <= full.end
    assert [value for _, value in full.marks] == sorted(value for _, value in full.marks)


def test_ratios_compare_at_equal_trials_and_at_equal_epochs() -> None:
    found = ratios(FOUND, "automtl")
    assert found.share.mean == pytest.approx(40 / 90)
    assert found.same_trials.mean == pytest.approx(1.0)
    assert found.until.mean == pytest.approx(0.8 / 0.4)
    assert found.early.mean == pytest.approx(1.0)
    assert found.all_epochs.mean == pytest.approx(1.0)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.1, 1), st.floats(0.1, 1)),
        min_size=2,
        max_size=20,
    )
)
def test_an_interval_of_a_ratio_holds_it_and_lies_within_the_pairs(
    pairs: list[tuple[float, float]],
) -> None:
    found = ratio([a for a, _ in pairs], [b for _, b in pairs])
    each = [a / b for a, b in pairs]
    assert min(each) - 1e-9 <= found.low <= found.high <= max(each) + 1e-9
    assert found.mean == pytest.approx(sum(a for a, _ in pairs) / sum(b for _, b in pairs))


def test_correlations_are_kendalls_over_all_configurations() -> None:
    curves = recorded_curves(TABLE)
    assert curves.shape == (266, 9, 3)
    found = taus(curves, ["a", "b", "c"], n_draws=20)
    assert len(found) == 3 * 8
    for one in found:
        place = "abc".index(one.metric)
        expected = kendalltau(curves[:, one.epoch - 1, place], curves[:, -1, place]).statistic
        assert one.kendall == pytest.approx(expected, abs=1e-4)
        assert one.low <= one.kendall <= one.high
    same = taus(np.repeat(curves[:, -1:], 3, axis=1), ["a", "b", "c"], n_draws=5)
    assert {one.kendall for one in same} == {1.0}


def test_the_section_says_both_costs_and_what_is_missing() -> None:
    assert "44 %" in costs_table(FOUND)
    assert "44 %" in answer(FOUND)
    assert len(figure(FOUND).data) == 2 * 3 + 3
    empty = section(None)
    assert "not answered yet" in empty.answer
    assert not empty.tables
