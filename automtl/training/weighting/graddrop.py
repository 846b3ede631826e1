"""GradDrop: coordinates are masked, so that there are no task weights."""

from collections.abc import Mapping

import torch
from torch import Tensor
from typing_extensions import override

from automtl.config import GradDropWeighting
from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown
from automtl.training.weighting.rows import (
    Block,
    gramian_of,
    plain_sum,
    rows_at_features,
    rows_at_parameters,
    shared_and_trainable,
)
from automtl.training.weighting.similarity import similarities


class GradDrop(Stateless):
    """GradDrop (Chen et al. 2020, arXiv 2010.06808, algorithm 1, lines 10 to 15, no leak).

    Each coordinate keeps the gradients of one sign, drawn with the odds of what the signs add up
    to. What is told as a task's weight is the share of its squared gradient that was kept; 1 where
    the gradient is zero.
    """

    def __init__(self, *, config: GradDropWeighting, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._n_draws = 0
        self.needs_boundary = config.at == "features"

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Fill each parameter's gradient; return what was kept of each task's."""
        self.diagnostics = {}
        shared = shared_and_trainable(tuple(losses), graph)
        if not shared:
            return plain_sum(losses)
        find = rows_at_features if self._config.at == "features" else rows_at_parameters
        rows = find(losses, graph, shared)
        if self._config.log_similarity:
            self.diagnostics = similarities(gramian_of(rows.blocks, len(losses)), tuple(losses))
        before, after = torch.zeros(len(losses)), torch.zeros(len(losses))
        sums = []
        for block in rows.blocks:
            summed, keeps = self._drop(block)
            sums.append(summed)
            members = list(block.members)
            before[members] += _squares(block.rows).cpu()
            # An entry stays if it is of the sign that its coordinate keeps.
            after[members] += _squares(block.rows * ((block.rows > 0) == keeps)).cpu()
        rows.deliver(sums)
        shares: list[float] = torch.where(before > 0, after / before, 1.0).tolist()
        return dict(zip(losses, shares, strict=True))

    def _drop(self, block: Block) -> tuple[Tensor, Tensor]:
        """Return the sum of what a block keeps, and by coordinate whether that is the positive."""
        # The number of the draw is all the state there is, on whatever device.
        generator = torch.Generator(block.rows.device)
        generator.manual_seed((self._seed * 1_000_003 + self._n_draws) % 2**63)
        self._n_draws += 1
        drawn = torch.rand(block.rows.shape[1], generator=generator, device=block.rows.device)
        above = block.rows.clamp_min(0).sum(dim=0)
        below = block.rows.clamp_max(0).sum(dim=0)
        # Line 12: how positive the coordinate is, from 0 to 1. Where all are 0, none counts.
        size = (above - below).clamp_min(torch.finfo(torch.float32).tiny)
        keeps = drawn < above / size
        return torch.where(keeps, above, below), keeps

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the number of draws."""
        return {"n_draws": torch.tensor(self._n_draws)}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the random stream."""
        refuse_unknown(state, known=("n_draws",))
        self._n_draws = int(state["n_draws"])


def _squares(rows: Tensor) -> Tensor:
    """Return the squared length of each row; of a row of zeros, 0."""
    squares: Tensor = torch.linalg.vector_norm(rows, dim=1).square()
    return squares
