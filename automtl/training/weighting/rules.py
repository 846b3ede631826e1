"""Task weights from the inner products of the tasks' gradients.

Each rule takes the Gramian ``G = JJ'`` of the gradients (the rows of ``J``), float64 ``[m, m]``
with a positive diagonal whose largest entry is 1, and returns a weight for each task. The step is
then ``J'w``. Papers disagree on whether a step is a sum or a mean; here all are on the scale of
the sum: tasks with equal gradients get the weight 1 each (CAGrad: 1 + c), so that one learning
rate fits all methods, and the heads, whose gradients no method changes.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq, nnls
from torchjd.aggregation import UPGradWeighting as TorchJDUPGrad

from automtl.training.projector import NnlsProjector, normalised_root
from automtl.training.weighting.fairness import alpha_fair

GramianRule = Callable[[NDArray[np.float64]], NDArray[np.float64]]

RELATIVE_PRECISION = float(np.finfo(np.float32).eps)
"""Of the Gramians, whose gradients are float32: below it, a direction is noise."""


def upgrad(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """UPGrad: the sum of the gradients, each projected onto the dual cone of all.

    Quinton and Rey 2024, arXiv 2406.16232, eq. 4, with a preference of one for each task.
    """
    ones = torch.ones(len(gramian), dtype=torch.float64)
    rule = TorchJDUPGrad(pref_vector=ones, projector=NnlsProjector())
    return np.asarray(rule(torch.from_numpy(gramian)))


def dualproj(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """DualProj: the sum of the gradients, projected onto their dual cone.

    Lopez-Paz and Ranzato 2017, arXiv 1706.08840, eq. 11.
    """
    ones = torch.ones(len(gramian), dtype=torch.float64)
    return np.asarray(NnlsProjector()(ones, torch.from_numpy(gramian)))


def mgda(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """MGDA: the shortest convex combination, times the number of tasks.

    Desideri 2012; Sener and Koltun 2018, arXiv 1810.04650, eq. 3. It is found exactly, not by
    steps of Frank and Wolfe.
    """
    return len(gramian) * _shortest(_points(gramian))


def cagrad(gramian: NDArray[np.float64], *, c: float) -> NDArray[np.float64]:
    """CAGrad: the best step for the worst task within ``c`` of the mean, times the tasks.

    Liu et al. 2021, arXiv 2110.14048, eq. 3: minimise ``<g_w, g_0> + r |g_w|`` over convex
    combinations ``g_w``, with ``g_0`` the mean and ``r = c |g_0|``. Where ``|g_w| = t``, the
    minimiser is also the ``w`` that brings ``g_w + (t / r) g_0`` nearest to zero, and both sides
    of ``|g_w| = t`` move one way in ``t``: one root of a scalar function is left to find.
    """
    n_tasks = len(gramian)
    points = _points(gramian)
    mean = points.mean(axis=1)
    radius = c * float(np.linalg.norm(mean))
    if radius == 0.0:
        return np.ones(n_tasks)

    def nearest(pull: float) -> NDArray[np.float64]:
        return _shortest(points + pull * mean[:, None])

    def excess(pull: float) -> float:
        return float(np.linalg.norm(points @ nearest(pull))) - pull * radius

    largest = 2.0 / radius  # no gradient is longer than 1
    smallest = RELATIVE_PRECISION * largest
    if excess(smallest) <= 0.0:
        # Some combination is zero: no direction helps the worst task.
        return np.zeros(n_tasks)
    weights = nearest(float(brentq(excess, smallest, largest, xtol=1e-12 * largest)))
    length = float(np.linalg.norm(points @ weights))
    return 1.0 + n_tasks * radius / length * weights


def nash_mtl(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nash-MTL: the step with the largest product of the tasks' gains.

    Navon et al. 2022, arXiv 2202.01017, eq. 2. The paper's linearised solver needs the weights of
    the step before; the problem itself does not.
    """
    return alpha_fair(gramian, alpha=1.0)


def aligned_mtl(
    gramian: NDArray[np.float64], *, scale: Literal["min", "median", "rmse"]
) -> NDArray[np.float64]:
    """Aligned-MTL: the sum after the principal components are made equally long.

    Senushkin et al. 2023, arXiv 2305.19000, algorithm 1.
    """
    # TorchJD takes the precision of the numbers' type for that of the gradients. In float32 a
    # component near the limit is then off by a per cent, and in float64 noise counts as one.
    values, vectors = np.linalg.eigh(gramian)
    kept = values > len(gramian) * RELATIVE_PRECISION * values[-1]
    if not kept.any():
        return np.ones(len(gramian))
    values, vectors = values[kept], vectors[:, kept]
    sizes = {"min": values[0], "median": values[(len(values) - 1) // 2], "rmse": values.mean()}
    roots = np.sqrt(sizes[scale] / values)
    return np.asarray(vectors @ (roots * vectors.sum(axis=0)))


def config(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """ConFIG: the direction with equal cosines, as long as the gradients' projections on it.

    Liu et al. 2024, arXiv 2408.11104, eq. 2.
    """
    lengths, cosines, weights = _impartial(gramian)
    norm = float(np.sqrt(np.maximum(0.0, weights @ cosines @ weights)))
    if norm <= RELATIVE_PRECISION:
        return np.zeros(len(gramian))
    projections = lengths * (cosines @ weights) / norm
    return np.asarray(projections.sum() / norm * weights / lengths)


def imtl_g(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """IMTL-G: weights of one sum whose step projects equally onto every gradient.

    Liu et al. 2021, "Towards Impartial Multi-task Learning", ICLR, eq. 3. A weight may be
    negative.
    """
    lengths, _, weights = _impartial(gramian)
    found = weights / lengths
    together = float(found.sum())
    if abs(together) <= RELATIVE_PRECISION * float(np.abs(found).sum()):
        return np.zeros(len(gramian))
    return np.asarray(len(gramian) / together * found)


def _impartial(
    gramian: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return lengths, cosines, and the least weights of unit rows with equal projections."""
    lengths = np.sqrt(np.diagonal(gramian))
    cosines = gramian / np.outer(lengths, lengths)
    precision = len(gramian) * RELATIVE_PRECISION
    inverse = np.linalg.pinv(cosines, rcond=precision, hermitian=True)
    return lengths, cosines, inverse @ np.ones(len(gramian))


def _points(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors, the columns of ``[m, m]``, whose inner products are the Gramian's."""
    lengths, root = normalised_root(gramian)
    return root * lengths


def _shortest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the convex weights ``[m]`` of the columns' combination that is nearest to zero.

    The least ``|Pu|^2 + s^2 (sum(u) - 1)^2`` over ``u >= 0`` has the direction of the solution
    for any ``s``: to scale ``u`` changes ``|Pu|`` in proportion.
    """
    lengths = np.linalg.norm(points, axis=0)
    if not lengths.all():
        return np.asarray((lengths == 0) / np.count_nonzero(lengths == 0))
    shortest = float(lengths.min())
    system = np.vstack([points / lengths, shortest / lengths])
    target = np.zeros(len(system))
    target[-1] = 1.0
    found, _ = nnls(system, target, maxiter=100 * len(lengths))
    weights = found / lengths
    return np.asarray(weights / weights.sum())
