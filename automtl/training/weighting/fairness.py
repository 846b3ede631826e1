"""Alpha-fair task weights: FairGrad, and Nash-MTL as its case of proportional fairness.

Both look for ``w > 0`` with ``Gw = w^(-1/alpha)`` (Ban and Ji 2024, arXiv 2402.15638, eq. 4; Navon
et al. 2022, arXiv 2202.01017, eq. 2, with alpha 1). The left side minus the right one is the
gradient of a strictly convex function of ``w``, so that there is one solution, it depends on
nothing but ``G``, and Newton's method finds it.
"""

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-6
"""Added to the cosines. Gradients that cancel would otherwise get weights without bound; with it
they stay below a thousand times the others, and other weights move by a millionth."""

_TOLERANCE = 1e-9
_MAX_STEPS = 500


def alpha_fair(gramian: NDArray[np.float64], *, alpha: float) -> NDArray[np.float64]:
    """Return weights ``w`` with ``Gw`` proportional to ``w^(-1/alpha)``, all positive.

    Multiplying ``G`` by a number multiplies all weights by one number; here ``G`` is divided by
    its Frobenius norm first, so that equal gradients get the weight 1 each.

    Args:
        gramian: ``[m, m]`` with a positive diagonal.
        alpha: Fairness, positive.
    """
    scaled = gramian / np.linalg.norm(gramian)
    lengths = np.sqrt(np.diagonal(scaled))
    # In v = w * lengths the equation is C v = pull * v^(-1/alpha), with C the cosines: gradients
    # that differ in length by orders of magnitude leave it well conditioned.
    cosines = scaled / np.outer(lengths, lengths) + RIDGE * np.eye(len(scaled))
    solution = _solve(cosines, lengths ** (1 / alpha - 1), power=1 / alpha)
    return np.asarray(solution / lengths)


def _solve(
    cosines: NDArray[np.float64], pull: NDArray[np.float64], *, power: float
) -> NDArray[np.float64]:
    """Solve ``C v = pull * v^(-power)`` by Newton's method.

    The right side bends so that a full step from below never passes the solution of one task
    alone; from above it is cut before ``v`` would become negative.
    """
    v = pull ** (1 / (1 + power))  # exact where the gradients are orthogonal
    for _ in range(_MAX_STEPS):
        wanted = pull * v**-power
        residual = cosines @ v - wanted
        if np.all(np.abs(residual) <= _TOLERANCE * (np.abs(cosines) @ v + wanted)):
            break
        step = -np.linalg.solve(cosines + np.diag(power * wanted / v), residual)
        shrinking = float(np.max(-step / v))
        v = v + step * (min(1.0, 0.9 / shrinking) if shrinking > 0 else 1.0)
    return v
