"""Stages: a backbone cut where its stride doubles."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

PROBE = 64
"""Side of the picture on which strides are measured: two pixels at stride 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """A backbone cut into stages.

    Attributes:
        modules: Stage ``i`` reads the output of stage ``i - 1``; the first reads the normalised
            picture ``[B, 3, H, W]``, or its views.
        channels: Output channels of each stage.
        strides: Stride of each stage's output against the picture.
    """

    modules: tuple[nn.Module, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]


def cut_by_stride(layers: Sequence[nn.Module]) -> Stages:
    """Group consecutive layers into stages that each double the stride.

    Strides and channels are measured on a blank picture.

    Args:
        layers: Modules that run one after the other, from ``[B, 3, H, W]``; each gives
            ``[B, C, H / stride, W / stride]``.
    """
    grouped: list[list[nn.Module]] = []
    channels: list[int] = []
    strides: list[int] = []
    picture = torch.zeros(1, 3, PROBE, PROBE)
    was_training = [layer.training for layer in layers]
    with torch.no_grad():
        for layer in layers:
            layer.eval()
            picture = layer(picture)
            stride = PROBE // picture.shape[-1]
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
