"""Weightings that combine the tasks' gradients of the shared part."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from automtl.config import GradientWeighting
from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown
from automtl.training.weighting.memory import WeightMemory
from automtl.training.weighting.rows import (
    Rows,
    gramian_of,
    plain_sum,
    rows_at_features,
    rows_at_parameters,
    shared_and_trainable,
    weighted,
)
from automtl.training.weighting.similarity import similarities
from automtl.training.weighting.stateful_rules import Problem, Rule


class GradientCombining(Stateless):
    """The shared part gets the tasks' gradients in weighted sum; a rule finds the weights.

    Heads and stages of a single task get its plain gradient. Where fewer than two tasks meet there
    is nothing to combine, and the losses are summed.

    With ``every`` above 1 a step between two solutions uses the weights of the last one. Its cost
    is one backward pass: down to the shared features for all tasks at once, and from there on with
    the weighted sum.
    """

    def __init__(self, rule: Rule, tasks: Sequence[str], *, config: GradientWeighting) -> None:
        self._rule = rule
        self._tasks = tuple(tasks)
        self._config = config
        self._memory = WeightMemory(len(tasks), every=config.every)
        self.needs_boundary = config.at == "features" or config.every > 1

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Fill each parameter's gradient; return the weights in the shared part."""
        self.diagnostics = {}
        shared = shared_and_trainable(tuple(losses), graph)
        if not shared:
            return plain_sum(losses)
        tasks = tuple(self._tasks.index(task) for task in losses)
        weights = self._memory.recall(tasks)
        if weights is None and self._config.at == "parameters":
            rows: Rows = rows_at_parameters(losses, graph, shared)
        else:
            rows = rows_at_features(losses, graph, shared)
        if weights is None:
            weights = self._solve(rows, tuple(losses))
        rows.deliver(weighted(rows.blocks, weights))
        return dict(zip(losses, weights.tolist(), strict=True))

    def _solve(self, rows: Rows, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Find the weights of the step's tasks, and keep them.

        A task whose gradient is zero (it shares nothing, or has converged) is left out: its row
        would make some rules return zero for all. Its weight changes nothing and is told as 1.
        """
        weights = np.ones(len(names))
        gramian = gramian_of(rows.blocks, len(names))
        if not np.isfinite(gramian).all():
            # The sum is not finite either: the loop sees it and does not take the step.
            return weights
        if self._config.log_similarity:
            self.diagnostics = similarities(gramian, names)
        places = np.flatnonzero(np.diagonal(gramian) > 0)
        tasks = [self._tasks.index(name) for name in names]
        if len(places):
            live = gramian[np.ix_(places, places)]
            problem = Problem(
                tasks=tuple(tasks[place] for place in places),
                places=tuple(places.tolist()),
                gramian=live / np.diagonal(live).max(),
                rows=rows,
            )
            weights[places] = self._rule.solve(problem)
        self._memory.keep(tuple(tasks), weights)
        return weights

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the rule's state and the weights that are kept."""
        return {**self._rule.state_dict(), **self._memory.state_dict()}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the rule and the weights that are kept."""
        kept = self._memory.keys
        refuse_unknown(state, known=(*self._rule.state_dict(), *kept))
        self._rule.load_state_dict({k: v for k, v in state.items() if k not in kept})
        self._memory.load_state_dict({key: state[key] for key in kept})
