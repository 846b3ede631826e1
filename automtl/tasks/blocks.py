"""Building blocks of dense heads."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override


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
            fused = finer + functional.interpolate(
                fused, size=finer.shape[-2:], mode="bilinear", align_corners=False
            )
        smoothed: Tensor = self.smooth(fused)
        return smoothed
