"""The projector solves UPGrad's quadratic program: optimality conditions, and brute force."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchjd.aggregation import UPGrad as TorchJdUPGrad

from automtl.training.projector import RIDGE, NnlsProjector

entries = st.floats(-3, 3, allow_nan=False, width=32)
weights = st.floats(0, 2)


@st.composite
def gradients(draw):
    """Rows that may be equal, opposite, zero, and of very different lengths."""
    n_rows, n_columns = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    rows = draw(arrays(np.float64, (n_rows, n_columns), elements=entries))
    scales = draw(arrays(np.float64, n_rows, elements=st.sampled_from([1e-3, 1.0, 1e3])))
    return rows * scales[:, None]


def project(matrix: np.ndarray, u: np.ndarray) -> np.ndarray:
    gramian = torch.from_numpy(matrix @ matrix.T)
    return NnlsProjector()(torch.from_numpy(u)[None], gramian)[0].numpy()


def objective(matrix: np.ndarray, v: np.ndarray) -> float:
    return float(np.sum((matrix.T @ v) ** 2))


def magnitude(matrix: np.ndarray, u: np.ndarray) -> float:
    """Length of the combination before opposite rows cancel: what rounding is relative to."""
    return float(np.linalg.norm(matrix, axis=1) @ u)


def penalty(matrix: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """What the ridge adds to the objective of ``v``."""
    return RIDGE * float(np.sum((np.linalg.norm(matrix, axis=1) * (v - u)) ** 2))


def brute_force(matrix: np.ndarray, u: np.ndarray) -> float:
    """Least objective with the ridge's penalty, over all choices of which bounds are active."""
    best = np.inf
    for free in product([False, True], repeat=len(u)):
        rows, fixed = np.flatnonzero(free), np.flatnonzero(~np.array(free))
        v = u.copy()
        if len(rows):
            v[rows] = np.linalg.lstsq(matrix[rows].T, -matrix[fixed].T @ u[fixed], rcond=None)[0]
        if np.all(v >= u):
            best = min(best, objective(matrix, v) + penalty(matrix, u, v))
    return best


@given(matrix=gradients(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_karush_kuhn_tucker(matrix, data):
    u = data.draw(arrays(np.float64, len(matrix), elements=weights))
    v = project(matrix, u)
    step = matrix.T @ v
    lengths = np.linalg.norm(matrix, axis=1)
    size = magnitude(matrix, u)
    multipliers = matrix @ step
    assert np.all(v >= u), "a weight fell below its bound"
    # The ridge allows its weight times what was added, and no more than 1/root is ever added.
    allowed = np.sqrt(RIDGE) * lengths * size
    assert np.all(multipliers >= -allowed), "the result conflicts with a gradient"
    assert np.all((v - u) * multipliers <= 1e-12 * size**2), "a raised weight is not needed"


@given(matrix=gradients(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_as_good_as_brute_force(matrix, data):
    u = data.draw(arrays(np.float64, len(matrix), elements=weights))
    v = project(matrix, u)
    found = objective(matrix, v) + penalty(matrix, u, v)
    assert found <= brute_force(matrix, u) + 1e-12 * magnitude(matrix, u) ** 2


@given(matrix=gradients())
@settings(max_examples=100, deadline=None)
def test_upgrad_conflicts_with_no_row(matrix):
    tensor = torch.from_numpy(matrix)
    step = TorchJdUPGrad(projector=NnlsProjector())(tensor).numpy()
    lengths = np.linalg.norm(matrix, axis=1)
    assert np.all(matrix @ step >= -np.sqrt(RIDGE) * lengths * lengths.max())


def test_values_by_hand():
    # u = e1 on gradients (1, 0) and (-1, 1): the projection of (1, 0) off the second is (.5, .5).
    matrix = np.array([[1.0, 0.0], [-1.0, 1.0]])
    np.testing.assert_allclose(project(matrix, np.array([1.0, 0.0])), [1.0, 0.5], atol=1e-12)


def test_without_conflict_nothing_is_added():
    matrix = np.array([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 9.0]])
    u = np.array([0.3, 0.7, 1.0])
    np.testing.assert_array_equal(project(matrix, u), u)


def test_opposite_gradients_cancel():
    matrix = np.array([[2.0, 0.0], [-1.0, 0.0]])
    v = project(matrix, np.array([1.0, 0.0]))
    np.testing.assert_allclose(matrix.T @ v, 0.0, atol=1e-12)


@pytest.mark.parametrize("slope", [0.03, 1 / 256, 1e-4])
def test_nearly_opposite_gradients_leave_their_common_direction(slope):
    # No direction but (0, 1) conflicts with none of the three, so that is the projection's.
    matrix = np.array([[-1.0, 0.0], [1.0, slope], [1.748046875, 0.0]])
    v = project(matrix, np.ones(3))
    np.testing.assert_allclose(matrix.T @ v, [0.0, slope], atol=1e-10)
    assert v.max() < 3.0, "rows that cancel need no large weights"


def test_zero_gradients_keep_their_weight():
    u = np.array([1.0, 2.0])
    np.testing.assert_array_equal(project(np.zeros((2, 3)), u), u)


def test_type_and_shape_are_those_of_the_weights():
    weights = NnlsProjector()(torch.ones(2, 3, 4), torch.eye(4))
    assert weights.shape == (2, 3, 4)
    assert weights.dtype is torch.float32


def test_agrees_with_the_definition_in_high_precision():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(3, 50))
    matrix[2] = -matrix[0] + 0.1 * matrix[1]
    u = np.ones(3)
    assert objective(matrix, project(matrix, u)) == pytest.approx(brute_force(matrix, u))
