"""Projection onto the dual cone of gradients, by non-negative least squares.

UPGrad asks, for a vector ``u`` of weights and gradients ``g_1 .. g_m`` (the rows of ``J``), for
the vector nearest to ``J'u`` that no ``g_i`` conflicts with. By proposition 1 of Quinton and Rey
(2024, arXiv 2406.16232) it is ``J'v`` where ``v`` minimises ``v'Gv`` subject to ``v >= u``, with
``G = JJ'``.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor
from torchjd.linalg import DualConeProjector
from typing_extensions import override

RIDGE = 1e-13
"""Weight of ``|w|^2`` beside the cosines.

Rows that cancel leave ``w`` undetermined; the solver then returns 1e10 of each, which the
training's float32 cannot add. With it ``w`` is the smallest that does. Rows that are opposite up
to an angle below its root, 3e-7, count as opposite.
"""


class NnlsProjector(DualConeProjector):
    """Solve the quadratic program with SciPy, without a GPL solver.

    With ``v = u + w`` and ``G = R'R`` the program is ``min |Rw + Ru|`` over ``w >= 0``, and among
    the solutions the shortest ``w``.
    """

    @override
    def __call__(self, U: Tensor, G: Tensor) -> Tensor:
        """Return the weights of the projections.

        Args:
            U: Weights to project, shape ``[..., m]``.
            G: Gramian of the gradients, shape ``[m, m]``.

        Returns:
            Weights ``V >= U`` of the shape of ``U``.
        """
        gramian = G.detach().cpu().numpy().astype(np.float64)
        rows = U.detach().cpu().numpy().astype(np.float64)
        norms, root = normalised_root(gramian)
        flat = [_project(u, norms, root) for u in rows.reshape(-1, rows.shape[-1])]
        projected = np.stack(flat).reshape(rows.shape)
        return torch.as_tensor(projected, device=U.device, dtype=U.dtype)


def normalised_root(
    gramian: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gradients' lengths ``[m]``, and ``R`` with ``R'R`` = their cosines ``[m, m]``.

    Losses differ in scale by orders of magnitude; on cosines the solver does not see it.
    """
    norms = np.sqrt(np.maximum(np.diagonal(gramian), 0.0))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    values, vectors = np.linalg.eigh(gramian * inverse[:, None] * inverse[None, :])
    return norms, np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


def _project(
    u: NDArray[np.float64], norms: NDArray[np.float64], root: NDArray[np.float64]
) -> NDArray[np.float64]:
    scaled = u * norms
    scale = float(np.abs(scaled).max())
    if scale == 0.0:
        return u.copy()
    system = np.vstack([root, np.sqrt(RIDGE) * np.eye(len(u))])
    target = np.concatenate([-(root @ (scaled / scale)), np.zeros(len(u))])
    added, _ = nnls(system, target)
    raised: NDArray[np.float64] = np.divide(
        added * scale, norms, out=np.zeros_like(norms), where=norms > 0
    )
    return u + raised
