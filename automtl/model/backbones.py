"""Backbones as stages: cut where the stride doubles."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from automtl.config import BackboneConfig
from automtl.errors import AutomtlError, closest

TORCHVISION = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "resnet18",
    "resnet34",
    "resnet50",
)
BUILT_IN = ("tiny", *TORCHVISION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """A backbone cut into stages.

    Attributes:
        modules: Stage ``i`` reads the output of stage ``i - 1``; the first reads the normalised
            picture ``[B, 3, H, W]``.
        channels: Output channels of each stage.
        strides: Stride of each stage's output against the picture.
    """

    modules: tuple[nn.Module, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]


def build_stages(config: BackboneConfig) -> Stages:
    """Build the stages of a backbone with its weights.

    Raises:
        AutomtlError: If the backbone is unknown or its weights cannot be had.
    """
    if ":" in config.name:
        return _user_stages(config)
    if config.name == "tiny":
        _refuse_imagenet(config)
        return _load_path(config, _tiny(config.width))
    if config.name in TORCHVISION:
        return _load_path(config, _torchvision(config))
    near = closest(config.name, BUILT_IN)
    msg = f"no backbone is called {config.name!r}"
    raise AutomtlError(
        msg,
        where="backbone.name",
        fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(BUILT_IN)}",
    )


def _conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _tiny(width: float) -> Stages:
    """Four stages at strides 2 to 16: plain convolutions, which CPUs run fastest."""
    channels = tuple(max(8, round(c * width / 8) * 8) for c in (16, 32, 64, 96))
    modules = (
        _conv(3, channels[0], 2),
        nn.Sequential(_conv(channels[0], channels[1], 2), _conv(channels[1], channels[1], 1)),
        nn.Sequential(_conv(channels[1], channels[2], 2), _conv(channels[2], channels[2], 1)),
        nn.Sequential(_conv(channels[2], channels[3], 2), _conv(channels[3], channels[3], 1)),
    )
    return Stages(modules=modules, channels=channels, strides=(2, 4, 8, 16))


def _torchvision(config: BackboneConfig) -> Stages:
    from torchvision import models

    weights = "IMAGENET1K_V1" if config.weights == "imagenet" else None
    try:
        model = getattr(models, config.name)(weights=weights)
    except OSError as error:
        msg = f"the ImageNet weights of {config.name} cannot be downloaded ({error})"
        raise AutomtlError(
            msg,
            where="backbone.weights",
            fix="Put the file into TORCH_HOME/hub/checkpoints, or set weights: none",
        ) from error
    layers = _resnet_layers(model) if config.name.startswith("resnet") else list(model.features)
    return cut_by_stride(layers)


def _resnet_layers(model: Any) -> list[nn.Module]:
    stem = nn.Sequential(model.conv1, model.bn1, model.relu)
    first = nn.Sequential(model.maxpool, model.layer1)
    return [stem, first, model.layer2, model.layer3, model.layer4]


def cut_by_stride(layers: Sequence[nn.Module]) -> Stages:
    """Group consecutive layers into stages that each double the stride.

    Strides and channels are measured on a blank picture.
    """
    grouped: list[list[nn.Module]] = []
    channels: list[int] = []
    strides: list[int] = []
    picture = torch.zeros(1, 3, 64, 64)
    was_training = [layer.training for layer in layers]
    with torch.no_grad():
        for layer in layers:
            layer.eval()
            picture = layer(picture)
            stride = 64 // picture.shape[-1]
            if not strides or stride > strides[-1]:
                grouped.append([])
                channels.append(0)
                strides.append(stride)
            grouped[-1].append(layer)
            channels[-1] = picture.shape[1]
    for layer, flag in zip(layers, was_training, strict=True):
        layer.train(flag)
    modules = tuple(nn.Sequential(*group) for group in grouped)
    return Stages(modules=modules, channels=tuple(channels), strides=tuple(strides))


def _user_stages(config: BackboneConfig) -> Stages:
    module, _, name = config.name.partition(":")
    try:
        factory = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        msg = f"the backbone {config.name!r} cannot be imported ({error})"
        raise AutomtlError(
            msg,
            where="backbone.name",
            fix="Write package.module:factory; the factory takes a BackboneConfig",
        ) from error
    stages = factory(config)
    if not isinstance(stages, Stages):
        msg = f"{config.name!r} returned {type(stages).__name__} instead of Stages"
        raise AutomtlError(
            msg,
            where="backbone.name",
        )
    return stages


def _refuse_imagenet(config: BackboneConfig) -> None:
    if config.weights == "imagenet":
        msg = f"there are no ImageNet weights of {config.name!r}"
        raise AutomtlError(
            msg,
            where="backbone.weights",
            fix="Set weights: none, or choose a torchvision backbone",
        )


def _load_path(config: BackboneConfig, stages: Stages) -> Stages:
    """Load a state dict of the stages (``0.0.weight`` ...), if a path is given."""
    if config.weights in ("none", "imagenet"):
        return stages
    path = Path(config.weights)
    if not path.is_file():
        msg = "no such file of weights"
        raise AutomtlError(msg, where=str(path))
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    try:
        nn.ModuleList(stages.modules).load_state_dict(state, strict=True)
    except RuntimeError as error:
        msg = f"the weights do not fit {config.name}: {error}"
        raise AutomtlError(msg, where=str(path)) from error
    return stages
