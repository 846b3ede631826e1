"""Weightings that look at the length of each task's gradient where the shared part ends."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from automtl.config import DBMTLWeighting, GradNormWeighting, Place
from automtl.training.weighting.base import (
    Stateless,
    StepGraph,
    copies_of,
    refuse_unknown,
    take_state,
)
from automtl.training.weighting.logits import TaskLogits
from automtl.training.weighting.losses import backward_weighted, levels_of
from automtl.training.weighting.memory import WeightMemory
from automtl.training.weighting.rows import (
    Rows,
    gramian_of,
    rows_at_features,
    rows_at_parameters,
    shared_and_trainable,
    weighted,
)
from automtl.training.weighting.similarity import similarities


class DBMTL(Stateless):
    """DB-MTL (Lin et al. 2023, arXiv 2308.12029), without its average of gradients over steps.

    Every task follows the logarithm of its loss, at least ``LOWEST_LEVEL``; in the shared part
    each gradient is stretched to the length of the longest (sections 3.1 and 3.2).

    With ``every`` above 1 the stretch is kept for some steps, the logarithm's slope is not.
    """

    def __init__(self, tasks: Sequence[str], *, config: DBMTLWeighting) -> None:
        self._tasks = tuple(tasks)
        self._config = config
        self._memory = WeightMemory(len(tasks), every=config.every)
        self.needs_boundary = config.at == "features" or config.every > 1

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Fill each parameter's gradient; return the weights in the shared part."""
        self.diagnostics = {}
        scales = (1 / levels_of(losses)).tolist()
        places = tuple(self._tasks.index(task) for task in losses)
        factors = self._memory.recall(places)
        at = self._config.at if factors is None else "features"
        rows = _rows(_scaled(losses, scales), graph, at)
        if rows is None:
            return backward_weighted(losses, scales)
        if factors is None:
            gramian = gramian_of(rows.blocks, len(losses))
            factors = _stretches(np.sqrt(np.diagonal(gramian)))
            self.diagnostics = _told(gramian, scales, tuple(losses), self._config)
            self._memory.keep(places, factors)
        rows.deliver(weighted(rows.blocks, factors))
        weights = [s * f for s, f in zip(scales, factors.tolist(), strict=True)]
        return dict(zip(losses, weights, strict=True))

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the stretches that are kept."""
        return self._memory.state_dict()

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue with the stretches that are kept."""
        refuse_unknown(state, known=self._memory.keys)
        self._memory.load_state_dict(state)


class GradNorm(Stateless):
    """GradNorm (Chen et al. 2018, arXiv 1711.02257, eq. 1 and 2).

    The weights ``w``, K times the softmax of learned logits over the tasks of the step, descend
    on ``sum_i |G_i - mean(G) r_i^alpha|``: ``G_i`` is the length of the gradient of ``w_i L_i``
    in the shared part, ``r_i`` the share of its first loss that the task still has, over the mean
    of these shares. The softmax keeps weights positive and does the paper's renormalisation.
    """

    def __init__(self, tasks: Sequence[str], *, config: GradNormWeighting) -> None:
        self._tasks = tuple(tasks)
        self._alpha = config.alpha
        self._config = config
        self._memory = WeightMemory(len(tasks), every=config.every)
        self.needs_boundary = config.at == "features"
        self._logits = TaskLogits(len(tasks), lr=config.lr)
        # Levels of the first losses, 0 for a task that has not been seen.
        self._first = torch.zeros(len(tasks), dtype=torch.float64)

    @property
    def _state(self) -> dict[str, Tensor]:
        return {**self._logits.tensors, "first": self._first}

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the weighted sum, then move the weights of the tasks that share."""
        self.diagnostics = {}
        places = [self._tasks.index(task) for task in losses]
        levels = levels_of(losses)
        first = self._first[places]
        self._first[places] = torch.where(first > 0, first, levels)
        weights: list[float] = (len(losses) * self._logits.softmax(places)).tolist()
        if self._memory.recall(tuple(places)) is not None:
            return backward_weighted(losses, weights)
        rows = _rows(_scaled(losses, weights), graph, self._config.at)
        if rows is None:
            return backward_weighted(losses, weights)
        gramian = gramian_of(rows.blocks, len(losses))
        self.diagnostics = _told(gramian, weights, tuple(losses), self._config)
        rows.deliver(weighted(rows.blocks, np.ones(len(losses))))
        lengths = torch.from_numpy(np.sqrt(np.diagonal(gramian)))
        # What is kept is when to look again: the weights themselves are in the logits.
        self._memory.keep(tuple(places), np.array(weights))
        # The length 0 of a task that shares nothing would pull the mean, and so all weights, down.
        sharing = torch.nonzero(lengths > 0).flatten()
        if bool(torch.isfinite(lengths).all()) and len(sharing):
            at = [places[i] for i in sharing.tolist()]
            self._learn(at, levels[sharing], lengths[sharing])
        return dict(zip(losses, weights, strict=True))

    def _learn(self, places: Sequence[int], levels: Tensor, lengths: Tensor) -> None:
        left = levels / self._first[list(places)]
        targets = lengths.mean() * (left / left.mean()) ** self._alpha
        # Targets are constants, and G_i is proportional to the softmax's share z_i.
        slopes = (torch.sign(lengths - targets) * lengths).numpy() / self._logits.softmax(places)
        self._logits.descend(places, slopes)

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the logits with Adam's moments, the first losses, and when to look again."""
        return {**copies_of(self._state), **self._memory.state_dict()}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly."""
        kept = self._memory.keys
        take_state(self._state, {key: t for key, t in state.items() if key not in kept})
        self._memory.load_state_dict({key: state[key] for key in kept})


def _scaled(losses: Mapping[str, Tensor], scales: Sequence[float]) -> dict[str, Tensor]:
    return {task: scale * loss for scale, (task, loss) in zip(scales, losses.items(), strict=True)}


def _rows(losses: Mapping[str, Tensor], graph: StepGraph, place: Place) -> Rows | None:
    """Return the losses' gradients in the shared part, or None where there is none."""
    shared = shared_and_trainable(tuple(losses), graph)
    if not shared:
        return None
    if place == "features":
        return rows_at_features(losses, graph, shared)
    return rows_at_parameters(losses, graph, shared)


def _stretches(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each gradient is stretched to be as long as the longest.

    A gradient of length 0 has no direction. Where one is not finite the sum is not either: the
    loop sees it and does not take the step.
    """
    factors = np.ones_like(lengths)
    if np.isfinite(lengths).all():
        np.divide(lengths.max(), lengths, out=factors, where=lengths > 0)
    return factors


def _told(
    gramian: NDArray[np.float64],
    scales: Sequence[float],
    names: tuple[str, ...],
    config: DBMTLWeighting | GradNormWeighting,
) -> dict[str, float]:
    """Return the similarities of the plain gradients, if they are asked for and finite."""
    if not config.log_similarity or not np.isfinite(gramian).all():
        return {}
    return similarities(gramian / np.outer(scales, scales), names)
