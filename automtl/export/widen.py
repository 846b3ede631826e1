"""A network with one more task: its head reads the trunk of a task that is there already."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from automtl.config import SharingConfig, TrialConfig
from automtl.config.blueprint import EVERY_STAGE
from automtl.data.table import DataInfo
from automtl.export.weights import without_pretraining
from automtl.model.network import build_network, stage_key


def widened_sharing(sharing: SharingConfig, task: str, beside: str) -> SharingConfig:
    """Return the tree in which ``task`` shares all stages with ``beside``.

    It shares with every other task as many as ``beside`` does; the other tasks share as before.

    >>> widened_sharing(SharingConfig(order=("a", "b"), split_after=(1,)), "c", "a").order
    ('a', 'c', 'b')
    """
    place = sharing.order.index(beside) + 1
    order, splits = sharing.order, sharing.split_after
    # Two tasks share the smallest split between them: one of all stages changes no minimum.
    return SharingConfig(
        order=(*order[:place], task, *order[place:]),
        split_after=(*splits[: place - 1], EVERY_STAGE, *splits[place - 1 :]),
    )


def widened_state(
    config: TrialConfig,
    wide: TrialConfig,
    info: DataInfo,
    state: Mapping[str, Tensor],
    *,
    seed: int,
) -> dict[str, Tensor]:
    """Return the tensors of the wider network: its new head fresh, all others as they were.

    Args:
        config: Of the network that ``state`` fits.
        wide: The same with one task more, which has no stage of its own.
        info: Classes of the wider network.
        state: Tensors by name.
        seed: Of the new head's weights.
    """
    network = build_network(without_pretraining(wide), info, generator_seed=seed)
    found = network.state_dict()
    for stage, groups in enumerate(network.groups):
        for group in groups:
            names = tuple(task for task in wide.tasks if task in group)
            old_names = tuple(task for task in config.tasks if task in group)
            new = f"stages.{stage_key(stage, names)}."
            old = f"stages.{stage_key(stage, old_names)}."
            found |= {
                new + name.removeprefix(old): tensor.clone()
                for name, tensor in state.items()
                if name.startswith(old)
            }
    heads = tuple(f"heads.{task}." for task in config.tasks)
    return found | {name: t.clone() for name, t in state.items() if name.startswith(heads)}


def widened_info(old: DataInfo, data: DataInfo, task: str) -> DataInfo:
    """Return the classes of the wider network: the new task's from the data, the rest stay."""
    return replace(
        data,
        detection_classes=_chosen(task == "detection", data, old).detection_classes,
        segmentation_classes=_chosen(task == "segmentation", data, old).segmentation_classes,
        segmentation_frequency=_chosen(task == "segmentation", data, old).segmentation_frequency,
        image_classes=_chosen(task == "classification", data, old).image_classes,
        target_medians={**data.target_medians, **old.target_medians}
        | {name: value for name, value in data.target_medians.items() if name == task},
    )


def _chosen(is_new: bool, data: DataInfo, old: DataInfo) -> DataInfo:  # noqa: FBT001
    return data if is_new else old
