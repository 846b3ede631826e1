"""The sharing tree: every tree can be written, and is what it says."""

from itertools import combinations, pairwise, permutations, product

from hypothesis import given
from hypothesis import strategies as st

from automtl.config import SharingConfig
from automtl.model.sharing import canonical, groups_by_stage, shared_stages

TASKS = ("a", "b", "c", "d")


@st.composite
def sharings(draw):
    n = draw(st.integers(1, 4))
    order = tuple(draw(st.permutations(TASKS[:n])))
    splits = tuple(draw(st.lists(st.integers(0, 9), min_size=n - 1, max_size=n - 1)))
    return SharingConfig(order=order, split_after=splits)


def test_three_tasks_and_five_stages_reach_all_51_trees():
    trees = {
        tuple(
            frozenset(g)
            for g in groups_by_stage(SharingConfig(order=order, split_after=splits), 5)
        )
        for order in permutations("abc")
        for splits in product(range(6), repeat=2)
    }
    assert len(trees) == 51


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
def test_the_clamped_form_is_the_same_tree_and_its_own_clamped_form(sharing, n_stages):
    short = canonical(sharing, n_stages)
    assert groups_by_stage(short, n_stages) == groups_by_stage(sharing, n_stages)
    assert canonical(short, n_stages) == short
    assert all(split <= n_stages for split in short.split_after)
