"""The network: backbone, sharing tree, heads."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from automtl.config.backbones import N_STAGES, TIMM
from automtl.config.base import Frozen, PlacedError, first_twice
from automtl.errors import closest

BUILT_IN_TASKS = ("detection", "segmentation", "tracking", "classification", "depth")

View = Literal["rgb", "hog", "sift"]
"""An input representation; ``automtl.data.views`` computes it."""

CELL = 4
"""Side in pixels of a cell of the views ``hog`` and ``sift``."""


EVERY_STAGE = 99
"""A number of shared stages that no backbone has."""


def _listed(views: object) -> object:
    """Take ``rgb+hog`` apart: a parameter of a search has plain values, not lists."""
    return tuple(views.split("+")) if isinstance(views, str) else views


_TIMM_NAME = r"[\w.\-]+|hf[_-]hub:[\w.\-]+/[\w.\-]+"
"""A model that timm has, or one that it fetches, which a bundle needs leave for."""


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
        if name.startswith(TIMM) and not re.fullmatch(_TIMM_NAME, name.removeprefix(TIMM)):
            # timm would take more for a folder, or leave parts of it out.
            msg = f"{name!r} is no name of a model of timm's"
            raise ValueError(msg)
        if ":" in name or name in N_STAGES:
            return name
        near = closest(name, N_STAGES)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(N_STAGES)}"
        msg = f"no backbone is called {name!r}; {hint}"
        raise ValueError(msg)

    @model_validator(mode="after")
    def _can_be_viewed(self) -> Self:
        if len(set(self.views)) != len(self.views):
            msg = f"`views` must name each view once, found {list(self.views)}"
            raise PlacedError(msg, ("views",))
        width = self.image_size[1]
        if set(self.views) != {"rgb"} and width % CELL:
            msg = (
                f"the views {' and '.join(sorted(set(self.views) - {'rgb'}))} need a width that "
                f"is a multiple of {CELL}, found `image_size` {list(self.image_size)}"
            )
            raise PlacedError(msg, ("image_size",))
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
        again = first_twice(self.order)
        if again is not None or not self.order:
            msg = f"`order` must name each task once, found {list(self.order)}"
            raise PlacedError(msg, ("order", again or 0))
        if len(self.split_after) != len(self.order) - 1:
            msg = (
                f"`split_after` must have one number fewer than `order` has tasks "
                f"({len(self.order) - 1}), found {list(self.split_after)}; left out, all is shared"
            )
            raise PlacedError(msg, ("split_after",))
        return self


class HeadsConfig(Frozen):
    """Sizes of the dense heads.

    Attributes:
        channels: Channels of every head's inner layers.
        embedding_dim: Length of the tracking embedding.
    """

    channels: Annotated[int, Field(ge=8, le=1024)] = 64
    embedding_dim: Annotated[int, Field(ge=4, le=512)] = 32
