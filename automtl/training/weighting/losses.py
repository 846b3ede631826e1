"""Weightings whose weights are a formula of the losses: one backward pass, nothing learned.

Papers whose weights sum to 1, or to less, are scaled here so that equal losses have weight 1
each: one learning rate then fits all weightings, and a task alone has weight 1.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown, total

LOWEST_LEVEL = 1e-4
"""A smaller loss, also a negative one, counts as this where a formula needs positive losses."""


class Fixed(Stateless):
    """The weighted sum of the losses."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the weighted sum."""
        del graph
        return backward_weighted(losses, [self._weights[task] for task in losses])


class RLW(Stateless):
    """Random loss weighting (Lin et al. 2021, arXiv 2111.10603, algorithm 2), times K.

    The weights of the tasks of a step are ``K softmax(z)``, ``z`` standard normal, from a stream
    of its own.
    """

    def __init__(self, *, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the sum with newly drawn weights."""
        del graph
        drawn = torch.randn(len(losses), generator=self._generator, dtype=torch.float64)
        return backward_weighted(losses, shares(drawn).tolist())

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the random state."""
        return {"rng": self._generator.get_state()}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the random stream."""
        refuse_unknown(state, known=("rng",))
        self._generator.set_state(state["rng"].cpu())


class GeometricMean(Stateless):
    """The geometric mean of the losses (Chennupati et al. 2019, section 3.2), times K.

    A task's weight is the mean over its own loss, both at least ``LOWEST_LEVEL``.
    """

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the geometric mean."""
        del graph
        levels = levels_of(losses)
        mean = torch.exp(torch.log(levels).mean())
        return backward_weighted(losses, (mean / levels).tolist())


class STCH(Stateless):
    """Smooth Tchebycheff scalarization (Lin et al. 2024, arXiv 2402.19078, eq. 8), times K.

    The scalar is ``K mu log sum_i exp(w_i L_i / mu)``; losses may have any sign.
    """

    def __init__(self, weights: Mapping[str, float], *, mu: float) -> None:
        self._weights = dict(weights)
        self._mu = mu

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the soft maximum of the weighted losses."""
        del graph
        preferred = torch.tensor([self._weights[task] for task in losses], dtype=torch.float64)
        weighted = preferred * numbers_of(losses)
        return backward_weighted(losses, (preferred * shares(weighted / self._mu)).tolist())


def numbers_of(losses: Mapping[str, Tensor]) -> Tensor:
    """Return the losses' values, float64 ``[n_tasks]`` on the CPU, with one transfer."""
    values = torch.stack([loss.detach() for loss in losses.values()]).tolist()
    return torch.tensor(values, dtype=torch.float64)


def levels_of(losses: Mapping[str, Tensor]) -> Tensor:
    """Return ``numbers_of(losses)``, but at least ``LOWEST_LEVEL``."""
    return numbers_of(losses).clamp(min=LOWEST_LEVEL)


def shares(logits: Tensor) -> Tensor:
    """Return ``K softmax(logits)``: positive, 1 on average."""
    return len(logits) * torch.softmax(logits, dim=0)


def backward_weighted(losses: Mapping[str, Tensor], weights: Sequence[float]) -> dict[str, float]:
    """Differentiate the weighted sum; return the weights by task."""
    terms = [weight * loss for weight, loss in zip(weights, losses.values(), strict=True)]
    torch.autograd.backward(total(terms))
    return dict(zip(losses, weights, strict=True))
