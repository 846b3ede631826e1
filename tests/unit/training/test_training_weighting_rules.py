"""Each rule keeps what its paper states, on drawn matrices, and equals TorchJD's."""

import numpy as np
import pytest
import torch
import torchjd.aggregation as jd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from automtl.training.projector import NnlsProjector
from automtl.training.weighting import rules
from automtl.training.weighting.fairness import RIDGE, alpha_fair
from automtl.training.weighting.rows import Block
from automtl.training.weighting.stateful_rules import GradVac, PCGrad, Problem

ALPHAS = [0.5, 1.0, 2.0, 10.0]
C = [0.1, 0.4, 0.9, 1.5]
MEMORYLESS = {
    "upgrad": rules.upgrad,
    "dualproj": rules.dualproj,
    "mgda": rules.mgda,
    "cagrad": lambda gramian: rules.cagrad(gramian, c=0.4),
    "nashmtl": rules.nash_mtl,
    "fairgrad": lambda gramian: alpha_fair(gramian, alpha=2.0),
    "aligned_mtl": lambda gramian: rules.aligned_mtl(gramian, scale="min"),
    "config": rules.config,
    "imtl_g": rules.imtl_g,
}
IN_THE_CONE = ["upgrad", "dualproj", "mgda", "cagrad", "nashmtl", "fairgrad"]
drawn = settings(max_examples=25, deadline=None)


@st.composite
def gradients(draw):
    """Rows that may be equal, opposite, dependent, and of different lengths; the longest is 1."""
    n_rows, n_columns = draw(st.integers(2, 5)), draw(st.integers(1, 6))
    entries = st.integers(-3, 3).map(float) | st.floats(-3, 3, width=32)
    rows = draw(arrays(np.float64, (n_rows, n_columns), elements=entries))
    rows *= draw(arrays(np.float64, n_rows, elements=st.sampled_from([0.01, 1.0, 30.0])))[:, None]
    lengths = np.linalg.norm(rows, axis=1)
    rows = rows[lengths > 1e-6]
    return rows / lengths.max() if len(rows) else np.eye(2)


def independent(seed, n_rows=4, n_columns=12):
    rows = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    rows[1] -= 0.8 * rows[0]
    rows[2] *= 0.1
    return rows / np.linalg.norm(rows, axis=1).max()


@st.composite
def independent_rows(draw):
    """Three to five rows of different lengths, one near the opposite of another, not dependent."""
    n_rows = draw(st.integers(3, 5))
    n_columns = draw(st.integers(3 * n_rows, 16))
    return independent(draw(st.integers(0, 10**6)), n_rows, n_columns)


def problem(matrix):
    places = tuple(range(len(matrix)))
    return Problem(tasks=places, places=places, gramian=matrix @ matrix.T, rows=OneBlock(matrix))


class OneBlock:
    def __init__(self, matrix):
        rows = torch.from_numpy(matrix).float()
        self.blocks = (Block(members=tuple(range(len(matrix))), rows=rows),)


@pytest.mark.parametrize("name", IN_THE_CONE)
@given(matrix=gradients())
@drawn
def test_the_step_is_in_the_cone_of_the_gradients(name, matrix):
    weights = MEMORYLESS[name](matrix @ matrix.T)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()


@pytest.mark.parametrize("name", ["upgrad", "dualproj", "mgda"])
@given(matrix=gradients())
@drawn
def test_the_step_conflicts_with_no_gradient(name, matrix):
    weights = MEMORYLESS[name](matrix @ matrix.T)
    lengths = np.linalg.norm(matrix, axis=1)
    # Up to rounding of a sum whose terms may cancel.
    assert (matrix @ (matrix.T @ weights) >= -1e-6 * lengths * (weights @ lengths)).all()


@given(matrix=gradients())
@drawn
def test_mgda_is_the_shortest_convex_combination(matrix):
    weights = rules.mgda(matrix @ matrix.T) / len(matrix)
    step = matrix.T @ weights
    assert weights.sum() == pytest.approx(1)
    # Optimal exactly when every gradient's projection on the step is as long as the step.
    assert (matrix @ step >= step @ step - 1e-8).all()


@pytest.mark.parametrize("c", C)
@given(matrix=gradients())
@drawn
def test_cagrad_closes_the_gap_between_its_problem_and_the_dual(c, matrix):
    weights = rules.cagrad(matrix @ matrix.T, c=c)
    mean = matrix.mean(axis=0)
    radius = c * float(np.linalg.norm(mean))
    shares = weights - 1
    if not weights.any() or radius < 1e-6 or shares.sum() < 1e-9:
        return
    combination = matrix.T @ (shares / shares.sum())
    bound = mean @ combination + radius * np.linalg.norm(combination)
    step = matrix.T @ weights / len(matrix)
    assert np.linalg.norm(step - mean) == pytest.approx(radius, rel=1e-4)
    assert np.min(matrix @ step) == pytest.approx(bound, abs=1e-6 * np.linalg.norm(step))


