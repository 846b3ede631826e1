"""How many trials fit on the machines at hand."""

import os
from collections.abc import Mapping, Sequence
from math import floor

from automtl.errors import DispatchError

ROUNDING = 1e-6
"""Shares such as 1/3 must fit three times in spite of rounding."""


def usable_cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has.

    A scheduler such as Slurm, or `taskset`, gives a process some of them.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def fitting_slots(nodes: Sequence[Mapping[str, float]], share: Mapping[str, float]) -> int:
    """Count the trials that run at the same time.

    Args:
        nodes: ``cpu`` and ``gpu`` of each machine.
        share: ``cpu`` and ``gpu`` of one trial; a trial never spans two machines.

    Raises:
        DispatchError: If not even one trial fits.

    >>> fitting_slots([{"cpu": 8, "gpu": 1}], {"cpu": 1, "gpu": 0.25})
    4
    """
    counts = [_slots_of(node, share) for node in nodes]
    if sum(counts) == 0:
        raise _nothing_fits(nodes, share)
    return sum(counts)


def _slots_of(node: Mapping[str, float], share: Mapping[str, float]) -> int:
    cpu, gpu = share.get("cpu", 0.0), share.get("gpu", 0.0)
    if cpu <= 0 and gpu <= 0:
        msg = f"`share` must ask for a CPU or a GPU. Found {dict(share)}."
        raise ValueError(msg)
    counts = []
    if cpu > 0:
        counts.append(floor(node.get("cpu", 0.0) / cpu + ROUNDING))
    if gpu > 0:
        counts.append(_gpu_slots(floor(node.get("gpu", 0.0)), gpu))
    return min(counts)


def _gpu_slots(n_gpus: int, share: float) -> int:
    # A trial never spans two cards in part: a share of 0.6 fits once on each card.
    if share < 1:
        return n_gpus * floor(1 / share + ROUNDING)
    return floor(n_gpus / share + ROUNDING)


def _nothing_fits(
    nodes: Sequence[Mapping[str, float]], share: Mapping[str, float]
) -> DispatchError:
    gpus = max((node.get("gpu", 0.0) for node in nodes), default=0.0)
    cpus = max((node.get("cpu", 0.0) for node in nodes), default=0.0)
    gpu, cpu = share.get("gpu", 0.0), share.get("cpu", 0.0)
    if gpu > gpus:
        return DispatchError(
            f"a trial asks for {gpu:g} GPU and the largest machine has {gpus:g}",
            where="resources.gpu",
            fix="Set `resources: {gpu: 0}` in the recipe, or name a cluster with GPUs",
        )
    return DispatchError(
        f"a trial asks for {cpu:g} CPUs and the largest machine has {cpus:g}",
        where="resources.cpu",
        fix=f"Set `resources: {{cpu: {cpus:g}}}` or less in the recipe",
    )
