"""Backbones of torchvision and timm as chains of layers."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from automtl.config.backbones import TIMM
from automtl.config.blueprint import BackboneBlueprint
from automtl.errors import AutomtlError
from automtl.model.stages import Stages, cut_by_stride
from automtl.own_code import said


def torchvision_stages(config: BackboneBlueprint) -> Stages:
    """Build a backbone of torchvision.

    Raises:
        AutomtlError: If the ImageNet weights are neither here nor can be downloaded.
    """
    from torchvision import models

    model = getattr(models, config.name)()
    if config.weights != "imagenet":
        return cut_by_stride(_layers(config.name, model))
    known = models.get_model_weights(config.name)["IMAGENET1K_V1"]
    try:
        # Given to the builder by name, a file that lies there already could run code.
        model.load_state_dict(known.get_state_dict(check_hash=True, weights_only=True))
    except OSError as error:
        msg = f"the ImageNet weights of {config.name} cannot be downloaded ({error})"
        raise AutomtlError(
            msg,
            where="backbone.weights",
            fix="Put the file into TORCH_HOME/hub/checkpoints, or set weights: none",
        ) from error
    except Exception as error:  # the loader of damaged bytes raises all kinds
        msg = f"the ImageNet weights of {config.name} cannot be read ({said(error)})"
        raise AutomtlError(
            msg,
            where=str(Path(torch.hub.get_dir()) / "checkpoints"),
            fix="Remove the damaged file, so that it is fetched again, or set weights: none",
        ) from error
    return cut_by_stride(_layers(config.name, model))


def timm_stages(config: BackboneBlueprint) -> Stages:
    """Build a backbone of timm, ``timm:NAME``.

    Raises:
        AutomtlError: If timm is not installed, knows no such model, cannot get its weights, or
            its layers do not run one after the other.
    """
    name = config.name.removeprefix(TIMM)
    try:
        from timm import create_model
        from timm.models import FeatureListNet
    except ImportError as error:
        msg = f"the backbone {config.name!r} needs timm, which is not installed ({error})"
        raise AutomtlError(
            msg, where="backbone.name", fix="Run: pip install 'automtl[timm]'"
        ) from error
    try:
        model = create_model(name, pretrained=config.weights == "imagenet", features_only=True)
    except (RuntimeError, OSError, AttributeError) as error:
        msg = f"timm cannot build {name!r} as a backbone ({error})"
        raise AutomtlError(
            msg,
            where="backbone.name",
            fix="`timm.list_models()` names the models; without a connection, set weights: none",
        ) from error
    if not isinstance(model, FeatureListNet):
        msg = f"the layers of timm's {name!r} do not run one after the other"
        raise AutomtlError(
            msg,
            where="backbone.name",
            fix="Choose a resnet, regnet or convnext of timm, or one of the built-in backbones",
        )
    return cut_by_stride(list(model.values()))


def _layers(name: str, model: Any) -> list[nn.Module]:
    """Return the layers from the picture to the coarsest features, classifier apart."""
    match name.split("_", maxsplit=1)[0].rstrip("0123456789"):
        case "resnet":
            stem = nn.Sequential(model.conv1, model.bn1, model.relu)
            first = nn.Sequential(model.maxpool, model.layer1)
            return [stem, first, model.layer2, model.layer3, model.layer4]
        case "regnet":
            return [model.stem, *model.trunk_output]
        case "convnext":
            return _convnext_layers(model)
        case "swin":
            return _swin_layers(model)
        case _:
            return list(model.features)


class PadToMultiple(nn.Module):
    """Pad right and bottom with zeros, so that patches of ``side`` cover the whole picture.

    Without it such backbones drop the last rows and columns; all others round sizes up.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    @override
    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        return functional.pad(x, (0, -width % self.side, 0, -height % self.side))


def _convnext_layers(model: Any) -> list[nn.Module]:
    stem, *rest = model.features
    # Blocks and downsamplings take turns. The last norm belongs to the features: the weights
    # were trained with a classifier that read nothing else.
    later = [
        nn.Sequential(PadToMultiple(2), layer) if i % 2 else layer for i, layer in enumerate(rest)
    ]
    return [nn.Sequential(PadToMultiple(4), stem), *later, model.classifier[0]]


def _swin_layers(model: Any) -> list[nn.Module]:
    """Return pairs of patch merging and blocks.

    Inside, channels are the last axis; between the pairs they are the second one, as in every
    other backbone. A permutation copies nothing.
    """
    from torchvision.ops import Permute

    inner = list(model.features)
    pairs = [inner[i : i + 2] for i in range(0, len(inner), 2)]
    pairs[-1].append(model.norm)
    return [
        nn.Sequential(
            PadToMultiple(4) if i == 0 else Permute([0, 2, 3, 1]), *pair, Permute([0, 3, 1, 2])
        )
        for i, pair in enumerate(pairs)
    ]
