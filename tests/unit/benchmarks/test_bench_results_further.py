"""Question 6: what a bundle is worth, beside training anew in as many steps and in all of them."""

import pytest

from benchmarks.results.asking import FULL
from benchmarks.results.further_answer import answer, answered, over_all, summary, table
from benchmarks.results.further_arms import ANEW, ANEW_SHORT, Cell, arm_of, cells
from benchmarks.results.metrics import PRIMARIES
from benchmarks.results.trainings import Outcome

CELLS = tuple(cells("shapes", FULL.further))
TASK, _, DATA = CELLS


def outcomes(cell: Cell, values: tuple[float, ...], n_seeds: int = 3) -> list[Outcome]:
    """Give each arm its value and a hundredth more for each further seed."""
    return [
        Outcome(
            key=f"{arm}-{seed}",
            code="now",
            question="further",
            dataset="shapes",
            arm=arm_of(cell, arm),
            seed=seed,
            validation={},
            test=dict.fromkeys(PRIMARIES, value + 0.01 * seed),
            seconds=1.0,
        )
        for arm, value in zip(cell.arms, values, strict=True)
        for seed in range(n_seeds)
    ]


def test_the_last_arm_of_each_cell_begins_with_a_bundle() -> None:
    for cell in CELLS:
        *others, (_, last) = cell.arms.items()
        assert last[1] is not None
        assert all(begun is None for _, (_, begun) in others)
        assert [name for name, _ in others] == [ANEW, ANEW_SHORT]


def test_a_bundle_is_compared_with_as_many_steps_and_with_all() -> None:
    found = answered(DATA, outcomes(DATA, (0.5, 0.3, 0.4)))
    assert found.n_seeds == 3
    assert found.gain(ANEW).mean == pytest.approx(-0.1)
    assert found.gain(ANEW_SHORT).mean == pytest.approx(0.1)
    assert answer([found], 3) == (
        "more data, from the bundle, a quarter of the steps is better than training anew in as "
        "many steps (+.100 [.100, .100]) and worse than training anew with all steps (-.100 "
        "[-.100, -.100])"
    )
    assert answer([found], 5) == "more data: not answered yet (3 of 5 seeds)"
    last = table([found], 3).splitlines()[-1]
    assert last.endswith("| **-.100 [-.100, -.100]** | **+.100 [.100, .100]** |")


def test_a_cell_without_a_seed_has_its_row() -> None:
    found = answered(TASK, [])
    assert found.n_seeds == 0
    assert "not answered yet (0 of 5 seeds)" in table([found], 5)


def test_the_answer_counts_over_kinds_of_data() -> None:
    found = {
        title: [answered(cell, outcomes(cell, values)) for cell in CELLS]
        for title, values in {"Clips": (0.5, 0.3, 0.4), "Street": (0.5, 0.3, 0.6)}.items()
    }
    said = summary(found)
    assert (
        "more data, from the bundle, a quarter of the steps beats training anew in as many steps "
        "in 2 of 2 cells and is beaten by it in 0, beats training anew with all steps in 1 of 2 "
        "cells and is beaten by it in 1"
    ) in said
    assert "a new task, on the frozen trunk, a quarter of the steps beats" in said
    assert summary({}) == "not answered yet"
    (short_words, short), (_, long) = over_all(found)
    assert short_words == "from the bundle, beyond training anew in as many steps"
    assert short["Clips"]["more data"].mean == pytest.approx(0.1)
    assert long["Street"]["more data"].mean == pytest.approx(0.1)
