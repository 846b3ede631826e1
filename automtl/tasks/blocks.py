"""Building blocks of dense heads."""

from collections.abc import Mapping, Sequence
from math import log2

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from automtl.data.table import DataInfo


def conv(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 3x3 convolution with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class TopDown(nn.Module):
    """Fuse coarser stages into the one at a wanted stride (Lin et al. 2017, arXiv 1612.03144).

    Args:
        channels: Channels of each stage, finest first.
        strides: Stride of each stage.
        stride: Wanted stride; the nearest finer stage is used if no stage has it.
        width: Channels of the result.
    """

    def __init__(
        self, channels: Sequence[int], strides: Sequence[int], stride: int, width: int
    ) -> None:
        super().__init__()
        chosen = [i for i, s in enumerate(strides) if s <= stride]
        self.finest = chosen[-1] if chosen else 0
        self.stride = strides[self.finest]
        self.lateral = nn.ModuleList(
            nn.Conv2d(c, width, 1, bias=False) for c in channels[self.finest :]
        )
        self.smooth = conv(width, width)

    @override
    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return ``[B, width, H / stride, W / stride]``."""
        maps = [layer(f) for layer, f in zip(self.lateral, features[self.finest :], strict=True)]
        fused = maps[-1]
        for finer in reversed(maps[:-1]):
            fused = functional.interpolate(
                fused, size=finer.shape[-2:], mode="bilinear", align_corners=False
            ).add_(finer)
        smoothed: Tensor = self.smooth(fused)
        return smoothed


class DenseHead(nn.Module):
    """Maps of one stride: a neck and a 1x1 layer for each, ``{name: [B, n, H / s, W / s]}``.

    Args:
        channels: Channels of each stage, finest first.
        strides: Stride of each stage.
        stride: Wanted stride of the maps, as in :class:`TopDown`.
        width: Channels of the inner layers.
        outputs: Channels of each map by name.
        has_body: Whether a convolution stands between the neck and the maps.
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        *,
        stride: int,
        width: int,
        outputs: Mapping[str, int],
        has_body: bool = False,
    ) -> None:
        super().__init__()
        self.neck = TopDown(channels, strides, stride, width)
        self.body = conv(width, width) if has_body else nn.Identity()
        self.names = tuple(outputs)
        for name, n_channels in outputs.items():
            self.add_module(name, nn.Conv2d(width, n_channels, 1))

    @override
    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the maps by name."""
        inner = self.body(self.neck(features))
        return {name: self.get_submodule(name)(inner) for name in self.names}


def stride_of(maps: Tensor, info: DataInfo) -> int:
    """Return the stride of maps ``[B, C, h, w]`` against the picture, a power of two.

    A head falls back to a finer stage where the backbone has none of the wanted stride, so the
    maps are asked: a map is as long as the picture's side over the stride, rounded up.
    """
    side = max((0, 1), key=lambda axis: info.image_size[axis])
    return int(2 ** round(log2(info.image_size[side] / maps.shape[2 + side])))
