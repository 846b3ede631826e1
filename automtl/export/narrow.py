"""Part of a network: the branches of some tasks, as a network of their own and back again."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor

from automtl.config import FixedWeighting, SharingConfig, STCHWeighting, TrialConfig, narrowed
from automtl.data.table import DataInfo
from automtl.export.weights import without_pretraining
from automtl.model.network import build_network, stage_key


def narrow_config(config: TrialConfig, tasks: Sequence[str]) -> TrialConfig:
    """Return the configuration of ``tasks`` alone; they share as much as before.

    Two tasks share the smallest of the splits between them, so the split over a task that is
    left out is the minimum of those it joined.
    """
    order, splits = config.sharing.order, config.sharing.split_after
    kept = [i for i, task in enumerate(order) if task in tasks]
    sharing = SharingConfig(
        order=tuple(order[i] for i in kept),
        split_after=tuple(min(splits[a:b]) for a, b in pairwise(kept)),
    )
    weighting = config.weighting
    if isinstance(weighting, FixedWeighting):
        weights = {task: w for task, w in weighting.weights.items() if task in tasks}
        is_used = any(weights.get(task, 1.0) > 0 for task in tasks)
        weighting = FixedWeighting(weights=weights if is_used else {})
    elif isinstance(weighting, STCHWeighting):
        weights = {task: w for task, w in weighting.weights.items() if task in tasks}
        weighting = weighting.model_copy(update={"weights": weights})
    schedule = narrowed(config.schedule, tasks)
    return config.model_copy(
        update={"sharing": sharing, "weighting": weighting, "schedule": schedule}
    )


def narrow_state(
    config: TrialConfig, info: DataInfo, state: Mapping[str, Tensor], tasks: Sequence[str]
) -> dict[str, Tensor]:
    """Return the tensors of ``tasks`` under the names they have in their own network.

    Args:
        config: The whole network's configuration.
        info: Classes and picture size.
        state: The whole network's tensors.
        tasks: The tasks wanted.
    """
    whole = build_network(without_pretraining(config), info, generator_seed=0)
    found: dict[str, Tensor] = {}
    for stage, groups in enumerate(whole.groups):
        for group in groups:
            members = tuple(task for task in config.tasks if task in group and task in tasks)
            if members:
                names = tuple(task for task in config.tasks if task in group)
                old = f"stages.{stage_key(stage, names)}."
                new = f"stages.{stage_key(stage, members)}."
                found |= _renamed(state, old, new)
    for task in tasks:
        found |= _renamed(state, f"heads.{task}.", f"heads.{task}.")
    return found


def merge_heads(
    state: Mapping[str, Tensor], trained: Mapping[str, Tensor], tasks: Sequence[str]
) -> dict[str, Tensor]:
    """Return ``state`` with the heads of ``tasks`` taken from ``trained``."""
    heads = tuple(f"heads.{task}." for task in tasks)
    return {
        name: trained[name] if name.startswith(heads) else tensor for name, tensor in state.items()
    }


def _renamed(state: Mapping[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {
        new + name.removeprefix(old): tensor
        for name, tensor in state.items()
        if name.startswith(old)
    }
