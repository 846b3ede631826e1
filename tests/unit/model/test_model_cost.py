"""The cost of a tree is known before the network is built, to the last parameter."""

from itertools import permutations, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.model import cost
from automtl.model.cost import count_flops, count_parameters, flops_of_tree, parameters_of_tree
from automtl.model.network import build_network
from automtl.testing.task_contract import INFO

TASKS = ("detection", "segmentation", "tracking")


def check(config: TrialConfig) -> None:
    network = build_network(config, INFO, generator_seed=0)
    size = config.backbone.image_size
    assert parameters_of_tree(config, INFO) == count_parameters(network)
    assert flops_of_tree(config, INFO) == count_flops(network, size, n_channels=network.n_channels)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda n: st.tuples(
            st.permutations(TASKS).map(lambda order: tuple(order[:n])),
            st.tuples(*[st.integers(0, 6)] * (n - 1)),
        )
    ),
    st.sampled_from([0.25, 0.5]),
    st.sampled_from([(64, 96), (50, 72)]),
    st.sampled_from([("rgb",), ("hog", "rgb"), ("sift",)]),
    st.sampled_from([8, 24]),
)
def test_what_is_computed_beforehand_is_what_the_network_has(tree, width, size, views, channels):
    order, splits = tree
    check(
        TrialConfig(
            backbone=BackboneConfig(width=width, image_size=size, views=views),
            sharing=SharingConfig(order=order, split_after=splits),
            heads=HeadsConfig(channels=channels, embedding_dim=channels),
        )
    )


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v3_small",
        pytest.param("resnet18", marks=pytest.mark.slow),
        pytest.param("efficientnet_b0", marks=pytest.mark.slow),
        pytest.param("regnet_y_400mf", marks=pytest.mark.slow),
        pytest.param("convnext_tiny", marks=pytest.mark.slow),
        pytest.param("swin_t", marks=pytest.mark.slow),
    ],
)
def test_every_family_costs_what_was_computed(name):
    check(
        TrialConfig(
            backbone=BackboneConfig(name=name, image_size=(70, 90)),
            sharing=SharingConfig(split_after=(1, 3)),
        )
    )


def test_a_backbone_is_measured_once_for_all_its_trees(monkeypatch):
    calls = []
    real = cost.build_stages
    monkeypatch.setattr(cost, "build_stages", lambda c: calls.append(c) or real(c))
    backbone = BackboneConfig(width=0.375, image_size=(32, 32))
    found = {
        parameters_of_tree(
            TrialConfig(
                backbone=backbone.model_copy(update={"weights": weights}),
                sharing=SharingConfig(order=order, split_after=splits),
            ),
            INFO,
        )
        for weights in ("none", "imagenet")
        for order in permutations(TASKS)
        for splits in product(range(5), repeat=2)
    }
    assert len(found) > 10
    assert len(calls) == 1


def test_measuring_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    config = TrialConfig(backbone=BackboneConfig(width=0.625, image_size=(32, 32)))
    assert parameters_of_tree(config, INFO) > 0
    assert torch.equal(torch.rand(1), expected)
