"""The first convolution of a backbone, made to read other views of the picture."""

import math
from collections.abc import Sequence

from torch import nn

from automtl.config.blueprint import View
from automtl.data.views import channels_of, rgb_channels
from automtl.errors import AutomtlError
from automtl.model.stages import Stages


def widen(stages: Stages, views: Sequence[View]) -> Stages:
    """Let the first convolution read the stacked ``views`` instead of RGB.

    Where RGB is among them, its weights stay and those of the new channels are zero: the network
    starts as the one for RGB alone, and a gradient leads it away from there. Without RGB the
    convolution starts anew, with weights as large as those it replaces.

    Args:
        stages: Changed in place. A backbone that already reads ``views`` stays as it is.
        views: In the order of their channels.

    Raises:
        AutomtlError: If the first convolution does not read three channels in one group.
    """
    n_channels = channels_of(views)
    convolutions = (m for m in stages.modules[0].modules() if isinstance(m, nn.Conv2d))
    first = next(convolutions, None)
    if first is not None and first.in_channels == n_channels:
        return stages
    if first is None or first.in_channels != 3 or first.groups != 1:
        msg = "the backbone's first convolution does not read RGB, so it cannot read other views"
        raise AutomtlError(
            msg,
            where="backbone.views",
            fix="Set views: [rgb], or build the stages for `config.views` in the factory",
        )
    _widen(first, n_channels, rgb_channels(views))
    return stages


def _widen(convolution: nn.Conv2d, n_channels: int, rgb: slice) -> None:
    before = convolution.weight.detach()
    wide = before.new_zeros(len(before), n_channels, *before.shape[2:])
    if rgb == slice(0, 0):
        # As many times smaller as there are more channels to add up: the output keeps its size.
        deviation = float(before.std()) * math.sqrt(3 / n_channels)
        nn.init.normal_(wide, std=deviation)
    else:
        wide[:, rgb] = before
    convolution.weight = nn.Parameter(wide, requires_grad=convolution.weight.requires_grad)
    convolution.in_channels = n_channels
