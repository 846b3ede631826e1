"""The network: backbone, sharing tree, heads."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from automtl.config.base import Frozen
from automtl.config.blueprint import (
    BUILT_IN_TASKS,
    EVERY_STAGE,
    View,
    check_backbone_name,
    check_chain,
    check_image_size,
    check_views,
)


def _listed(views: object) -> object:
    """Take ``rgb+hog`` apart: a parameter of a search has plain values, not lists."""
    return tuple(views.split("+")) if isinstance(views, str) else views


class BackboneConfig(Frozen):
    """The network that turns a picture into feature maps.

    Attributes:
        name: ``tiny``, or a torchvision classification backbone, or ``timm:NAME``, or
            ``package.module:factory``.
        weights: ``none``, ``imagenet``, or the path of a state dict.
        image_size: Height and width of the network's input in pixels.
        width: Channel multiplier of the ``tiny`` backbone; other backbones ignore it.
        views: What the network reads of a picture, stacked in this order; a search may choose
            among words such as ``rgb`` and ``rgb+hog``.
    """

    name: str = "tiny"
    weights: str = "none"
    image_size: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] = (96, 128)
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    views: Annotated[tuple[View, ...], BeforeValidator(_listed), Field(min_length=1)] = ("rgb",)

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str) -> str:
        check_backbone_name(name)
        return name

    @model_validator(mode="after")
    def _can_be_viewed(self) -> Self:
        check_image_size(self.image_size)
        check_views(self.views, self.image_size)
        return self


class SharingConfig(Frozen):
    """The sharing tree as a chain of tasks.

    Attributes:
        order: The tasks in chain order.
        split_after: ``split_after[i]`` is the number of stages that tasks ``i`` and ``i + 1``
            share; any two tasks share the minimum of the splits between them. A number above
            the backbone's stages means all of them, and so does leaving it out.
    """

    order: tuple[str, ...] = BUILT_IN_TASKS[:3]
    split_after: tuple[Annotated[int, Field(ge=0)], ...] = (EVERY_STAGE, EVERY_STAGE)

    @model_validator(mode="before")
    @classmethod
    def _share_all_unless_told(cls, given: object) -> object:
        if not isinstance(given, Mapping) or "split_after" in given:
            return given
        order = given.get("order")
        n_splits = len(order) - 1 if isinstance(order, list | tuple) else 2
        return {**given, "split_after": (EVERY_STAGE,) * n_splits}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_chain(self.order, self.split_after)
        return self


class HeadsConfig(Frozen):
    """Sizes of the dense heads.

    Attributes:
        channels: Channels of every head's inner layers.
        embedding_dim: Length of the tracking embedding.
    """

    channels: Annotated[int, Field(ge=8, le=1024)] = 64
    embedding_dim: Annotated[int, Field(ge=4, le=512)] = 32
