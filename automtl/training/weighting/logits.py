"""One logit for each task, moved by Adam; what is known of absent tasks stays as it is."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class TaskLogits:
    """Logits whose softmax over the tasks of a step is learned.

    Each task has its own moments and its own count of steps (Kingma and Ba 2015, arXiv
    1412.6980), so that steps without it leave no trace. For so few numbers numpy takes
    less time than tensors.
    """

    def __init__(self, n_tasks: int, *, lr: float, weight_decay: float = 0.0) -> None:
        self._lr = lr
        self._weight_decay = weight_decay
        self._own = {key: np.zeros(n_tasks) for key in ("logits", "mean", "square", "n_steps")}

    def softmax(self, places: Sequence[int]) -> NDArray[np.float64]:
        """Return the softmax over the tasks at ``places``, ``[n_places]``."""
        shares: NDArray[np.float64] = softmax(self._own["logits"][list(places)])
        return shares

    def descend(self, places: Sequence[int], slopes: NDArray[np.float64]) -> None:
        """Take one step of Adam.

        Args:
            places: Tasks of the step.
            slopes: Derivative of what is minimised by each of ``softmax(places)``.
        """
        at, own = list(places), self._own
        z = self.softmax(at)
        gradient = z * (slopes - z @ slopes) + self._weight_decay * own["logits"][at]
        n_steps = own["n_steps"][at] + 1
        mean = BETAS[0] * own["mean"][at] + (1 - BETAS[0]) * gradient
        square = BETAS[1] * own["square"][at] + (1 - BETAS[1]) * gradient**2
        # A step whose gradient vanishes has no direction: 0 / (0 + EPSILON) leaves the logit.
        speed = np.sqrt(square / (1 - BETAS[1] ** n_steps)) + EPSILON
        own["logits"][at] -= self._lr * mean / (1 - BETAS[0] ** n_steps) / speed
        own["mean"][at] = mean
        own["square"][at] = square
        own["n_steps"][at] = n_steps

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The logits, moments and counts, float64 ``[n_tasks]``, in the memory of the numbers.

        Not to be kept: a copy of the logits has numbers of its own, and so other tensors.
        """
        return {key: torch.from_numpy(numbers) for key, numbers in self._own.items()}