@given(matrix=gradients())
@drawn
def test_cagrad_gives_up_only_where_gradients_cancel(matrix):
    weights = rules.cagrad(matrix @ matrix.T, c=0.4)
    if not weights.any():
        shortest = matrix.T @ rules.mgda(matrix @ matrix.T)
        assert np.linalg.norm(shortest) < 1e-5


@pytest.mark.parametrize("alpha", ALPHAS)
@given(matrix=gradients())
@drawn
def test_fair_weights_meet_their_equation(alpha, matrix):
    gramian = matrix @ matrix.T
    weights = alpha_fair(gramian, alpha=alpha)
    assert (weights > 0).all()
    scaled = gramian / np.linalg.norm(gramian)
    terms = np.abs(scaled) @ weights + weights ** (-1 / alpha)
    gain = scaled @ weights + RIDGE * np.diagonal(scaled) * weights
    assert (np.abs(gain - weights ** (-1 / alpha)) <= 1e-7 * terms).all()


@given(matrix=independent_rows())
@drawn
def test_impartial_steps_project_equally(matrix):
    lengths = np.linalg.norm(matrix, axis=1)
    for rule in (rules.imtl_g, rules.config):
        step = matrix.T @ rule(matrix @ matrix.T)
        cosines = matrix @ step / lengths / np.linalg.norm(step)
        np.testing.assert_allclose(cosines, cosines[0], rtol=1e-5)
    assert rules.imtl_g(matrix @ matrix.T).sum() == pytest.approx(len(matrix))
    config_step = matrix.T @ rules.config(matrix @ matrix.T)
    direction = config_step / np.linalg.norm(config_step)
    assert np.linalg.norm(config_step) == pytest.approx((matrix @ direction).sum())


@pytest.mark.parametrize("name", ["imtl_g", "config", "nashmtl"])
@given(matrix=independent_rows(), data=st.data())
@drawn
def test_the_direction_does_not_depend_on_the_scale_of_a_loss(name, matrix, data):
    scales = data.draw(st.lists(st.floats(0.05, 1), min_size=5, max_size=5))
    scaled = matrix * np.array(scales[: len(matrix)])[:, None]
    steps = [m.T @ MEMORYLESS[name](m @ m.T) for m in (matrix, scaled)]
    directions = [step / np.linalg.norm(step) for step in steps]
    # IMTL-G's weights have a sum of one, whose sign may turn with the scales.
    sign = np.sign(directions[0] @ directions[1]) if name == "imtl_g" else 1.0
    np.testing.assert_allclose(directions[0], sign * directions[1], atol=1e-4)


