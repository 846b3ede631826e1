"""Where the shared part of a network ends."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFeature:
    """A tensor of the shared part of a network that leaves it towards single tasks.

    Attributes:
        feature: What the shared stage gave; later shared stages read it too.
        views: By task, ``feature.view_as(feature)``: what the task's own stages and head read.
    """

    feature: Tensor
    views: Mapping[str, Tensor]


Boundary = tuple[SharedFeature, ...]
"""Every path from a task's loss to a shared parameter leads through the task's views."""
