"""One logit for each task, moved by Adam; what is known of absent tasks stays as it is."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class TaskLogits:
    """Logits whose softmax over the tasks of a step is learned.

    Each task has its own moments and its own count of steps (Kingma and Ba 2015, arXiv
    1412.6980), so that steps without it leave no trace.
    """

    def __init__(self, n_tasks: int, *, lr: float, weight_decay: float = 0.0) -> None:
        self._lr = lr
        self._weight_decay = weight_decay
        zeros = torch.zeros(n_tasks, dtype=torch.float64)
        self._state = {key: zeros.clone() for key in ("logits", "mean", "square", "n_steps")}

    def softmax(self, places: Sequence[int]) -> Tensor:
        """Return the softmax over the tasks at ``places``, float64 ``[n_places]``."""
        return torch.softmax(self._state["logits"][list(places)], dim=0)

    def descend(self, places: Sequence[int], slopes: Tensor) -> None:
        """Take one step of Adam.

        Args:
            places: Tasks of the step.
            slopes: Derivative of what is minimised by each of ``softmax(places)``.
        """
        at = list(places)
        z = self.softmax(at)
        gradient = z * (slopes - z @ slopes) + self._weight_decay * self._state["logits"][at]
        n_steps = self._state["n_steps"][at] + 1
        mean = BETAS[0] * self._state["mean"][at] + (1 - BETAS[0]) * gradient
        square = BETAS[1] * self._state["square"][at] + (1 - BETAS[1]) * gradient.square()
        # A step whose gradient vanishes has no direction: 0 / (0 + EPSILON) leaves the logit.
        speed = (square / (1 - BETAS[1] ** n_steps)).sqrt() + EPSILON
        self._state["logits"][at] -= self._lr * mean / (1 - BETAS[0] ** n_steps) / speed
        self._state["mean"][at] = mean
        self._state["square"][at] = square
        self._state["n_steps"][at] = n_steps

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The logits, moments and counts, float64 ``[n_tasks]`` each: changed in place."""
        return self._state
