"""The tasks' gradients as rows: of the shared parameters, or of the shared features."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from automtl.training.weighting.base import ParameterViews, StepGraph, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Gradients of some of the tasks at the same coordinates; those of the others are zero there.

    Attributes:
        members: Which tasks, by their place in the step, in order.
        rows: float32 ``[n_members, n]``.
    """

    members: tuple[int, ...]
    rows: Tensor


class Rows(Protocol):
    """The gradients of a step's tasks, by block, and where their combination goes."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All coordinates at which at least one task has a gradient."""
        ...

    def deliver(self, combined: Sequence[Tensor]) -> None:
        """Fill ``.grad`` of the shared parameters.

        Args:
            combined: The combined gradient of each block, ``[n]``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRows(Rows):
    """Gradients of the shared parameters, in one block.

    Attributes:
        shared: The parameters, in the order of the block's coordinates.
        network: Who uses which parameter.
        blocks: One block of all tasks.
    """

    shared: tuple[nn.Parameter, ...]
    network: ParameterViews
    blocks: tuple[Block, ...]

    @override
    def deliver(self, combined: Sequence[Tensor]) -> None:
        (together,) = combined
        parts = torch.split(together, [parameter.numel() for parameter in self.shared])
        fill((p, part.view_as(p)) for p, part in zip(self.shared, parts, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRows(Rows):
    """Gradients of the features with which the shared part ends, a block for each.

    Attributes:
        features: The tensors, one for each block.
        blocks: The tasks that read the feature.
    """

    features: tuple[Tensor, ...]
    blocks: tuple[Block, ...]

    @override
    def deliver(self, combined: Sequence[Tensor]) -> None:
        gradients = [_shaped(g, f) for f, g in zip(self.features, combined, strict=True)]
        torch.autograd.backward(self.features, gradients)


def shared_and_trainable(tasks: Sequence[str], graph: StepGraph) -> list[nn.Parameter]:
    """Return the parameters that at least two of ``tasks`` use and that are trained."""
    return [p for p in graph.network.shared_parameters(tasks) if p.requires_grad]


def plain_sum(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """Differentiate the sum of the losses, where tasks share nothing; return its weights."""
    torch.autograd.backward(total(list(losses.values())))
    return dict.fromkeys(losses, 1.0)


def rows_at_parameters(
    losses: Mapping[str, Tensor], graph: StepGraph, shared: Sequence[nn.Parameter]
) -> ParameterRows:
    """Differentiate each loss; give the parameters of single tasks their gradients.

    Args:
        losses: Scalar loss of each task.
        graph: The forward pass that gave the losses.
        shared: :func:`shared_and_trainable` of the tasks; at least one.
    """
    rows = [_row(task, losses, graph, shared) for task in losses]
    block = Block(members=tuple(range(len(rows))), rows=torch.stack(rows))
    return ParameterRows(shared=tuple(shared), network=graph.network, blocks=(block,))


def rows_at_features(
    losses: Mapping[str, Tensor], graph: StepGraph, shared: Sequence[nn.Parameter]
) -> FeatureRows:
    """Differentiate the losses down to the shared features, once for all tasks.

    Each task reads views of its own, so that the gradient of the sum of the losses at a view is
    that of its task. The parameters of single tasks get their gradients on the way.
    """
    boundary = [point for point in graph.boundary if point.feature.requires_grad]
    assert boundary, "tasks share trained parameters, so the forward pass must give the boundary"
    readers = [
        (i, place, point.views[task])
        for i, point in enumerate(boundary)
        for place, task in enumerate(losses)
        if task in point.views
    ]
    own = _own_parameters(tuple(losses), graph, shared)
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        list(losses.values()), [*(view for *_, view in readers), *own], allow_unused=True
    )
    fill(zip(own, gradients[len(readers) :], strict=True))
    found: dict[int, dict[int, Tensor]] = {}
    for (i, place, _), gradient in zip(readers, gradients, strict=False):
        if gradient is not None:
            found.setdefault(i, {})[place] = _flat(gradient, boundary[i].feature)
    return FeatureRows(
        features=tuple(boundary[i].feature for i in found),
        blocks=tuple(
            Block(members=tuple(rows), rows=torch.stack(list(rows.values())))
            for rows in found.values()
        ),
    )


def gramian_of(blocks: Sequence[Block], n_tasks: int) -> NDArray[np.float64]:
    """Return the inner products of the tasks' gradients, ``[n_tasks, n_tasks]``."""
    parts = [(block.rows @ block.rows.T).flatten() for block in blocks]
    # One copy from the device for all blocks.
    values = torch.cat(parts).double().cpu().numpy() if parts else np.zeros(0)
    gramian = np.zeros((n_tasks, n_tasks))
    start = 0
    for block in blocks:
        n = len(block.members)
        gramian[np.ix_(block.members, block.members)] += values[start : start + n * n].reshape(
            n, n
        )
        start += n * n
    return gramian


