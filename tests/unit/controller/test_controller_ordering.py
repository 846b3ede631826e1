"""The order by fronts, and inside a front by what a row adds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from automtl.controller.ordering import first_among, order
from automtl.pareto import ranks

TIES = st.sampled_from(["hypervolume", "spread"])
LOSSES = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7),
    elements=st.integers(0, 3).map(float),
)


@given(LOSSES, TIES)
def test_no_row_comes_before_one_that_dominates_it(losses: np.ndarray, ties: str) -> None:
    found = order(losses, ties=ties)  # type: ignore[arg-type]
    assert sorted(found) == list(range(len(losses)))
    for i, row in enumerate(found):
        for later in found[i + 1 :]:
            dominates = (losses[later] <= losses[row]).all() and (
                losses[later] < losses[row]
            ).any()
            assert not dominates


MANY = arrays(
    np.float64,
    st.tuples(st.integers(1, 40), st.integers(1, 3)),
    elements=st.integers(0, 9).map(float),
)


@given(MANY, TIES)
def test_rows_come_front_by_front(losses: np.ndarray, ties: str) -> None:
    """Also behind those fronts that are found one by one."""
    found = order(losses, ties=ties)  # type: ignore[arg-type]
    assert sorted(found) == list(range(len(losses)))
    by_front = ranks(losses)[found]
    assert (np.diff(by_front) >= 0).all()


@given(LOSSES, TIES, st.integers(0, 9))
def test_the_best_few_are_the_beginning_of_the_order(
    losses: np.ndarray, ties: str, n: int
) -> None:
    whole = order(losses, ties=ties)  # type: ignore[arg-type]
    assert order(losses, ties=ties, n_best=n) == whole[:n]  # type: ignore[arg-type]


@given(LOSSES, TIES, st.integers(0, 9), st.data())
def test_the_first_wanted_row_is_that_of_the_order(
    losses: np.ndarray, ties: str, n: int, data: st.DataObject
) -> None:
    is_wanted = data.draw(arrays(np.bool_, len(losses)))
    expected = next((r for r in order(losses, ties=ties, n_best=n) if is_wanted[r]), None)  # type: ignore[arg-type]
    assert first_among(losses, is_wanted, ties=ties, n_best=n) == expected  # type: ignore[arg-type]


@given(LOSSES, TIES, st.floats(0.1, 50))
def test_units_do_not_matter(losses: np.ndarray, ties: str, factor: float) -> None:
    turned = losses * np.linspace(1, factor, losses.shape[1]) + 7
    assert order(turned, ties=ties) == order(losses, ties=ties)  # type: ignore[arg-type]


def test_an_eps_net_takes_the_farthest_next() -> None:
    front = np.array([[0.0, 1.0], [0.1, 0.9], [0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    assert order(front, ties="spread")[0] == 2
    assert set(order(front, ties="spread")[1:3]) == {0, 4}
