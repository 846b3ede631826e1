"""Views: the widened stem starts as the one for RGB, and learns from the new channels."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.data.views import channels_of, compute_views, rgb_channels
from automtl.errors import AutomtlError
from automtl.model.backbones import build_stages
from automtl.model.network import build_network
from automtl.model.stages import Stages
from automtl.model.stem import widen
from automtl.testing.task_contract import INFO, SIZE

PICTURES = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8)
WITH_RGB = [("rgb", "hog"), ("hog", "rgb"), ("sift", "rgb", "hog")]


def network(views, name="tiny"):
    config = TrialConfig(
        backbone=BackboneConfig(name=name, views=views, image_size=SIZE),
        sharing=SharingConfig(split_after=(1, 2)),
        heads=HeadsConfig(channels=16),
    )
    return build_network(config, INFO, generator_seed=0)


def stacked(views):
    return torch.from_numpy(compute_views(PICTURES.numpy(), views))


def first_convolutions(net):
    return [
        next(m for m in net.stages[key].modules() if isinstance(m, nn.Conv2d))
        for key in net.stages
        if key.startswith("1-")
    ]


@pytest.mark.parametrize("views", WITH_RGB)
@pytest.mark.parametrize(
    "name",
    [
        "tiny",
        "mobilenet_v3_small",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("regnet_y_400mf", "convnext_tiny", "swin_t")
        ),
    ],
)
def test_the_widened_network_starts_as_the_one_for_rgb(name, views):
    plain, wide = network(("rgb",), name).eval(), network(views, name).eval()
    assert wide.n_channels == channels_of(views)
    with torch.no_grad():
        expected, found = plain(PICTURES), wide(stacked(views))
    for task, output in expected.items():
        for key, value in output.items():
            torch.testing.assert_close(found[task][key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("views", WITH_RGB)
def test_only_the_stem_differs_and_its_rgb_weights_are_kept_to_the_bit(views):
    plain, wide = network(("rgb",)).state_dict(), network(views).state_dict()
    assert plain.keys() == wide.keys()
    differing = [key for key in plain if plain[key].shape != wide[key].shape]
    assert differing == ["stages.1-detection+segmentation+tracking.0.weight"]
    assert all(torch.equal(plain[k], wide[k]) for k in plain if k not in differing)
    kept = rgb_channels(views)
    weight = wide[differing[0]]
    assert torch.equal(weight[:, kept], plain[differing[0]])
    rest = [c for c in range(weight.shape[1]) if c not in range(kept.start, kept.stop)]
    assert not weight[:, rest].any()


def test_every_new_channel_learns():
    net = network(("rgb", "hog")).train()
    outputs = net(stacked(("rgb", "hog")))
    sum(v.square().mean() for out in outputs.values() for v in out.values()).backward()
    (first,) = first_convolutions(net)
    assert (first.weight.grad.abs().amax(dim=(0, 2, 3)) > 0).all()


@pytest.mark.parametrize("views", [("hog",), ("sift",), ("hog", "sift")])
def test_without_rgb_the_stem_is_new_and_its_output_as_large(views):
    torch.manual_seed(0)
    plain = build_stages(BackboneConfig(image_size=SIZE)).modules[0][0]
    torch.manual_seed(0)
    new = build_stages(BackboneConfig(image_size=SIZE, views=views)).modules[0][0]
    assert new.in_channels == channels_of(views)
    noise = torch.randn(4, new.in_channels, *SIZE)
    ratio = new(noise).std() / plain(torch.randn(4, 3, *SIZE)).std()
    assert 0.8 < ratio < 1.25


def test_a_trained_stem_keeps_its_weights_in_every_copy(tmp_path):
    trained = build_stages(BackboneConfig(image_size=SIZE))
    torch.save(nn.ModuleList(trained.modules).state_dict(), tmp_path / "trained.pt")
    config = TrialConfig(
        backbone=BackboneConfig(
            image_size=SIZE, views=("hog", "rgb"), weights=str(tmp_path / "trained.pt")
        ),
        sharing=SharingConfig(split_after=(0, 0)),
        heads=HeadsConfig(channels=16),
    )
    copies = first_convolutions(build_network(config, INFO, generator_seed=1))
    assert len(copies) == 3
    for copy in copies:
        assert torch.equal(copy.weight[:, 9:], trained.modules[0][0].weight)


@pytest.mark.parametrize(
    "first", [nn.Identity(), nn.Conv2d(4, 8, 3), nn.Conv2d(3, 6, 3, groups=3)]
)
def test_a_stem_that_cannot_be_widened_is_said(first):
    stages = Stages(modules=(nn.Sequential(first),), channels=(8,), strides=(1,))
    with pytest.raises(AutomtlError, match="cannot read other views") as caught:
        widen(stages, ("rgb", "hog"))
    assert "\n" not in str(caught.value)


def test_a_backbone_that_reads_the_views_stays_as_it_is():
    first = nn.Conv2d(12, 8, 3)
    stages = Stages(modules=(first,), channels=(8,), strides=(1,))
    before = first.weight
    assert widen(stages, ("rgb", "hog")).modules[0].weight is before


@pytest.mark.parametrize(
    ("views", "size", "words"),
    [
        ((), (64, 64), "at least 1 item"),
        (("rgb", "rgb"), (64, 64), "each view once"),
        (("rgb", "hog"), (64, 90), "views hog need a width"),
        (("depth",), (64, 64), "'rgb', 'hog' or 'sift'"),
    ],
)
def test_views_that_cannot_be_are_refused(views, size, words):
    with pytest.raises(ValidationError, match=words):
        BackboneConfig(views=views, image_size=size)
