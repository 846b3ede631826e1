"""The boundary: what the tasks' views tell of the shared part is all there is to tell."""

import pytest
import torch

from automtl.config import BackboneConfig, SharingConfig, TrialConfig
from automtl.model.network import build_network
from automtl.testing.task_contract import INFO, SIZE

TASKS = ("detection", "segmentation", "tracking")


@pytest.mark.parametrize("splits", [(99, 99), (1, 3), (3, 1), (2, 2), (0, 2), (0, 0), (4, 1)])
def test_gradients_at_the_views_pushed_back_once_are_the_parameters_gradients(splits):
    config = TrialConfig(
        backbone=BackboneConfig(name="tiny", image_size=SIZE, width=0.25),
        sharing=SharingConfig(order=TASKS, split_after=splits),
    )
    network = build_network(config, INFO, generator_seed=0).train()
    images = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8)
    weights = dict(zip(TASKS, (0.3, 2.0, 1.1), strict=True))

    plain = network(images)
    loss = sum(weights[t] * _loss(plain[t]) for t in TASKS)
    shared = network.shared_parameters()
    expected = torch.autograd.grad(loss, shared) if shared else ()

    outputs, boundary = network.forward_with_boundary(images)
    pushed = [torch.zeros_like(each.feature) for each in boundary]
    for task in TASKS:
        places = [i for i, each in enumerate(boundary) if task in each.views]
        views = [boundary[i].views[task] for i in places]
        if not views:
            continue
        gradients = torch.autograd.grad(_loss(outputs[task]), views, allow_unused=True)
        for i, gradient in zip(places, gradients, strict=True):
            if gradient is not None:
                pushed[i] += weights[task] * gradient
    features = [each.feature for each in boundary]
    found = torch.autograd.grad(features, shared, grad_outputs=pushed) if shared else ()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(outputs[t][k], v) for t in TASKS for k, v in plain[t].items())


def test_only_what_two_of_the_tasks_in_the_call_share_is_shared():
    config = TrialConfig(backbone=BackboneConfig(name="tiny", image_size=SIZE, width=0.25))
    network = build_network(config, INFO, generator_seed=0)
    images = torch.zeros((2, 3, *SIZE), dtype=torch.uint8)
    _, alone = network.forward_with_boundary(images, ("detection",))
    _, two = network.forward_with_boundary(images, ("detection", "tracking"))
    assert alone == ()
    assert two
    assert all(set(each.views) == {"detection", "tracking"} for each in two)


def _loss(outputs):
    return sum(value.float().square().mean() for value in outputs.values())
