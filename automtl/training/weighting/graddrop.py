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
    to. What is told as a task's weight is the share of its squared gradient that was kept.
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
        kept = [block.rows * mask for block, mask in self._masks(rows.blocks)]
        rows.deliver([part.sum(dim=0) for part in kept])
        return dict(zip(losses, _kept_shares(rows.blocks, kept, len(losses)), strict=True))

    def _masks(self, blocks: tuple[Block, ...]) -> list[tuple[Block, Tensor]]:
        """Draw which entries of each block stay."""
        found = []
        for block in blocks:
            # The number of the draw is all the state there is, on whatever device.
            generator = torch.Generator(block.rows.device)
            generator.manual_seed((self._seed * 1_000_003 + self._n_draws) % 2**63)
            self._n_draws += 1
            drawn = torch.rand(block.rows.shape[1], generator=generator, device=block.rows.device)
            # Line 12: how positive the coordinate is, from 0 to 1. Where all are 0, none counts.
            size = block.rows.abs().sum(dim=0).clamp_min(torch.finfo(torch.float32).tiny)
            purity = (1 + block.rows.sum(dim=0) / size) / 2
            found.append((block, torch.where(drawn < purity, block.rows > 0, block.rows < 0)))
        return found

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the number of draws."""
        return {"n_draws": torch.tensor(self._n_draws)}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the random stream."""
        refuse_unknown(state, known=("n_draws",))
        self._n_draws = int(state["n_draws"])


def _kept_shares(blocks: tuple[Block, ...], kept: list[Tensor], n_tasks: int) -> list[float]:
    """Return the share of each task's squared gradient that was kept; 1 where it is zero."""
    before, after = torch.zeros(n_tasks), torch.zeros(n_tasks)
    for block, part in zip(blocks, kept, strict=True):
        members = list(block.members)
        before[members] += block.rows.square().sum(dim=1).cpu()
        after[members] += part.square().sum(dim=1).cpu()
    shares: list[float] = torch.where(before > 0, after / before, 1.0).tolist()
    return shares
