"""Every tree of three tasks on a backbone of five stages: what is shared is one object."""

from itertools import combinations, permutations, product

import torch
from torch import nn

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.config.sharing import canonical, shared_stages
from automtl.model.network import build_network, same_tensors
from automtl.model.stages import Stages
from automtl.testing.task_contract import INFO

TASKS = ("detection", "segmentation", "tracking")
IMAGES = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)


def five_stages(config: BackboneConfig) -> Stages:
    """Return a user's own backbone, found by its import path."""
    del config
    modules = tuple(
        nn.Sequential(
            nn.Conv2d(3 if i == 0 else 8, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        )
        for i in range(5)
    )
    return Stages(modules=modules, channels=(8,) * 5, strides=(2, 4, 8, 16, 32))


def network(sharing: SharingConfig):
    config = TrialConfig(
        backbone=BackboneConfig(name=f"{__name__}:five_stages", image_size=(32, 32)),
        sharing=sharing,
        heads=HeadsConfig(channels=8, embedding_dim=4),
    )
    return build_network(config, INFO, generator_seed=0)


def modules_run(net, task: str) -> list[nn.Module]:
    seen: list[nn.Module] = []
    hooks = [s.register_forward_hook(lambda m, *_: seen.append(m)) for s in net.stages.values()]
    net(IMAGES, [task])
    for hook in hooks:
        hook.remove()
    return seen


def test_in_all_51_trees_parameters_are_one_object_exactly_where_the_tree_says_so():
    trees = {
        canonical(SharingConfig(order=order, split_after=splits), 5)
        for order in permutations(TASKS)
        for splits in product(range(6), repeat=2)
    }
    assert len(trees) == 51
    for sharing in trees:
        net = network(sharing).eval()
        run = {task: modules_run(net, task) for task in TASKS}
        assert all(len(stages) == 5 for stages in run.values())
        for one, other in combinations(TASKS, 2):
            n_shared = shared_stages(sharing, one, other, 5)
            for stage, (a, b) in enumerate(zip(run[one], run[other], strict=True)):
                assert (a is b) == (stage < n_shared)
                mine, others = ({id(p) for p in m.parameters()} for m in (a, b))
                assert mine == others if stage < n_shared else not mine & others
        used = {id(p) for stages in run.values() for m in stages for p in m.parameters()}
        assert used == {id(p) for p in net.trunk_parameters()}


def test_copies_of_a_stage_start_equal_and_have_statistics_of_their_own():
    net = network(SharingConfig(order=TASKS, split_after=(1, 3))).train()
    copies = [net.stages[f"2-{group}"] for group in ("detection", "segmentation+tracking")]
    assert same_tensors(copies[0].state_dict(), copies[1].state_dict())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net(IMAGES, ["detection"])
    changed = {
        key for key, value in net.state_dict().items() if not torch.equal(value, before[key])
    }
    stages = {key.split(".")[1] for key in changed if key.startswith("stages.")}
    assert stages == {"1-detection+segmentation+tracking", *(f"{i}-detection" for i in "2345")}
    assert all("running_" in key or "num_batches" in key for key in changed)


def test_a_shared_stage_counts_a_batch_once_whatever_the_number_of_its_tasks():
    net = network(SharingConfig(order=TASKS, split_after=(1, 3))).train()
    net(IMAGES)
    counts = {k: int(v) for k, v in net.state_dict().items() if "stages" in k and "num_b" in k}
    assert len(counts) == 1 + 2 * 2 + 2 * 3
    assert set(counts.values()) == {1}
