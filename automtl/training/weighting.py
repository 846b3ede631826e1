"""How the losses, or the gradients, of several tasks become one gradient.

Only tasks that have labels in the batch take part in a step. A task without labels is left out
of the losses: a zero row would shrink what the aggregators return, and a learned weight would
drift although nothing was learned about it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, assert_never

import torch
from torch import Tensor, nn
from torchjd.aggregation import PCGradWeighting as PCGradRule
from torchjd.aggregation import UPGradWeighting as UPGradRule

from automtl.config import (
    FixedWeighting,
    PCGradWeighting,
    UncertaintyWeighting,
    UPGradWeighting,
    WeightingConfig,
)
from automtl.training.projector import NnlsProjector


class ParameterViews(Protocol):
    """What a weighting needs to know of a network: who uses which parameter."""

    def shared_parameters(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that at least two of ``tasks`` use."""
        ...

    def parameters_of(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that any of ``tasks`` uses."""
        ...


class Weighting(Protocol):
    """Turns the losses of one step into gradients (contract: ``weighting_contract``)."""

    def backward(self, losses: Mapping[str, Tensor], views: ParameterViews) -> dict[str, float]:
        """Fill ``.grad`` of every parameter that ``losses`` depend on, once.

        Args:
            losses: Scalar loss of each task that has labels in the batch; at least one.
            views: The network that gave the losses.

        Returns:
            The weight in force of each of these tasks.
        """
        ...

    def parameters(self, task: str) -> list[nn.Parameter]:
        """Return what is learned for ``task``, to be optimised with the network."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that a later step depends on."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly from ``state_dict``."""
        ...


def build_weighting(
    config: WeightingConfig, tasks: Sequence[str], *, seed: int, device: torch.device
) -> Weighting:
    """Return the weighting of ``config``.

    Args:
        config: The method and its values.
        tasks: All tasks of the trial.
        seed: Random stream of the methods that draw.
        device: Where learned weights live.
    """
    match config:
        case FixedWeighting():
            return Fixed({task: config.weights.get(task, 1.0) for task in tasks})
        case UncertaintyWeighting():
            return Uncertainty(tasks, device=device)
        case UPGradWeighting():
            return UPGrad()
        case PCGradWeighting():
            return PCGrad(seed=seed)
    assert_never(config)


class Fixed:
    """The weighted sum of the losses."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)

    def backward(self, losses: Mapping[str, Tensor], views: ParameterViews) -> dict[str, float]:
        """Differentiate the weighted sum."""
        del views
        weights = {task: self._weights[task] for task in losses}
        torch.autograd.backward(_sum([weights[task] * loss for task, loss in losses.items()]))
        return weights

    def parameters(self, task: str) -> list[nn.Parameter]:
        """Nothing is learned."""
        del task
        return []

    def state_dict(self) -> dict[str, Tensor]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """There is no state."""
        _refuse_unknown(state, known=())


class Uncertainty:
    """Homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115, eq. 10).

    With ``s = log sigma^2`` a task adds ``exp(-s) * loss + s / 2``, so that its weight is
    ``exp(-s)``; all start at 1.
    """

    def __init__(self, tasks: Sequence[str], *, device: torch.device) -> None:
        self._log_variance = {task: nn.Parameter(torch.zeros((), device=device)) for task in tasks}

    def backward(self, losses: Mapping[str, Tensor], views: ParameterViews) -> dict[str, float]:
        """Differentiate the sum, in the log-variances of the given tasks too."""
        del views
        logs = {task: self._log_variance[task] for task in losses}
        weights = {task: float(torch.exp(-log.detach())) for task, log in logs.items()}
        terms = [torch.exp(-logs[t]) * loss + logs[t] / 2 for t, loss in losses.items()]
        torch.autograd.backward(_sum(terms))
        return weights

    def parameters(self, task: str) -> list[nn.Parameter]:
        """Return the task's log-variance."""
        return [self._log_variance[task]]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the log-variances by task."""
        return {task: log.detach().clone() for task, log in self._log_variance.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Set the log-variances in place, so that an optimizer that holds them goes on."""
        _refuse_unknown(state, known=tuple(self._log_variance))
        with torch.no_grad():
            for task, log in self._log_variance.items():
                log.copy_(state[task])


class UPGrad:
    """UPGrad (Quinton and Rey 2024, arXiv 2406.16232, eq. 4) on the shared parameters.

    The preference vector is all ones, not the mean: without conflict the step is then that of
    the plain sum, so one learning rate fits both and nothing changes where nothing is shared.
    """

    def __init__(self) -> None:
        self._projector = NnlsProjector()

    def backward(self, losses: Mapping[str, Tensor], views: ParameterViews) -> dict[str, float]:
        """Combine the tasks' gradients so that none of them is worked against."""

        def rule(gramian: Tensor) -> Tensor:
            ones = torch.ones(len(gramian), device=gramian.device, dtype=gramian.dtype)
            return _tensor(UPGradRule(pref_vector=ones, projector=self._projector)(gramian))

        return _combine(losses, views, rule)

    def parameters(self, task: str) -> list[nn.Parameter]:
        """Nothing is learned."""
        del task
        return []

    def state_dict(self) -> dict[str, Tensor]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """There is no state."""
        _refuse_unknown(state, known=())


class PCGrad:
    """PCGrad (Yu et al. 2020, arXiv 2001.06782, algorithm 1) on the shared parameters.

    The order of the projections is random. TorchJD draws it from torch's global stream; here
    that stream is exchanged for an own one, which the state holds, so that a resume is exact.
    """

    def __init__(self, *, seed: int) -> None:
        self._rng_state = torch.Generator().manual_seed(seed).get_state()
        self._rule = PCGradRule()

    def backward(self, losses: Mapping[str, Tensor], views: ParameterViews) -> dict[str, float]:
        """Combine the tasks' gradients after projecting each off those it conflicts with."""
        return _combine(losses, views, self._draw)

    def _draw(self, gramian: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._rng_state)
            weights = _tensor(self._rule(gramian))
            self._rng_state = torch.get_rng_state()
        return weights

    def parameters(self, task: str) -> list[nn.Parameter]:
        """Nothing is learned."""
        del task
        return []

    def state_dict(self) -> dict[str, Tensor]:
        """Return the random state."""
        return {"rng": self._rng_state.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the random stream."""
        _refuse_unknown(state, known=("rng",))
        self._rng_state = state["rng"].clone().cpu()


class _Rule(Protocol):
    def __call__(self, gramian: Tensor) -> Tensor: ...


def _combine(losses: Mapping[str, Tensor], views: ParameterViews, rule: _Rule) -> dict[str, float]:
    """Give each parameter its gradient: combined by ``rule`` where it is shared, else its own.

    A task's row holds zeros for shared parameters that it does not use. Where fewer than two
    tasks meet there is nothing to combine, and the losses are summed.
    """
    shared = _trainable(views.shared_parameters(tuple(losses)))
    if not shared:
        torch.autograd.backward(_sum(list(losses.values())))
        return dict.fromkeys(losses, 1.0)
    rows = [_row(task, losses, views, shared) for task in losses]
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
    views: ParameterViews,
    shared: Sequence[nn.Parameter],
) -> Tensor:
    """Differentiate one loss: fill the task's own gradients, return the shared ones as a row."""
    known = {id(parameter) for parameter in shared}
    own = [p for p in _trainable(views.parameters_of((task,))) if id(p) not in known]
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


def _sum(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _tensor(value: object) -> Tensor:
    assert isinstance(value, Tensor)
    return value


def _refuse_unknown(state: Mapping[str, Tensor], *, known: Sequence[str]) -> None:
    if set(state) != set(known):
        msg = f"the state must hold {sorted(known)}, found {sorted(state)}"
        raise ValueError(msg)