def weighted(blocks: Sequence[Block], weights: NDArray[np.float64]) -> list[Tensor]:
    """Return the weighted sum of each block's rows.

    Args:
        blocks: The gradients.
        weights: Weight of each task of the step.
    """
    return [
        block.rows.new_tensor(weights[list(block.members)].tolist()) @ block.rows
        for block in blocks
    ]


def fill(gradients: Iterable[tuple[nn.Parameter, Tensor | None]]) -> None:
    """Add gradients to ``.grad``, each in memory of its own.

    Differentiation may give the same tensor for two parameters that are added up, or one
    expanded from a single number; gradients are clipped in place.
    """
    seen: set[int] = set()
    for parameter, gradient in gradients:
        if gradient is None:
            continue
        own = gradient
        if gradient.data_ptr() in seen or gradient.stride() != parameter.stride():
            own = torch.empty_like(parameter).copy_(gradient)
        seen.add(gradient.data_ptr())
        parameter.grad = own if parameter.grad is None else parameter.grad + own


def _row(
    task: str, losses: Mapping[str, Tensor], graph: StepGraph, shared: Sequence[nn.Parameter]
) -> Tensor:
    """Differentiate one loss: fill the task's own gradients, return the shared ones as a row."""
    own = _own_parameters((task,), graph, shared)
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        losses[task],
        [*shared, *own],
        retain_graph=task != tuple(losses)[-1],
        allow_unused=True,
    )
    fill(zip(own, gradients[len(shared) :], strict=True))
    filled = [
        torch.zeros(p.numel(), device=p.device) if g is None else g.flatten().float()
        for p, g in zip(shared, gradients, strict=False)
    ]
    return torch.cat(filled)


def _own_parameters(
    tasks: Sequence[str], graph: StepGraph, shared: Sequence[nn.Parameter]
) -> list[nn.Parameter]:
    known = {id(parameter) for parameter in shared}
    used = graph.network.parameters_of(tasks)
    return [p for p in used if p.requires_grad and id(p) not in known]


def _memory_order(feature: Tensor) -> list[int]:
    """Return the axes from the one with the longest stride to that with the shortest."""
    strides = feature.stride()
    return sorted(range(feature.ndim), key=lambda axis: strides[axis], reverse=True)


def _flat(gradient: Tensor, feature: Tensor) -> Tensor:
    """Return a gradient as a row, in the order of the feature in memory: without copying it."""
    return gradient.permute(_memory_order(feature)).reshape(-1).float()


def _shaped(row: Tensor, feature: Tensor) -> Tensor:
    """Undo :func:`_flat`."""
    order = _memory_order(feature)
    back = [order.index(axis) for axis in range(feature.ndim)]
    shape = [feature.shape[axis] for axis in order]
    return row.to(feature.dtype).view(shape).permute(back)
