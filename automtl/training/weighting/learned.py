"""Weightings with one learned number for each task, which the network's optimizer moves."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from automtl.training.weighting.base import Stateless, StepGraph, refuse_unknown, total
from automtl.training.weighting.losses import LOWEST_LEVEL


class LearnedScales(Stateless):
    """Each task adds ``exp(s) * loss - rate * s``; its weight is ``exp(s)``, at first 1.

    - ``rate`` 1/2 is homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115, eq. 10)
      with ``s = -log sigma^2``.
    - ``rate`` 1 is IMTL-L (Liu et al. 2021, "Towards Impartial Multi-task Learning", eq. 8).

    At rest a task's weighted loss is ``rate``. To ``s`` a loss is at least ``LOWEST_LEVEL``: a
    negative one would make it grow without bound.
    """

    def __init__(self, tasks: Sequence[str], *, rate: float, device: torch.device) -> None:
        self._log_scale = {task: nn.Parameter(torch.zeros((), device=device)) for task in tasks}
        self._rate = rate

    def backward(self, losses: Mapping[str, Tensor], graph: StepGraph) -> dict[str, float]:
        """Differentiate the sum, in the scales of the given tasks too."""
        del graph
        scales = [torch.exp(self._log_scale[task]) for task in losses]
        weights = torch.stack([scale.detach() for scale in scales]).tolist()
        terms = [
            # Two terms, because the network follows the loss and the scale follows its level.
            scale.detach() * loss
            + scale * loss.detach().clamp(min=LOWEST_LEVEL)
            - self._rate * self._log_scale[task]
            for scale, (task, loss) in zip(scales, losses.items(), strict=True)
        ]
        torch.autograd.backward(total(terms))
        return dict(zip(losses, weights, strict=True))

    @override
    def parameters(self, task: str) -> list[nn.Parameter]:
        """Return the logarithm of the task's scale."""
        return [self._log_scale[task]]

    @override
    def state_dict(self) -> dict[str, Tensor]:
        """Return the logarithms by task."""
        return {task: log.detach().clone() for task, log in self._log_scale.items()}

    @override
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Set the logarithms in place, so that an optimizer that holds them goes on."""
        refuse_unknown(state, known=tuple(self._log_scale))
        with torch.no_grad():
            for task, log in self._log_scale.items():
                log.copy_(state[task])
