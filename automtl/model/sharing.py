"""The sharing tree: which tasks run which stage together. Pure, without torch."""

from automtl.config import SharingConfig

Groups = tuple[tuple[frozenset[str], ...], ...]
"""By stage, the groups of tasks that run it together, in chain order."""


def groups_by_stage(sharing: SharingConfig, n_stages: int) -> Groups:
    """Return the groups of each stage.

    Neighbours in ``sharing.order`` share the first ``split_after[i]`` stages, so tasks that are
    further apart share the minimum of the splits between them. Splits above ``n_stages`` mean
    all stages.
    """
    return tuple(_groups(sharing, stage) for stage in range(n_stages))


def canonical(sharing: SharingConfig, n_stages: int) -> SharingConfig:
    """Return the same tree with every split clamped to ``n_stages``."""
    splits = tuple(min(split, n_stages) for split in sharing.split_after)
    return SharingConfig(order=sharing.order, split_after=splits)


def shared_stages(sharing: SharingConfig, first: str, second: str, n_stages: int) -> int:
    """Return how many stages two tasks share."""
    i, j = sorted((sharing.order.index(first), sharing.order.index(second)))
    return min([n_stages, *sharing.split_after[i:j]])


def _groups(sharing: SharingConfig, stage: int) -> tuple[frozenset[str], ...]:
    groups: list[list[str]] = [[sharing.order[0]]]
    for task, split in zip(sharing.order[1:], sharing.split_after, strict=True):
        if split > stage:
            groups[-1].append(task)
        else:
            groups.append([task])
    return tuple(frozenset(group) for group in groups)


def describe_tree(sharing: SharingConfig, n_stages: int) -> str:
    """Draw the tree as text, a line for each stage.

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
