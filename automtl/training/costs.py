"""What training takes: passes, steps, seconds and memory, by task and in all.

A ledger of costs is a flat mapping from names like ``cost/forward_passes/TASK`` to numbers: what a
training reports, and what its checkpoint keeps. Two ledgers add up, peaks apart.
"""

import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

FORWARD = "cost/forward_passes"
"""Task branches run forward, a second time within a step included."""

BACKWARD = "cost/backward_passes"
"""Times that a task's loss was differentiated."""

TRUNK_FORWARD = "cost/trunk_forward_passes"
"""Runs of the backbone's first stage: one for a joint step if the tasks share it."""

TRUNK_BACKWARD = "cost/trunk_backward_passes"
"""Times that a gradient reached the first stage: one for each task if they are kept apart."""

STEPS = "cost/optimizer_steps"
"""Steps that moved parameters; by task, those in which the task took part."""

SECONDS = "cost/train_s"
"""Seconds of training steps, data included; by task, its even share of the steps it was in."""

MEMORY = "cost/peak_memory_mb"
"""Largest memory during a step: torch's on a GPU, else what the whole process holds, in MB."""

MB = 2**20

CLEAR = Path("/proc/self/clear_refs")
"""Where Linux lets a process set its high-water mark back."""

Ledger = Mapping[str, float]


class Stages(Protocol):
    """What counting needs to know of a network."""

    def stage_parameters(self, tasks: Sequence[str]) -> Iterator[tuple[frozenset[str], nn.Module]]:
        """Yield each stage that any of ``tasks`` runs, with the tasks among them that run it."""
        ...


def merged(ledger: Ledger, more: Ledger) -> dict[str, float]:
    """Return the sum of two ledgers; of peaks, the higher one.

    >>> merged({"cost/train_s": 1.0}, {"cost/train_s": 2.0, "cost/peak_memory_mb": 3.0})
    {'cost/train_s': 3.0, 'cost/peak_memory_mb': 3.0}
    """
    found = dict(ledger)
    for name, value in more.items():
        before = found.get(name, 0.0)
        found[name] = max(before, value) if name.startswith(MEMORY) else before + value
    return found


class PassCounter:
    """Counts the passes of one step, whatever its weighting does with the graph.

    Args:
        network: Whose passes.
    """

    def __init__(self, network: Stages) -> None:
        self._network = network
        self._counts: Counter[str] = Counter()

    @property
    def passes(self) -> dict[str, float]:
        """The passes so far, by the names of a ledger."""
        return {name: float(count) for name, count in self._counts.items()}

    def forward(self, tasks: Sequence[str]) -> None:
        """Count a forward pass of the branches of ``tasks``."""
        self._counts.update([TRUNK_FORWARD] * len(_first_stages(self._network, tasks)))
        for task in tasks:
            self._count(FORWARD, task)

    @contextmanager
    def backward(self, losses: Mapping[str, Tensor]) -> Iterator[None]:
        """Count, within the block, what is differentiated of ``losses``."""
        handles = [
            _on_gradient(loss, partial(self._count, BACKWARD, task))
            for task, loss in losses.items()
        ]
        for stage in _first_stages(self._network, tuple(losses)):
            lowest = next((p for p in stage.parameters() if p.requires_grad), None)
            if lowest is not None:
                handles.append(_on_gradient(lowest, self._reach_the_trunk))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _count(self, name: str, task: str) -> None:
        self._counts.update([name, f"{name}/{task}"])

    def _reach_the_trunk(self) -> None:
        self._counts[TRUNK_BACKWARD] += 1


def of_step(tasks: Sequence[str], passes: Ledger, *, seconds: float, peak_mb: float) -> Ledger:
    """Return the ledger of one step.

    Args:
        tasks: Those that took part in its gradient; none if no parameter moved.
        passes: What was counted.
        seconds: How long it took.
        peak_mb: Its largest memory.
    """
    of_tasks = {
        **{f"{STEPS}/{task}": 1.0 for task in tasks},
        **{f"{SECONDS}/{task}": seconds / len(tasks) for task in tasks},
        **{f"{MEMORY}/{task}": peak_mb for task in tasks},
    }
    steps = 1.0 if tasks else 0.0
    return {**passes, STEPS: steps, SECONDS: seconds, MEMORY: peak_mb, **of_tasks}


def total_of(ledgers: Iterable[Ledger]) -> dict[str, float]:
    """Return the sum of many ledgers."""
    found: dict[str, float] = {}
    for ledger in ledgers:
        found = merged(found, ledger)
    return found


def forget_peak(device: torch.device) -> None:
    """Let :func:`peak_mb` start over, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    if CLEAR.exists():
        CLEAR.write_text("5", encoding="ascii")  # the process's high-water mark


def peak_mb(device: torch.device) -> float:
    """Return the largest memory since :func:`forget_peak`, or since the process began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MB
    if CLEAR.exists():  # `ru_maxrss` keeps the peak of the process that started this one
        return _high_water_kb() / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MB if sys.platform == "darwin" else 1024)


def _high_water_kb() -> int:
    """Return Linux' `VmHWM`, the mark that :func:`forget_peak` sets back."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    message = "/proc/self/status has no VmHWM"
    raise OSError(message)


def _on_gradient(tensor: Tensor, call: Callable[[], None]) -> RemovableHandle:
    """Call a function each time that a gradient of ``tensor`` has been computed."""

    def hook(gradient: Tensor) -> None:
        del gradient
        call()

    handle: RemovableHandle = tensor.register_hook(hook)  # type: ignore[no-untyped-call]
    return handle


def _first_stages(network: Stages, tasks: Sequence[str]) -> list[nn.Module]:
    """Return the modules that read the picture: a stage for each group of tasks that shares it."""
    found: dict[str, nn.Module] = {}
    for members, stage in network.stage_parameters(tasks):
        for task in members:
            found.setdefault(task, stage)
    return list({id(stage): stage for stage in found.values()}.values())
