"""A small tree of three tasks, on which weightings are tested.

``a`` and ``b`` share a trunk with ``c``, ``a`` and ``b`` share a branch besides, and every task
has a head.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from automtl.model.boundary import SharedFeature
from automtl.training.weighting import StepGraph

TASKS = ("a", "b", "c")


class SmallTree(nn.Module):
    """A network whose parameters are shared by three, two, and one of the tasks."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.trunk = nn.Linear(4, 5)
        self.branch = nn.Linear(5, 5)
        self.heads = nn.ModuleDict({task: nn.Linear(5, 2) for task in TASKS})
        self._boundary: list[SharedFeature] = []

    def users(self) -> list[tuple[nn.Parameter, frozenset[str]]]:
        """Return each parameter with the tasks that use it."""
        modules = [
            (self.trunk, frozenset(TASKS)),
            (self.branch, frozenset({"a", "b"})),
            *((self.heads[task], frozenset({task})) for task in TASKS),
        ]
        return [(p, tasks) for module, tasks in modules for p in module.parameters()]

    def shared_parameters(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that at least two of ``tasks`` use."""
        return [p for p, users in self.users() if len(users & set(tasks)) >= 2]

    def parameters_of(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that any of ``tasks`` uses."""
        return [p for p, users in self.users() if users & set(tasks)]

    def graph(self) -> StepGraph:
        """Return what a weighting is told of the network and the newest :meth:`losses`, once."""
        # Handed over and forgotten: a network that holds a graph cannot be copied.
        boundary, self._boundary = tuple(self._boundary), []
        return StepGraph(network=self, boundary=boundary)

    def losses(self, tasks: Sequence[str], *, step: int) -> dict[str, Tensor]:
        """Return losses that pull in different directions and differ in scale."""
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 4, generator=generator)
        self._boundary = []
        read = self._leave(torch.tanh(self.trunk(x)), tasks)
        branch_tasks = [task for task in tasks if task in "ab"]
        if len(branch_tasks) == 2:
            shared = torch.tanh(self.branch(self._boundary[-1].feature))
            read |= self._leave(shared, branch_tasks)
        elif branch_tasks:
            (alone,) = branch_tasks
            read[alone] = torch.tanh(self.branch(read[alone]))
        wanted = {task: torch.randn(8, 2, generator=generator) for task in TASKS}
        scales = {"a": 10.0, "b": 1.0, "c": 0.1}
        return {
            task: scales[task] * (self.heads[task](read[task]) - wanted[task]).square().mean()
            for task in tasks
        }

    def _leave(self, feature: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return what each of the tasks reads of a feature: where several do, its own view."""
        if len(tasks) == 1:
            return {tasks[0]: feature}
        views = {task: feature.view_as(feature) for task in tasks}
        self._boundary.append(SharedFeature(feature=feature, views=views))
        return dict(views)


def plain_gradients(tree: SmallTree, tasks: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Return the gradient of each task's loss alone, by parameter name; zeros where unused."""
    gradients = {}
    for task in tasks:
        alone = deepcopy(tree)
        torch.autograd.backward(alone.losses(tasks, step=0)[task])
        gradients[task] = {
            name: torch.zeros_like(p) if p.grad is None else p.grad
            for name, p in alone.named_parameters()
        }
    return gradients


def gradients_of(tree: SmallTree) -> dict[str, Tensor]:
    """Return the gradients that are filled, by parameter name."""
    return {name: p.grad for name, p in tree.named_parameters() if p.grad is not None}
