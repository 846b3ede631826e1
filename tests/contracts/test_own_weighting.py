"""A weighting of one's own, and the contract that it has to satisfy."""

from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor

from automtl.testing.weighting_contract import MakeWeighting, WeightingContract
from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown, total


class RunningMean(Stateless):
    """Divides each loss by its running mean, so that all tasks count alike."""

    def __init__(self, tasks: Sequence[str], *, memory: float) -> None:
        self._means = {task: torch.zeros((), dtype=torch.float64) for task in tasks}
        self._memory = memory

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        weights = {}
        # Only tasks with labels in the batch are in `losses`: what is known of others stays.
        for task, loss in losses.items():
            value = max(float(loss.detach()), 1e-4)
            before = float(self._means[task]) or value
            mean = self._memory * before + (1 - self._memory) * value
            self._means[task] = torch.tensor(mean, dtype=torch.float64)
            weights[task] = 1 / mean
        torch.autograd.backward(total([weights[task] * losses[task] for task in losses]))
        return weights

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self._means)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        refuse_unknown(state, known=tuple(self._means))
        self._means = {task: state[task].clone() for task in self._means}


def running_mean(
    *,
    tasks: Sequence[str],
    seed: int,
    device: torch.device,
    options: Mapping[str, bool | int | float | str],
) -> RunningMean:
    """What a recipe names: `path: test_own_weighting:running_mean`."""
    return RunningMean(tasks, memory=float(options.get("memory", 0.9)))


class TestRunningMean(WeightingContract):
    @pytest.fixture
    def make_weighting(self) -> MakeWeighting:
        def make(tasks: Sequence[str]) -> RunningMean:
            options = {"memory": 0.9}
            return running_mean(tasks=tasks, seed=0, device=torch.device("cpu"), options=options)

        return make
