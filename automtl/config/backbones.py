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
