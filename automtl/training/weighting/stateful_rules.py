"""Task weights that depend on earlier steps: random orders, and moving averages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchjd.aggregation import PCGradWeighting as TorchJDPCGrad

from automtl.training.weighting.base import refuse_unknown
from automtl.training.weighting.rows import ParameterRows, Rows
from automtl.training.weighting.rules import GramianRule

MAX_TARGET = 0.999
"""Largest cosine that GradVac asks for: none but parallel gradients have a cosine of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a rule is asked.

    Attributes:
        tasks: Tasks with a gradient other than zero, as places in the trial's list of tasks.
        places: The same tasks as places among those of the step.
        gramian: Inner products of their gradients; the longest has the length 1.
        rows: The gradients of all tasks of the step, as they were found.
    """

    tasks: tuple[int, ...]
    places: tuple[int, ...]
    gramian: NDArray[np.float64]
    rows: Rows


class Rule(Protocol):
    """Finds a weight for each task of a problem, and may remember."""

    def solve(self, problem: Problem) -> NDArray[np.float64]:
        """Return finite weights, ``[n_tasks]``."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that a later solution depends on."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly from ``state_dict``."""
        ...


class OfGramian:
    """A rule that depends on the Gramian alone."""

    def __init__(self, rule: GramianRule) -> None:
        self._rule = rule

    def solve(self, problem: Problem) -> NDArray[np.float64]:
        """Apply the rule."""
        return self._rule(problem.gramian)

    def state_dict(self) -> dict[str, Tensor]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """There is no state."""
        refuse_unknown(state, known=())


class PCGrad:
    """PCGrad (Yu et al. 2020, arXiv 2001.06782, algorithm 1).

    The order of the projections is random. TorchJD draws it from torch's global stream; here
    that stream is exchanged for an own one, which the state holds, so that a resume is exact.
    """

    def __init__(self, *, seed: int) -> None:
        self._rng_state = torch.Generator().manual_seed(seed).get_state()
        self._rule = TorchJDPCGrad()

    def solve(self, problem: Problem) -> NDArray[np.float64]:
        """Project each gradient off those it conflicts with, and add them up."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._rng_state)
            weights = self._rule(torch.from_numpy(problem.gramian))
            self._rng_state = torch.get_rng_state()
        return np.asarray(weights)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the random state."""
        return {"rng": self._rng_state.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the random stream."""
        refuse_unknown(state, known=("rng",))
        self._rng_state = state["rng"].clone().cpu()


class GradVac:
    """GradVac (Wang et al. 2021, arXiv 2010.05874, algorithm 1).

    A gradient whose cosine with another one is below the moving average of that pair gets as much
    of the other as brings it there. The averages belong to pairs of the trial's tasks: a step
    without a task leaves its pairs as they are (TorchJD's begin anew when the number of tasks
    changes).
    """

    def __init__(self, n_tasks: int, *, beta: float, seed: int) -> None:
        self._targets = np.zeros((n_tasks, n_tasks))
        self._beta = beta
        self._generator = torch.Generator().manual_seed(seed)

    def solve(self, problem: Problem) -> NDArray[np.float64]:
        """Return the sum of the coefficients of all corrected gradients."""
        n_tasks = len(problem.tasks)
        return np.asarray(sum(self._corrected(problem, i) for i in range(n_tasks)))

    def _corrected(self, problem: Problem, i: int) -> NDArray[np.float64]:
        """Return the coefficients of one corrected gradient, and move its averages."""
        gramian = problem.gramian
        coefficients = np.eye(len(gramian))[i]
        others = [j for j in range(len(gramian)) if j != i]
        for index in torch.randperm(len(others), generator=self._generator).tolist():
            j = others[index]
            pair = problem.tasks[i], problem.tasks[j]
            inner = float(gramian[j] @ coefficients)
            length = float(np.sqrt(max(0.0, coefficients @ gramian @ coefficients)))
            other = float(np.sqrt(gramian[j, j]))
            cosine = float(np.clip(inner / (length * other), -1, 1)) if length > 0 else 0.0
            target = min(self._targets[pair], MAX_TARGET)
            if cosine < target:
                sine, target_sine = np.sqrt(1 - cosine**2), np.sqrt(1 - target**2)
                added = length * (target * sine - cosine * target_sine) / (other * target_sine)
                coefficients[j] += added
            self._targets[pair] += self._beta * (cosine - self._targets[pair])
        return np.asarray(coefficients)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averages and the random state."""
        targets = torch.from_numpy(self._targets.copy())
        return {"targets": targets, "rng": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the averages and the random stream."""
        refuse_unknown(state, known=("targets", "rng"))
        self._targets = state["targets"].cpu().numpy().copy()
        self._generator.set_state(state["rng"].cpu())


