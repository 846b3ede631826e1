"""The sharing tree: every tree can be written, and is what it says."""

from itertools import combinations, pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automtl.config import SharingConfig
from automtl.config.sharing import canonical, groups_by_stage, shared_stages, tree_digest

TASKS = ("a", "b", "c", "d")


@st.composite
def sharings(draw):
    n = draw(st.integers(1, 4))
    order = tuple(draw(st.permutations(TASKS[:n])))
    splits = tuple(draw(st.lists(st.integers(0, 9), min_size=n - 1, max_size=n - 1)))
    return SharingConfig(order=order, split_after=splits)


def tree_of(sharing, n_stages):
    return tuple(frozenset(groups) for groups in groups_by_stage(sharing, n_stages))


def partitions(tasks):
    """Every way to put tasks into groups."""
    if not tasks:
        yield frozenset()
        return
    first, *rest = tasks
    for n in range(len(rest) + 1):
        for friends in combinations(rest, n):
            for others in partitions([t for t in rest if t not in friends]):
                yield others | {frozenset({first, *friends})}


def layouts(tasks, n_stages):
    """Every tree by its definition: a partition at each stage, each refining the one before."""
    found = [()]
    for _ in range(n_stages):
        found = [
            (*levels, finer)
            for levels in found
            for finer in partitions(tasks)
            if not levels or all(any(g <= parent for parent in levels[-1]) for g in finer)
        ]
    return set(found)


@pytest.mark.parametrize(("n_tasks", "n_trees"), [(1, 1), (2, 6), (3, 51), (4, 561)])
def test_chains_reach_every_tree_of_five_stages_and_each_has_one_digest(n_tasks, n_trees):
    digests: dict[str, set[object]] = {}
    for order in permutations(TASKS[:n_tasks]):
        for splits in product(range(6), repeat=n_tasks - 1):
            sharing = SharingConfig(order=order, split_after=splits)
            digests.setdefault(tree_digest(sharing, 5), set()).add(tree_of(sharing, 5))
    trees = [tree for found in digests.values() for tree in found]
    assert all(len(found) == 1 for found in digests.values())
    assert len(trees) == len(set(trees)) == n_trees
    assert set(trees) == layouts(TASKS[:n_tasks], 5)


@given(sharings(), st.integers(1, 6))
def test_each_stage_partitions_the_tasks_and_refines_the_one_before(sharing, n_stages):
    levels = groups_by_stage(sharing, n_stages)
    assert len(levels) == n_stages
    for groups in levels:
        assert sorted(t for g in groups for t in g) == sorted(sharing.order)
    for coarse, fine in pairwise(levels):
        assert all(any(g <= parent for parent in coarse) for g in fine)


@given(sharings(), st.integers(1, 6))
def test_two_tasks_share_the_minimum_of_the_splits_between(sharing, n_stages):
    levels = groups_by_stage(sharing, n_stages)
    for first, second in combinations(sharing.order, 2):
        together = [any({first, second} <= g for g in groups) for groups in levels]
        i, j = sharing.order.index(first), sharing.order.index(second)
        expected = min([n_stages, *sharing.split_after[i:j]])
        assert sum(together) == expected == shared_stages(sharing, first, second, n_stages)


@given(sharings(), st.integers(1, 6))
def test_the_canonical_chain_is_the_same_tree_and_its_own_canonical_chain(sharing, n_stages):
    short = canonical(sharing, n_stages)
    assert tree_of(short, n_stages) == tree_of(sharing, n_stages)
    assert canonical(short, n_stages) == short
    assert all(split <= n_stages for split in short.split_after)


@given(sharings(), st.integers(1, 6), st.data())
def test_chains_of_one_tree_have_one_canonical_chain(sharing, n_stages, data):
    order = tuple(data.draw(st.permutations(sharing.order)))
    splits = tuple(shared_stages(sharing, a, b, n_stages) for a, b in pairwise(order))
    other = SharingConfig(order=order, split_after=splits)
    is_same = tree_of(other, n_stages) == tree_of(sharing, n_stages)
    assert (canonical(other, n_stages) == canonical(sharing, n_stages)) == is_same


@pytest.mark.parametrize("n_tasks", range(1, 6))
def test_tasks_share_every_stage_where_nothing_is_said(n_tasks):
    order = ("a", "b", "c", "d", "e")[:n_tasks]
    for stated in (order, list(order)):
        sharing = SharingConfig.model_validate({"order": stated})
        assert tree_of(sharing, 7) == (frozenset({frozenset(order)}),) * 7
    assert SharingConfig() == SharingConfig.model_validate({})
    assert SharingConfig().split_after == (99, 99)


@pytest.mark.parametrize("order", ["abc", 3, [], None])
def test_a_malformed_order_is_one_mistake(order):
    with pytest.raises(ValidationError) as caught:
        SharingConfig.model_validate({"order": order})
    assert len(caught.value.errors()) == 1
