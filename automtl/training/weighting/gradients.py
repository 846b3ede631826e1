"""Weightings that combine the tasks' gradients on the shared parameters."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torchjd.aggregation import PCGradWeighting as PCGradRule
from torchjd.aggregation import UPGradWeighting as UPGradRule
from typing_extensions import override

from automtl.training.projector import NnlsProjector
from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown, total


class UPGrad(Stateless):
    """UPGrad (Quinton and Rey 2024, arXiv 2406.16232, eq. 4) on the shared parameters.

    The preference vector is all ones, not the mean: without conflict the step is then that of
    the plain sum, so one learning rate fits both and nothing changes where nothing is shared.
    """

    def __init__(self) -> None:
        self._projector = NnlsProjector()

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Combine the tasks' gradients so that none of them is worked against."""

        def rule(gramian: Tensor) -> Tensor:
            ones = torch.ones(len(gramian), device=gramian.device, dtype=gramian.dtype)
            return _as_tensor(UPGradRule(pref_vector=ones, projector=self._projector)(gramian))

        return combine(losses, graph, rule)


class PCGrad(Stateless):
    """PCGrad (Yu et al. 2020, arXiv 2001.06782, algorithm 1) on the shared parameters.

    The order of the projections is random. TorchJD draws it from torch's global stream; here
    that stream is exchanged for an own one, which the state holds, so that a resume is exact.
    """

    def __init__(self, *, seed: int) -> None:
        self._rng_state = torch.Generator().manual_seed(seed).get_state()
        self._rule = PCGradRule()

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Combine the tasks' gradients after projecting each off those it conflicts with."""
        return combine(losses, graph, self._draw)

    def _draw(self, gramian: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._rng_state)
            weights = _as_tensor(self._rule(gramian))
            self._rng_state = torch.get_rng_state()
        return weights

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the random state."""
        return {"rng": self._rng_state.clone()}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the random stream."""
        refuse_unknown(state, known=("rng",))
        self._rng_state = state["rng"].clone().cpu()


class _Rule(Protocol):
    def __call__(self, gramian: Tensor) -> Tensor: ...


def combine(losses: Mapping[str, Tensor], graph: StepGraph, rule: _Rule) -> dict[str, float]:
    """Give each parameter its gradient: combined by ``rule`` where it is shared, else its own.

    A task's row holds zeros for shared parameters that it does not use. Where fewer than two
    tasks meet there is nothing to combine, and the losses are summed.
    """
    shared = _trainable(graph.network.shared_parameters(tuple(losses)))
    if not shared:
        torch.autograd.backward(total(list(losses.values())))
        return dict.fromkeys(losses, 1.0)
    rows = [_row(task, losses, graph, shared) for task in losses]
    matrix = torch.stack(rows)
    gramian = matrix @ matrix.T
    finite = bool(torch.isfinite(gramian).all())
    # A gradient that is not finite stays so: the loop sees it and does not take the step.
    weights = rule(gramian) if finite else torch.full_like(gramian[0], torch.nan)
    combined = torch.split(weights @ matrix, [parameter.numel() for parameter in shared])
    for parameter, gradient in zip(shared, combined, strict=True):
        _accumulate(parameter, gradient.view_as(parameter))
    return dict(zip(losses, map(float, weights), strict=True))


def _row(
    task: str,
    losses: Mapping[str, Tensor],
    graph: StepGraph,
    shared: Sequence[nn.Parameter],
) -> Tensor:
    """Differentiate one loss: fill the task's own gradients, return the shared ones as a row."""
    known = {id(parameter) for parameter in shared}
    own = [p for p in _trainable(graph.network.parameters_of((task,))) if id(p) not in known]
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        losses[task],
        [*shared, *own],
        retain_graph=task != tuple(losses)[-1],
        allow_unused=True,
    )
    for parameter, gradient in zip(own, gradients[len(shared) :], strict=True):
        if gradient is not None:
            _accumulate(parameter, gradient)
    filled = [
        torch.zeros(p.numel(), device=p.device, dtype=p.dtype) if g is None else g.flatten()
        for p, g in zip(shared, gradients, strict=False)
    ]
    return torch.cat(filled)


def _trainable(parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    return [parameter for parameter in parameters if parameter.requires_grad]


def _accumulate(parameter: nn.Parameter, gradient: Tensor) -> None:
    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _as_tensor(value: object) -> Tensor:
    assert isinstance(value, Tensor)
    return value
