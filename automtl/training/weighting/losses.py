"""Weightings that need the losses alone: one backward pass."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown, total


class Fixed(Stateless):
    """The weighted sum of the losses."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the weighted sum."""
        del graph
        weights = {task: self._weights[task] for task in losses}
        torch.autograd.backward(total([weights[task] * loss for task, loss in losses.items()]))
        return weights


class Uncertainty(Stateless):
    """Homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115, eq. 10).

    With ``s = log sigma^2`` a task adds ``exp(-s) * loss + s / 2``, so that its weight is
    ``exp(-s)``; all start at 1.
    """

    def __init__(self, tasks: Sequence[str], *, device: torch.device) -> None:
        self._log_variance = {task: nn.Parameter(torch.zeros((), device=device)) for task in tasks}

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the sum, in the log-variances of the given tasks too."""
        del graph
        logs = {task: self._log_variance[task] for task in losses}
        weights = {task: float(torch.exp(-log.detach())) for task, log in logs.items()}
        terms = [torch.exp(-logs[t]) * loss + logs[t] / 2 for t, loss in losses.items()]
        torch.autograd.backward(total(terms))
        return weights

    @override
    def parameters(self, task: str) -> list[nn.Parameter]:
        """Return the task's log-variance."""
        return [self._log_variance[task]]

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the log-variances by task."""
        return {task: log.detach().clone() for task, log in self._log_variance.items()}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Set the log-variances in place, so that an optimizer that holds them goes on."""
        refuse_unknown(state, known=tuple(self._log_variance))
        with torch.no_grad():
            for task, log in self._log_variance.items():
                log.copy_(state[task])
