"""What a training reports: names of metrics. Plain, so that a recipe is checked without torch."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

TASK_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "detection": ("detection/mAP", "detection/mAP_50", "detection/mAP_75"),
        "segmentation": ("segmentation/mIoU",),
        "tracking": ("tracking/IDF1",),
        "classification": ("classification/accuracy", "classification/balanced_accuracy"),
        "depth": ("depth/delta1", "depth/abs_rel", "depth/rmse"),
    }
)
"""Of each built-in task, the primary one first."""

SYSTEM_METRICS = (
    "tracking/HOTA",
    "tracking/MOTA",
    "tracking/system_IDF1",
    "tracking/id_switches",
)
"""Of boxes and tracks together: reported where a network has both tasks."""

SHARED_COSTS = (
    "cost/parameters",
    "cost/flops",
    "cost/latency_ms",
    "cost/steps",
    "cost/trunk_forward_passes",
    "cost/trunk_backward_passes",
)
"""Of every training, for all tasks together."""

COSTS_BY_TASK = (
    "cost/train_s",
    "cost/optimizer_steps",
    "cost/forward_passes",
    "cost/backward_passes",
    "cost/peak_memory_mb",
)
"""Of every training, in all and, as ``NAME/TASK``, by task."""

FREE_METRICS = ("loss/", "weight/", "device/", "system/")
"""Beginnings of reported names that the weighting, or the machine, decides."""


WITHOUT_LABELS = ("cost/", "score", *FREE_METRICS)
"""Beginnings of reported names that stand for no task's labels."""


def reported_metrics(tasks: Iterable[str]) -> tuple[str, ...]:
    """Return what a training of these tasks reports, names of :data:`FREE_METRICS` left out.

    >>> reported_metrics(["segmentation"])[0]
    'segmentation/mIoU'
    """
    tasks = tuple(tasks)
    of_tasks = [metric for task in tasks for metric in TASK_METRICS.get(task, ())]
    system = SYSTEM_METRICS if {"detection", "tracking"} <= set(tasks) else ()
    by_task = [f"{cost}/{task}" for cost in COSTS_BY_TASK for task in tasks]
    return (*of_tasks, *system, *SHARED_COSTS, *COSTS_BY_TASK, *by_task, "score")


SMALLER_IS_BETTER = ("cost/", "loss/", "tracking/id_switches", "depth/abs_rel", "depth/rmse")
"""Beginnings of the names whose best value is 0."""


def goal_of(metric: str) -> Literal["maximize", "minimize"] | None:
    """Return in which direction a built-in metric is better; None where its name does not say.

    Those to be maximized are shares: no value is above 1. The others are at least 0.

    >>> goal_of("detection/mAP"), goal_of("cost/latency_ms"), goal_of("weight/depth")
    ('maximize', 'minimize', None)
    """
    if metric.startswith(SMALLER_IS_BETTER):
        return "minimize"
    return "maximize" if metric in reported_metrics(TASK_METRICS) else None
