"""Weights that let all losses fall at one rate, learned from a second look at each batch."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from automtl.training.weighting.base import Stateless, StepGraph, copies_of, take_state
from automtl.training.weighting.logits import TaskLogits
from automtl.training.weighting.losses import backward_weighted, levels_of


class FAMO(Stateless):
    """FAMO (Liu et al. 2023, arXiv 2306.03792, algorithm 1), its weights times K.

    With ``z`` the softmax of the learned logits over the tasks of the step, a task's weight is
    ``K c z / loss``, where ``c`` makes the weights sum to K. After the step the logits descend on
    the fall of the logarithms of the losses of the same batch. A loss counts as at least
    ``LOWEST_LEVEL``.
    """

    needs_new_losses: bool = True

    def __init__(self, tasks: Sequence[str], *, lr: float, weight_decay: float) -> None:
        self._tasks = tuple(tasks)
        self._logits = TaskLogits(len(tasks), lr=lr, weight_decay=weight_decay)
        # Levels before the step, 0 for a task that took no part in it.
        self._before = np.zeros(len(tasks))

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the weighted sum, and remember the losses until after the step."""
        del graph
        places = self._places(losses)
        levels = levels_of(losses).numpy()
        self._before[:] = 0.0
        self._before[places] = levels
        ratios = self._logits.softmax(places) / levels
        return backward_weighted(losses, (len(losses) * ratios / ratios.sum()).tolist())

    @override
    def after_step(self, losses: Mapping[str, Tensor]) -> None:
        """Move the logits by how far each loss of the same batch has fallen.

        Losses that are not finite teach nothing; the next step finds them and fails by itself.
        """
        places = self._places(losses)
        before = self._before[places]
        assert (before > 0).all(), "the losses must be those of the step before"
        falls = np.log(before) - np.log(levels_of(losses).numpy())
        if np.isfinite(falls).all():
            self._logits.descend(places, falls)
        self._before[:] = 0.0

    @property
    def _state(self) -> dict[str, Tensor]:
        """The state as tensors in the memory of its numbers, never kept: a copy has its own."""
        return {**self._logits.tensors, "before": torch.from_numpy(self._before)}

    def _places(self, losses: Mapping[str, Tensor]) -> list[int]:
        return [self._tasks.index(task) for task in losses]

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the logits with Adam's moments, and the losses of a step in progress."""
        return copies_of(self._state)

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly."""
        take_state(self._state, state)
