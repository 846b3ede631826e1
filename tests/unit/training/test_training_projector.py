"""The projector solves UPGrad's quadratic program: optimality conditions, and brute force."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchjd.aggregation import UPGrad as TorchJdUPGrad

from automtl.training.projector import NnlsProjector

# Whole numbers give equal, opposite and dependent rows exactly, but no rows that are opposite up
# to a small angle. There the projector is inexact: for (-1, 0), (1, 1/256), (1.748, 0) it leaves
# a conflict of 1.9e-6, although an exact answer exists; see docs/measurements.md.
entries = st.integers(-3, 3).map(float)
weights = st.integers(0, 8).map(lambda n: n / 4)


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


def brute_force(matrix: np.ndarray, u: np.ndarray) -> float:
    """Best objective over all choices of which bounds are active."""
    gramian = matrix @ matrix.T
    best = np.inf
    for free in product([False, True], repeat=len(u)):
        rows = np.flatnonzero(free)
        v = u.copy()
        if len(rows):
            fixed = np.flatnonzero(~np.array(free))
            right = -gramian[np.ix_(rows, fixed)] @ u[fixed]
            v[rows] = np.linalg.lstsq(gramian[np.ix_(rows, rows)], right, rcond=None)[0]
        if np.all(v >= u - 1e-9 * (1 + np.abs(u))):
            best = min(best, objective(matrix, v))
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
    assert np.all(multipliers >= -1e-6 * lengths * size), "the result conflicts with a gradient"
    assert np.all((v - u) * multipliers <= 1e-6 * size**2), "a raised weight is not needed"


@given(matrix=gradients(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_as_good_as_brute_force(matrix, data):
    u = data.draw(arrays(np.float64, len(matrix), elements=weights))
    found = objective(matrix, project(matrix, u))
    assert found <= brute_force(matrix, u) + 1e-8 * magnitude(matrix, u) ** 2


@given(matrix=gradients())
@settings(max_examples=100, deadline=None)
def test_upgrad_conflicts_with_no_row(matrix):
    tensor = torch.from_numpy(matrix)
    step = TorchJdUPGrad(projector=NnlsProjector())(tensor).numpy()
    lengths = np.linalg.norm(matrix, axis=1)
    assert np.all(matrix @ step >= -1e-6 * lengths * max(1e-300, lengths.max()))


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
