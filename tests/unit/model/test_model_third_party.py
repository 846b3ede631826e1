"""Backbones of others: every family trains, exports its shapes, and keeps its trained function."""

import builtins
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from torchvision import models

from automtl.config import BackboneConfig, HeadsConfig, SharingConfig, TrialConfig
from automtl.errors import AutomtlError
from automtl.model.backbones import build_stages
from automtl.model.network import build_network
from automtl.testing.task_contract import INFO

LARGE = (
    "mobilenet_v3_small",
    "mobilenet_v2",
    "resnet18",
    "efficientnet_b0",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "convnext_tiny",
    "swin_t",
)
WITH_TIMM = pytest.mark.skipif(find_spec("timm") is None, reason="the extra `timm` is missing")
FAMILIES = (
    "tiny",
    *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE),
    pytest.param("timm:resnet10t", marks=[pytest.mark.slow, WITH_TIMM]),
)


def network(name: str, size: tuple[int, int]):
    config = TrialConfig(
        backbone=BackboneConfig(name=name, image_size=size),
        sharing=SharingConfig(split_after=(2, 99)),
        heads=HeadsConfig(channels=16),
    )
    return build_network(config, replace(INFO, image_size=size), generator_seed=0)


def loss_of(outputs):
    return sum(v.square().mean() for output in outputs.values() for v in output.values())


@pytest.mark.parametrize("name", FAMILIES)
def test_one_step_moves_every_parameter(name):
    net = network(name, (64, 64)).train()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    before = {key: value.detach().clone() for key, value in net.named_parameters()}
    loss_of(net(images)).backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    # A bias before a batch norm has a gradient of rounding noise; it may stay.
    still = [k for k, v in net.named_parameters() if v.grad is None]
    moved = sum(not torch.equal(before[k], v) for k, v in net.named_parameters())
    assert still == []
    # timm scales each residual branch by 0 at first: what lies before that rests in this step.
    assert moved > (0.6 if name.startswith("timm:") else 0.8) * len(before)
    assert all(torch.isfinite(v).all() for v in net.parameters())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_exported_program_gives_the_same_outputs(name):
    net = network(name, (64, 64)).eval()
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        program = torch.export.export(net, (images,))
        expected, found = net(images), program.module()(images)
    assert {t: set(v) for t, v in found.items()} == {t: set(v) for t, v in expected.items()}
    for task, output in expected.items():
        for key, value in output.items():
            torch.testing.assert_close(found[task][key], value)


@pytest.mark.parametrize("name", FAMILIES)
def test_sizes_that_strides_do_not_divide_are_rounded_up(name):
    stages = build_stages(BackboneConfig(name=name))
    x = torch.zeros(1, 3, 70, 90)
    with torch.no_grad():
        for stage, stride in zip(stages.modules, stages.strides, strict=True):
            x = stage.eval()(x)
            assert x.shape[-2:] == (-(-70 // stride), -(-90 // stride))


def features_of(name, model, x):
    """Return what the classifier of torchvision's ``model`` reads before pooling."""
    if name == "swin_t":
        return model.norm(model.features(x)).permute(0, 3, 1, 2)
    if name == "convnext_tiny":
        return model.classifier[0](model.features(x))
    if name.startswith("regnet"):
        return model.trunk_output(model.stem(x))
    return model.features(x)


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v3_small",
        "regnet_y_400mf",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("efficientnet_b0", "convnext_tiny", "swin_t")
        ),
    ],
)
def test_the_stages_compute_what_torchvisions_model_does(name):
    torch.manual_seed(0)
    model = getattr(models, name)().eval()
    torch.manual_seed(0)
    stages = build_stages(BackboneConfig(name=name))
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = features_of(name, model, x), x
        for stage in stages.modules:
            found = stage.eval()(found)
    assert torch.equal(found, expected)


def test_without_timm_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def no_timm(name, *rest):
        if name.split(".")[0] == "timm":
            msg = "No module named 'timm'"
            raise ImportError(msg)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_timm)
    with pytest.raises(AutomtlError, match=r"automtl\[timm\]") as caught:
        build_stages(BackboneConfig(name="timm:resnet10t"))
    assert "\n" not in str(caught.value)


def test_a_timm_backbone_is_cut_where_its_features_are():
    timm = pytest.importorskip("timm", reason="the extra `timm` is not installed")
    stages = build_stages(BackboneConfig(name="timm:resnet10t"))
    info = timm.create_model("resnet10t", features_only=True).feature_info
    assert list(stages.channels) == info.channels()
    assert list(stages.strides) == info.reduction()


def test_a_timm_name_that_does_not_exist_is_said():
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    with pytest.raises(AutomtlError, match="cannot build 'no_such_model'"):
        build_stages(BackboneConfig(name="timm:no_such_model"))
