import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from automtl.pareto import (
    expected_front,
    front,
    hypervolume,
    ideal,
    knee,
    non_dominated,
    ranks,
    reference_point,
    weighted,
)
from automtl.results import Objective, TrialRecord, TrialStatus

Losses = NDArray[np.float64]

OBJECTIVES = (
    Objective(metric="quality", goal="maximize"),
    Objective(metric="latency", goal="minimize", unit="ms"),
)

tied = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.sampled_from([-1.0, 0.0, 1.0, math.nan]),
)


def dominates(a: Losses, b: Losses) -> bool:
    return bool((a <= b).all() and (a < b).any())


@given(tied)
def test_kept_exactly_when_complete_and_undominated(losses: Losses) -> None:
    expected = [
        not np.isnan(row).any() and not any(dominates(other, row) for other in losses)
        for row in losses
    ]
    assert non_dominated(losses).tolist() == expected


@given(tied)
def test_ranks_are_fronts_peeled_off_one_by_one(losses: Losses) -> None:
    expected = np.full(len(losses), len(losses))
    left = ~np.isnan(losses).any(axis=1)
    for rank in itertools.count():
        if not left.any():
            break
        indices = np.flatnonzero(left)[non_dominated(losses[left])]
        expected[indices] = rank
        left[indices] = False
    assert ranks(losses).tolist() == expected.tolist()


def test_hypervolume_by_hand() -> None:
    assert hypervolume([[1, 2], [2, 1]], [3, 3]) == 3.0
    # Boxes 2x1x1 and 1x2x1 and 1x1x2, which all share the unit cube: 3 * 2 - 2.
    assert hypervolume([[1, 2, 2], [2, 1, 2], [2, 2, 1]], [3, 3, 3]) == pytest.approx(4.0)
    # Quality is turned: 0.6 and 0.4 against a reference of 0.
    assert hypervolume([[-0.6, -0.4]], [0, 0]) == pytest.approx(0.24)


@pytest.mark.parametrize(
    "extra", [[3.0, 0.0], [4.0, 4.0], [math.nan, 0.0], [2.0, 2.0], [math.inf, 1.0]]
)
def test_rows_without_own_volume_add_none(extra: list[float]) -> None:
    assert hypervolume([[1, 2], [2, 1], extra], [3, 3]) == 3.0


@given(
    arrays(np.float64, (5, 3), elements=st.integers(0, 4).map(float)), st.permutations(range(5))
)
def test_hypervolume_counts_cells_in_any_order(losses: Losses, order: list[int]) -> None:
    cells = itertools.product(range(4), repeat=3)
    expected = sum(any((row <= cell).all() for row in losses) for cell in cells)
    assert hypervolume(losses[order], [4, 4, 4]) == pytest.approx(expected)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="one finite number per objective"):
        hypervolume([[1, 2]], [3, 3, 3])
    with pytest.raises(ValueError, match="one finite number"):
        hypervolume([[1, 2]], [3, math.nan])
    with pytest.raises(ValueError, match="shape"):
        non_dominated([1, 2])


@given(
    arrays(np.float64, (4, 2), elements=st.floats(-5, 5)),
    st.sampled_from([0.5, 2.0, 64.0]),
)
def test_scores_do_not_depend_on_units(losses: Losses, factor: float) -> None:
    scaled = losses * np.array([factor, 1.0])
    assert np.allclose(knee(losses), knee(scaled))
    assert np.allclose(ideal(losses), ideal(scaled))
    assert np.allclose(weighted(losses, [1, 3]), weighted(scaled, [1, 3]))


def test_scores_by_hand() -> None:
    # Scaled: (1, 0), (0.2, 0.5), (0.4, 0.4), (0, 1).
    losses = [[10.0, 0.0], [2.0, 5.0], [4.0, 4.0], [0.0, 10.0]]
    assert knee(losses) == pytest.approx([1.0, 0.7, 0.8, 1.0])
    assert ideal(losses) == pytest.approx([1.0, 0.29**0.5, 0.32**0.5, 1.0])
    assert weighted(losses, [1, 3]) == pytest.approx([1.0, 1.7, 1.6, 3.0])


def test_an_objective_without_a_reference_is_measured_from_its_worst_value() -> None:
    stated = OBJECTIVES[0].model_copy(update={"reference": 0.2})
    losses = [[-0.5, 10.0], [-0.7, 30.0]]
    assert reference_point(losses, [stated, OBJECTIVES[1]]).tolist() == [-0.2, 30.0]


def trial(
    number: int,
    quality: float | None,
    latency: float,
    status: TrialStatus = TrialStatus.COMPLETED,
    origin: str = "sampler",
    parameters: float | None = None,
) -> TrialRecord:
    values = {"latency": latency} if quality is None else {"quality": quality, "latency": latency}
    return TrialRecord(
        number=number,
        point={},
        config={},
        config_digest=str(number),
        origin=origin,
        status=status,
        values=values if parameters is None else {**values, "cost/parameters": parameters},
    )


HISTORY = (
    trial(0, 0.5, 10.0),
    trial(1, 0.8, 12.0),
    trial(2, 0.9, 40.0),
    trial(3, 0.4, 11.0),
    trial(4, 0.99, 1.0, status=TrialStatus.STOPPED),
    trial(5, 0.99, 1.0, origin="baseline:detection"),
    trial(6, None, 1.0),
    trial(7, 0.99, 1.0, status=TrialStatus.INFEASIBLE),
)


def numbers(records: Sequence[TrialRecord]) -> list[int]:
    return [record.number for record in records]


def test_only_finished_candidates_with_a_full_vector_are_on_the_front() -> None:
    assert numbers(front(HISTORY, OBJECTIVES)) == [0, 1, 2]
    assert numbers(front(HISTORY[::-1], OBJECTIVES)) == [0, 1, 2]
    assert front(HISTORY[4:], OBJECTIVES) == ()


@pytest.mark.parametrize(("n", "m"), [(1, 3), (2, 2), (12, 2), (40, 3), (30, 4)])
def test_the_expected_size_of_a_front_is_the_mean_over_random_ones(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    sizes = [int(non_dominated(rng.random((n, m))).sum()) for _ in range(400)]
    error = np.std(sizes) / math.sqrt(len(sizes))
    assert expected_front(n, m) == pytest.approx(np.mean(sizes), abs=4 * error + 1e-9)


@given(st.integers(1, 200), st.integers(1, 5))
def test_a_front_grows_with_trials_and_objectives_and_holds_no_more_than_there_are(
    n: int, m: int
) -> None:
    size = expected_front(n, m)
    assert 1 <= size <= n + 1e-9
    assert size <= expected_front(n + 1, m) + 1e-9
    assert size <= expected_front(n, m + 1) + 1e-9