class ExcessMTL:
    """ExcessMTL (He et al. 2024, arXiv 2402.02009, eqs. 6, 7 and 9).

    How far a task is from its optimum is estimated as ``g' H^-1 g`` with the root of the summed
    squares of its gradients for ``H``, in units of its first estimate. The weights move by
    exponentiated steps. A task that is not there keeps its share of all weights; the others
    exchange theirs.
    """

    def __init__(self, tasks: Sequence[str], *, step_size: float) -> None:
        self._tasks = tuple(tasks)
        self._step_size = step_size
        self._log_shares = np.zeros(len(tasks))
        self._first = np.zeros(len(tasks))  # 0: not estimated yet
        self._squares = torch.zeros(len(tasks), 0)

    def solve(self, problem: Problem) -> NDArray[np.float64]:
        """Move the weights by the newest estimates; return them, of mean 1 over these tasks."""
        live = list(problem.tasks)
        found = self._estimates(problem)
        self._first[live] = np.where(self._first[live] > 0, self._first[live], found)
        before = self._log_shares[live]
        moved = before + self._step_size * found / self._first[live]
        self._log_shares[live] = moved - np.logaddexp.reduce(moved) + np.logaddexp.reduce(before)
        shares = np.exp(self._log_shares[live] - self._log_shares[live].max())
        return np.asarray(len(live) * shares / shares.sum())

    def _estimates(self, problem: Problem) -> NDArray[np.float64]:
        rows = problem.rows
        assert isinstance(rows, ParameterRows), "the configuration allows parameters only"
        columns, width = self._columns(rows)
        matrix = rows.blocks[0].rows
        if self._squares.shape[1] != width:
            self._squares = torch.zeros(len(self._tasks), width)
        self._squares = self._squares.to(matrix.device)
        found = []
        for task, place in zip(problem.tasks, problem.places, strict=True):
            squares = matrix[place].square()
            self._squares[task, columns] += squares
            curvature = torch.sqrt(self._squares[task, columns] + 1e-7)
            found.append(float((squares / curvature).sum()))
        return np.maximum(found, np.finfo(np.float64).tiny)

    def _columns(self, rows: ParameterRows) -> tuple[Tensor, int]:
        """Return where this step's parameters are among those that the trial's tasks share."""
        starts: dict[int, int] = {}
        width = 0
        for parameter in rows.network.shared_parameters(self._tasks):
            starts[id(parameter)] = width
            width += parameter.numel()
        parts = [torch.arange(p.numel()) + starts[id(p)] for p in rows.shared]
        return torch.cat(parts).to(rows.blocks[0].rows.device), width

    def state_dict(self) -> dict[str, Tensor]:
        """Return shares, first estimates and summed squares."""
        return {
            "log_shares": torch.from_numpy(self._log_shares.copy()),
            "first": torch.from_numpy(self._first.copy()),
            "squares": self._squares.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue the sums."""
        refuse_unknown(state, known=("log_shares", "first", "squares"))
        self._log_shares = state["log_shares"].cpu().numpy().copy()
        self._first = state["first"].cpu().numpy().copy()
        self._squares = state["squares"].clone()