@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
@given(matrix=independent_rows())
@drawn
def test_aligned_components_are_equally_long(scale, matrix):
    gramian = matrix @ matrix.T
    weights = rules.aligned_mtl(gramian, scale=scale)
    step = matrix.T @ weights
    # J'w with w = s G^(-1/2) 1 has the length s |1|, for the chosen singular value s.
    values = np.linalg.eigvalsh(gramian)
    median = values[(len(values) - 1) // 2]
    wanted = {"min": values[0], "median": median, "rmse": values.mean()}[scale]
    assert np.linalg.norm(step) == pytest.approx(np.sqrt(wanted * len(matrix)), rel=1e-4)


@pytest.mark.parametrize("name", MEMORYLESS)
@given(matrix=gradients(), data=st.data())
@drawn
def test_the_order_of_the_tasks_does_not_matter(name, matrix, data):
    order = data.draw(st.permutations(range(len(matrix))))
    rule = MEMORYLESS[name]
    step = matrix.T @ rule(matrix @ matrix.T)
    turned = matrix[order]
    other = turned.T @ rule(turned @ turned.T)
    size = np.linalg.norm(matrix, axis=1) @ np.abs(rule(matrix @ matrix.T))
    np.testing.assert_allclose(step, other, atol=2e-3 * size)


@pytest.mark.parametrize("name", MEMORYLESS)
def test_equal_gradients_are_summed(name):
    row = np.array([0.6, 0.0, -0.8])
    matrix = np.stack([row, row, row])
    expected = 1.4 if name == "cagrad" else 1.0
    step = matrix.T @ MEMORYLESS[name](matrix @ matrix.T)
    np.testing.assert_allclose(step, 3 * expected * row, rtol=1e-4)


ONES = torch.ones(4, dtype=torch.float64)
PROJECTOR = NnlsProjector()
TORCHJD = {
    "upgrad": jd.UPGrad(pref_vector=ONES, projector=PROJECTOR),
    "dualproj": jd.DualProj(pref_vector=ONES, projector=PROJECTOR),
    "aligned_mtl": jd.AlignedMTL(pref_vector=ONES),
    "config": jd.ConFIG(),
}


@pytest.mark.parametrize("name", TORCHJD)
@pytest.mark.parametrize("seed", range(5))
def test_the_step_is_that_of_torchjd(name, seed):
    matrix = independent(seed)
    expected = TORCHJD[name](torch.from_numpy(matrix)).numpy()
    step = matrix.T @ MEMORYLESS[name](matrix @ matrix.T)
    np.testing.assert_allclose(step, expected, atol=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_the_steps_of_torchjd_that_are_means_are_ours_by_the_number_of_tasks(seed):
    matrix = independent(seed)
    tensor = torch.from_numpy(matrix)
    gramian = matrix @ matrix.T
    mgda = jd.MGDA(epsilon=1e-9, max_iters=2_000)(tensor).numpy()
    np.testing.assert_allclose(matrix.T @ rules.mgda(gramian), 4 * mgda, atol=2e-3)
    imtl_g = jd.IMTLG()(tensor).numpy()
    np.testing.assert_allclose(matrix.T @ rules.imtl_g(gramian), 4 * imtl_g, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_fair_steps_have_the_direction_of_torchjd(seed):
    matrix = independent(seed)
    expected = jd.FairGrad(alpha=2.0)(torch.from_numpy(matrix)).numpy()
    step = matrix.T @ alpha_fair(matrix @ matrix.T, alpha=2.0)
    np.testing.assert_allclose(
        step / np.linalg.norm(step), expected / np.linalg.norm(expected), atol=1e-3
    )


def test_pcgrad_and_gradvac_take_the_steps_of_torchjd():
    vac, pc = GradVac(4, beta=0.3, seed=5), PCGrad(seed=5)
    peer = {"vac": jd.GradVac(beta=0.3), "pc": jd.PCGrad()}
    states = {}
    for name in peer:
        states[name] = torch.Generator().manual_seed(5).get_state()
    for seed in range(6):
        matrix = independent(seed)
        for name, rule in (("vac", vac), ("pc", pc)):
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(states[name])
                expected = peer[name](torch.from_numpy(matrix)).numpy()
                states[name] = torch.get_rng_state()
            step = matrix.T @ rule.solve(problem(matrix))
            np.testing.assert_allclose(step, expected, atol=1e-6)


def test_gradvac_keeps_the_averages_of_a_pair_that_is_away():
    rule, matrix = GradVac(3, beta=0.5, seed=0), independent(0)[:3]
    rule.solve(problem(matrix))
    before = rule.state_dict()["targets"]
    pair = Problem(
        tasks=(0, 1), places=(0, 1), gramian=matrix[:2] @ matrix[:2].T, rows=OneBlock(matrix)
    )
    rule.solve(pair)
    after = rule.state_dict()["targets"]
    assert torch.equal(before[2], after[2])
    assert torch.equal(before[:, 2], after[:, 2])
    assert not torch.equal(before, after)


@given(matrix=gradients(), seed=st.integers(0, 5))
@drawn
def test_pcgrad_of_two_tasks_conflicts_with_neither(matrix, seed):
    two = matrix[[0, -1]]
    step = two.T @ PCGrad(seed=seed).solve(problem(two))
    assert (two @ step >= -1e-9).all()


@given(matrices=st.tuples(independent_rows(), independent_rows()), seed=st.integers(0, 99))
@drawn
def test_gradvac_raises_the_cosine_of_two_tasks_to_its_average_and_lowers_none(matrices, seed):
    rule = GradVac(2, beta=1.0, seed=seed)
    two, other = (m[:2] / np.linalg.norm(m[:2], axis=1)[:, None] for m in matrices)
    rule.solve(problem(two))
    target = two[0] @ two[1]
    step = other.T @ rule.solve(problem(other))
    if other[0] @ other[1] >= target:
        np.testing.assert_allclose(step, other.sum(axis=0), atol=1e-9)
        return
    # Equation 2 of the paper by itself: how much of the other one brings the cosine to the target.
    cosine = other[0] @ other[1]
    sine, wanted = np.sqrt(1 - cosine**2), np.sqrt(1 - target**2)
    share = (target * sine - cosine * wanted) / wanted
    np.testing.assert_allclose(step, (1 + share) * other.sum(axis=0), atol=1e-6)
    pulled = other[0] + share * other[1]
    assert pulled @ other[1] / np.linalg.norm(pulled) == pytest.approx(target, abs=1e-6)


def test_gradvac_brings_the_cosine_of_two_tasks_to_its_average():
    rule, matrix = GradVac(2, beta=1.0, seed=0), np.array([[1.0, 0.0], [0.6, 0.8]])
    rule.solve(problem(matrix))
    conflicting = np.array([[1.0, 0.0], [-0.6, 0.8]])
    weights = rule.solve(problem(conflicting))
    # Each is pulled to a cosine of 0.6 with the other: by hand, 1.2 of it.
    np.testing.assert_allclose(weights, [2.2, 2.2])
    pulled = conflicting[0] + 1.2 * conflicting[1]
    assert pulled @ conflicting[1] / np.linalg.norm(pulled) == pytest.approx(0.6)
