"""The built-in backbones by name. Plain, so that a recipe is checked without loading torch."""

from collections.abc import Mapping
from types import MappingProxyType

N_STAGES: Mapping[str, int] = MappingProxyType(
    {
        "tiny": 4,
        "mobilenet_v2": 5,
        "mobilenet_v3_small": 5,
        "mobilenet_v3_large": 5,
        "resnet18": 5,
        "resnet34": 5,
        "resnet50": 5,
        "efficientnet_b0": 5,
        "efficientnet_b1": 5,
        "efficientnet_b2": 5,
        "efficientnet_v2_s": 5,
        "regnet_x_400mf": 5,
        "regnet_y_400mf": 5,
        "regnet_y_800mf": 5,
        # These begin with patches of 4x4 pixels, so they have no stage at stride 2.
        "convnext_tiny": 4,
        "swin_t": 4,
    }
)
"""How many stages each backbone has: its layers are cut where the stride doubles."""

TIMM = "timm:"
"""What a name of timm's begins with."""

CHANNELS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "mobilenet_v2": (16, 24, 32, 96, 1280),
        "mobilenet_v3_small": (16, 16, 24, 48, 576),
        "mobilenet_v3_large": (16, 24, 40, 112, 960),
        "resnet18": (64, 64, 128, 256, 512),
        "resnet34": (64, 64, 128, 256, 512),
        "resnet50": (64, 256, 512, 1024, 2048),
        "efficientnet_b0": (16, 24, 40, 112, 1280),
        "efficientnet_b1": (16, 24, 40, 112, 1280),
        "efficientnet_b2": (16, 24, 48, 120, 1408),
        "efficientnet_v2_s": (24, 48, 64, 160, 1280),
        "regnet_x_400mf": (32, 32, 64, 160, 400),
        "regnet_y_400mf": (32, 48, 104, 208, 440),
        "regnet_y_800mf": (32, 64, 144, 320, 784),
        "convnext_tiny": (96, 192, 384, 768),
        "swin_t": (96, 192, 384, 768),
    }
)
"""Output channels of each stage, of backbones that have no multiplier."""


def tiny_channels(width: float) -> tuple[int, ...]:
    """Return the output channels of the stages of ``tiny``: multiples of 8.

    >>> tiny_channels(0.5)
    (8, 16, 32, 48)
    """
    return tuple(max(8, round(c * width / 8) * 8) for c in (16, 32, 64, 96))


def channels_of(name: str, *, width: float) -> tuple[int, ...] | None:
    """Return the output channels of a backbone's stages without loading it, if they are known."""
    return tiny_channels(width) if name == "tiny" else CHANNELS.get(name)
