"""Task weights that are kept for some steps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(slots=True, kw_only=True)
class _Kept:
    weights: NDArray[np.float64]
    n_uses: int


class WeightMemory:
    """The newest weights of each set of tasks, and how many steps have used them.

    A set that was never solved has no weights: those of a larger set say nothing about it. The
    order of its tasks does not matter.
    """

    KEYS = ("sets", "weights", "n_uses")

    def __init__(self, n_tasks: int, *, every: int) -> None:
        self._n_tasks = n_tasks
        self._every = every
        self._kept: dict[tuple[int, ...], _Kept] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the state: none where weights serve one step."""
        return self.KEYS if self._every > 1 else ()

    def recall(self, tasks: tuple[int, ...]) -> NDArray[np.float64] | None:
        """Return the weights of ``tasks`` for one more step, or None if it is time to solve.

        Args:
            tasks: Places in the trial's list of tasks.
        """
        kept = self._kept.get(tuple(sorted(tasks)))
        if kept is None or kept.n_uses >= self._every:
            return None
        kept.n_uses += 1
        return kept.weights[np.argsort(np.argsort(tasks))]

    def keep(self, tasks: tuple[int, ...], weights: NDArray[np.float64]) -> None:
        """Remember weights that one step has used."""
        if self._every > 1:
            in_order = weights[np.argsort(tasks)]
            self._kept[tuple(sorted(tasks))] = _Kept(weights=in_order, n_uses=1)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the sets as masks ``[n, n_tasks]``, their weights and uses."""
        if self._every == 1:
            return {}
        sets = torch.zeros(len(self._kept), self._n_tasks, dtype=torch.bool)
        weights = torch.zeros(len(self._kept), self._n_tasks, dtype=torch.float64)
        for row, (tasks, kept) in enumerate(self._kept.items()):
            sets[row, list(tasks)] = True
            weights[row, list(tasks)] = torch.from_numpy(kept.weights)
        n_uses = torch.tensor([kept.n_uses for kept in self._kept.values()], dtype=torch.int64)
        return {"sets": sets, "weights": weights, "n_uses": n_uses}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue with what was kept; ``state`` holds :attr:`keys` and nothing else."""
        self._kept = {}
        if self._every == 1:
            return
        sets = state["sets"].cpu()
        for mask, weights, n_uses in zip(sets, state["weights"], state["n_uses"], strict=True):
            tasks = tuple(torch.nonzero(mask).flatten().tolist())
            kept = weights.cpu().numpy()[list(tasks)]
            self._kept[tasks] = _Kept(weights=kept, n_uses=int(n_uses))
