"""Weights by how fast each loss has fallen over the last epochs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from automtl.training.weighting.base import Stateless, StepGraph, copies_of, take_state
from automtl.training.weighting.losses import (
    LOWEST_LEVEL,
    backward_weighted,
    numbers_of,
    shares,
)


class DWA(Stateless):
    """Dynamic weight average (Liu et al. 2019, arXiv 1803.10704, eq. 7).

    A task's weight is ``K softmax(r / T)`` over the tasks of the step, ``r`` the ratio of its mean
    losses in the last two epochs in which it had labels; 1 until there are two. A mean counts as
    at least ``LOWEST_LEVEL``.
    """

    def __init__(self, tasks: Sequence[str], *, temperature: float) -> None:
        self._tasks = tuple(tasks)
        self._temperature = temperature
        zeros = torch.zeros(len(tasks), dtype=torch.float64)
        # A mean of 0 says that there is none: those that are kept are above.
        self._state = {key: zeros.clone() for key in ("sum", "count", "newer", "older")}

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the weighted sum, and remember the losses."""
        del graph
        places = [self._tasks.index(task) for task in losses]
        newer, older = self._state["newer"][places], self._state["older"][places]
        rates = torch.where(older > 0, newer / older.clamp(min=LOWEST_LEVEL), 1.0)
        self._state["sum"][places] += numbers_of(losses)
        self._state["count"][places] += 1
        return backward_weighted(losses, shares(rates / self._temperature).tolist())

    @override
    def end_epoch(self) -> None:
        """Take the epoch's means into the history of the tasks that had labels in it."""
        state = self._state
        seen = state["count"] > 0
        means = (state["sum"] / state["count"].clamp(min=1)).clamp(min=LOWEST_LEVEL)
        state["older"][seen] = state["newer"][seen]
        state["newer"][seen] = means[seen]
        state["sum"].zero_()
        state["count"].zero_()

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the sums of this epoch and the means of the last two, by task."""
        return copies_of(self._state)

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the epoch and its history."""
        take_state(self._state, state)
