"""What a weighting is: the losses, or the gradients, of several tasks become one gradient.

Only tasks that have labels in the batch take part in a step. A task without labels is left out
of the losses: a zero row would shrink what the aggregators return, and a learned weight would
drift although nothing was learned about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from automtl.model.boundary import Boundary


class ParameterViews(Protocol):
    """What a weighting needs to know of a network: who uses which parameter."""

    def shared_parameters(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that at least two of ``tasks`` use."""
        ...

    def parameters_of(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the parameters that any of ``tasks`` uses."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StepGraph:
    """The forward pass that gave a step's losses.

    Attributes:
        network: Who uses which parameter.
        boundary: Where the shared part ends. Every path from a task's loss to a shared parameter
            leads through the task's views. Empty unless the weighting ``needs_boundary``.
    """

    network: ParameterViews
    boundary: Boundary = ()


@runtime_checkable
class Weighting(Protocol):
    """Turns the losses of one step into gradients (contract: ``weighting_contract``)."""

    needs_boundary: bool
    """Whether the forward pass has to give the boundary of the shared part."""

    needs_new_losses: bool
    """Whether :meth:`after_step` wants the losses of the same batch after the step."""

    diagnostics: Mapping[str, float]
    """What else the last :meth:`backward` found, by the name to report it under."""

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Fill ``.grad`` of every parameter that ``losses`` depend on, once.

        Args:
            losses: Scalar loss of each task that has labels in the batch; at least one.
            graph: The forward pass that gave the losses.

        Returns:
            The weight in force of each of these tasks.
        """
        ...

    def after_step(self, losses: Mapping[str, Tensor]) -> None:
        """Learn from the losses of the same batch after the step, if ``needs_new_losses``."""
        ...

    def end_epoch(self) -> None:
        """Learn from the epoch's losses, which :meth:`backward` has seen."""
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


class Stateless:
    """What a weighting without parameters and state has in common."""

    needs_boundary: bool = False
    needs_new_losses: bool = False
    diagnostics: Mapping[str, float] = MappingProxyType({})

    def after_step(self, losses: Mapping[str, Tensor]) -> None:
        """Nothing is learned."""

    def end_epoch(self) -> None:
        """Nothing is learned."""

    def parameters(self, task: str) -> list[nn.Parameter]:
        """Nothing is learned."""
        del task
        return []

    def state_dict(self) -> dict[str, Tensor]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """There is no state."""
        refuse_unknown(state, known=())


def total(terms: Sequence[Tensor]) -> Tensor:
    """Return the sum of at least one term."""
    found = terms[0]
    for term in terms[1:]:
        found = found + term
    return found


def refuse_unknown(state: Mapping[str, Tensor], *, known: Sequence[str]) -> None:
    """Raise ``ValueError`` unless a state holds exactly the known keys."""
    if set(state) != set(known):
        msg = f"the state must hold {sorted(known)}, found {sorted(state)}"
        raise ValueError(msg)


def copies_of(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state of tensors that :func:`take_state` gives back."""
    return {key: tensor.clone() for key, tensor in own.items()}


def take_state(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Copy a state into tensors of the same names and shapes.

    Raises:
        ValueError: If names or shapes differ; nothing is copied then.
    """
    refuse_unknown(state, known=tuple(own))
    for key, tensor in own.items():
        if tensor.shape != state[key].shape:
            found = f"{list(state[key].shape)}, expected {list(tensor.shape)}"
            msg = f"the state must hold {key!r} in the shape of these tasks: found {found}"
            raise ValueError(msg)
    for key, tensor in own.items():
        tensor.copy_(state[key])
