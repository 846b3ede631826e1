"""Backbones by name, with their weights."""

from pathlib import Path

import torch
from torch import Tensor, nn

from automtl.config.backbones import TIMM, tiny_channels
from automtl.config.blueprint import BackboneBlueprint
from automtl.errors import AutomtlError
from automtl.model.stages import Stages
from automtl.model.stem import widen
from automtl.model.third_party import timm_stages, torchvision_stages
from automtl.own_code import blamed, imported, said


def build_stages(config: BackboneBlueprint) -> Stages:
    """Build the stages of a backbone with its weights, for the views that it is to read.

    Raises:
        AutomtlError: If the backbone cannot be imported, its weights cannot be had, or it cannot
            read the views.
    """
    return widen(_for_rgb(config), config.views)


def _for_rgb(config: BackboneBlueprint) -> Stages:
    if config.name.startswith(TIMM):
        return _load_path(config, timm_stages(config))
    if ":" in config.name:
        return _user_stages(config)
    if config.name == "tiny":
        _refuse_imagenet(config)
        return _load_path(config, _tiny(config.width))
    return _load_path(config, torchvision_stages(config))


def _conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _tiny(width: float) -> Stages:
    """Four stages at strides 2 to 16: plain convolutions, which CPUs run fastest."""
    channels = tiny_channels(width)
    modules = (
        _conv(3, channels[0], 2),
        nn.Sequential(_conv(channels[0], channels[1], 2), _conv(channels[1], channels[1], 1)),
        nn.Sequential(_conv(channels[1], channels[2], 2), _conv(channels[2], channels[2], 1)),
        nn.Sequential(_conv(channels[2], channels[3], 2), _conv(channels[3], channels[3], 1)),
    )
    return Stages(modules=modules, channels=channels, strides=(2, 4, 8, 16))


def _user_stages(config: BackboneBlueprint) -> Stages:
    where = "backbone.name"
    factory = imported(config.name, what="backbone", where=where)
    fix = "It is called with a BackboneConfig and returns automtl.model.stages.Stages"
    with blamed(f"the backbone {config.name!r} cannot be built", where=where, fix=fix):
        stages: object = factory(config)
    if not isinstance(stages, Stages):
        msg = f"{config.name!r} returned {type(stages).__name__} instead of Stages"
        raise AutomtlError(msg, where=where, fix=fix)
    return stages


def _refuse_imagenet(config: BackboneBlueprint) -> None:
    if config.weights == "imagenet":
        msg = f"there are no ImageNet weights of {config.name!r}"
        raise AutomtlError(
            msg,
            where="backbone.weights",
            fix="Set weights: none, or choose a torchvision backbone",
        )


def _load_path(config: BackboneBlueprint, stages: Stages) -> Stages:
    """Load a state dict of the stages (``0.0.weight`` ...), if a path is given."""
    if config.weights in ("none", "imagenet"):
        return stages
    path = Path(config.weights)
    if not path.is_file():
        msg = "no such file of weights"
        raise AutomtlError(msg, where=str(path))
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the loader of foreign bytes raises all kinds
        msg = f"it is no file of weights that can be read without running code ({said(error)})"
        fix = "Save a state dict: torch.save(stages.state_dict(), path)"
        raise AutomtlError(msg, where=str(path), fix=fix) from error
    try:
        nn.ModuleList(stages.modules).load_state_dict(state, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        msg = f"the weights do not fit {config.name}: {error}"
        raise AutomtlError(msg, where=str(path)) from error
    return stages
