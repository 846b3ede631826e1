"""The sharing tree: which tasks run which stage together. Pure, without torch."""

from itertools import pairwise
from typing import TYPE_CHECKING

from automtl.config.blueprint import SharingBlueprint
from automtl.config.digest import digest_of

if TYPE_CHECKING:
    from automtl.config.network import SharingConfig

Groups = tuple[tuple[frozenset[str], ...], ...]
"""By stage, the groups of tasks that run it together, in chain order."""


def groups_by_stage(sharing: SharingBlueprint, n_stages: int) -> Groups:
    """Return the groups of each stage.

    Neighbours in ``sharing.order`` share the first ``split_after[i]`` stages, so tasks that are
    further apart share the minimum of the splits between them. Splits above ``n_stages`` mean
    all stages.
    """
    return tuple(_groups(sharing, stage) for stage in range(n_stages))


def canonical(sharing: SharingBlueprint, n_stages: int) -> "SharingConfig":
    """Return the one chain, of all that write the same tree, that stands for it.

    Splits are clamped to ``n_stages``, and tasks sorted by the groups that they are in, each
    group named by its first task. Groups only ever split, so those who share stand together.

    >>> from automtl.config import SharingConfig
    >>> canonical(SharingConfig(order=("c", "a", "b"), split_after=(9, 1)), 4)
    SharingConfig(order=('a', 'c', 'b'), split_after=(4, 1))
    """
    from automtl.config.network import SharingConfig

    levels = groups_by_stage(sharing, n_stages)

    def names(task: str) -> tuple[str, ...]:
        return (*(min(group) for groups in levels for group in groups if task in group), task)

    order = tuple(sorted(sharing.order, key=names))
    splits = tuple(shared_stages(sharing, a, b, n_stages) for a, b in pairwise(order))
    return SharingConfig(order=order, split_after=splits)


def tree_digest(sharing: SharingBlueprint, n_stages: int) -> str:
    """Return a digest that two chains have in common exactly if they write the same tree."""
    return digest_of(canonical(sharing, n_stages).model_dump(mode="json"))


def shared_stages(sharing: SharingBlueprint, first: str, second: str, n_stages: int) -> int:
    """Return how many stages two tasks share."""
    i, j = sorted((sharing.order.index(first), sharing.order.index(second)))
    return min([n_stages, *sharing.split_after[i:j]])


def _groups(sharing: SharingBlueprint, stage: int) -> tuple[frozenset[str], ...]:
    groups: list[list[str]] = [[sharing.order[0]]]
    for task, split in zip(sharing.order[1:], sharing.split_after, strict=True):
        if split > stage:
            groups[-1].append(task)
        else:
            groups.append([task])
    return tuple(frozenset(group) for group in groups)


def describe_tree(sharing: SharingBlueprint, n_stages: int) -> str:
    """Draw the tree as text, a line for each stage.

    >>> from automtl.config import SharingConfig
    >>> print(describe_tree(SharingConfig(order=("a", "b"), split_after=(1,)), 2))
    stage 1  [a b]
    stage 2  [a] [b]
    """
    lines = []
    for index, groups in enumerate(groups_by_stage(sharing, n_stages), start=1):
        shown = " ".join(
            "[" + " ".join(task for task in sharing.order if task in group) + "]"
            for group in groups
        )
        lines.append(f"stage {index}  {shown}")
    return "\n".join(lines)
