"""How trials are called in tables."""

from itertools import permutations, product

import pytest

from automtl.config import BackboneConfig, SharingConfig, TrialConfig
from automtl.config.sharing import groups_by_stage
from automtl.results import TrialRecord
from automtl.study.words import n_stages, tree_of

TASKS = ("detection", "segmentation", "tracking")


def record(order: tuple[str, ...], splits: tuple[int, ...], name: str = "tiny") -> TrialRecord:
    config = TrialConfig(
        backbone=BackboneConfig(name=name),
        sharing=SharingConfig(order=order, split_after=splits),
    )
    return TrialRecord(number=0, point={}, config=config.to_plain(), config_digest="")


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        ((99, 99), "all 4"),
        ((4, 4), "all 4"),
        ((2, 2), "all 2"),
        ((2, 4), "all 2, seg+tra 4"),
        ((3, 1), "all 1, det+seg 3"),
        ((0, 3), "seg+tra 3"),
        ((0, 0), "apart"),
    ],
)
def test_a_tree_is_named(splits: tuple[int, int], text: str) -> None:
    assert tree_of(record(TASKS, splits)) == text


def test_one_task_and_foreign_configurations_are_named() -> None:
    assert tree_of(record(("tracking",), ())) == "tra alone"
    foreign = TrialRecord(number=0, point={}, config={"x": 1}, config_digest="")
    assert tree_of(foreign) == "-"


def test_trees_have_the_same_name_exactly_where_they_are_the_same() -> None:
    names: dict[str, set[object]] = {}
    trees: dict[object, set[str]] = {}
    for order in permutations(TASKS):
        for splits in product(range(6), repeat=2):
            trial = record(order, splits)
            sharing = TrialConfig.from_plain(trial.config).sharing
            tree = tuple(
                frozenset(map(frozenset, groups)) for groups in groups_by_stage(sharing, 4)
            )
            names.setdefault(tree_of(trial), set()).add(tree)
            trees.setdefault(tree, set()).add(tree_of(trial))
    assert len(names) > 30
    assert all(len(found) == 1 for found in names.values())
    assert all(len(found) == 1 for found in trees.values())


def test_a_backbone_of_ones_own_has_as_many_stages_as_it_likes() -> None:
    assert n_stages("my_package:backbone") is None
    assert n_stages("timm:resnet10t") is None
    assert tree_of(record(TASKS, (7, 9), "my_package:backbone")) == "all 7, seg+tra 9"
