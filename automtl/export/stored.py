"""A trial's configuration as a bundle holds it, read without pydantic.

What builds the network is checked when it is read. What trained it (weighting, schedule,
optimizer) is kept as it stands, and checked when somebody asks for the whole, to train on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from automtl.config.blueprint import (
    View,
    check_backbone_name,
    check_chain,
    check_image_size,
    check_names,
    check_views,
    own_code_of,
)
from automtl.errors import BundleError
from automtl.plain import Within, to_plain

if TYPE_CHECKING:
    from automtl.config import TrialConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBackbone:
    """As :class:`automtl.config.BackboneConfig`."""

    name: str
    weights: str
    image_size: tuple[Annotated[int, Within(least=32)], Annotated[int, Within(least=32)]]
    width: Annotated[float, Within(above=0, most=8)]
    views: Annotated[tuple[View, ...], Within(least=1)] = ("rgb",)

    def __post_init__(self) -> None:
        """Raise ``ValueError`` if no backbone has that name or reads such pictures."""
        check_backbone_name(self.name)
        check_image_size(self.image_size)
        check_views(self.views, self.image_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSharing:
    """As :class:`automtl.config.SharingConfig`."""

    order: tuple[str, ...]
    split_after: tuple[Annotated[int, Within(least=0)], ...]

    def __post_init__(self) -> None:
        """Raise ``PlacedError`` unless it is a chain."""
        check_chain(self.order, self.split_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHeads:
    """As :class:`automtl.config.HeadsConfig`."""

    channels: Annotated[int, Within(least=8, most=1024)]
    embedding_dim: Annotated[int, Within(least=4, most=512)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfig:
    """As :class:`automtl.config.TrialConfig`.

    Attributes:
        backbone: The network under all heads.
        sharing: The tasks and how much they share.
        heads: Sizes of the heads.
        weighting: How losses or gradients were combined, as it stands.
        schedule: Which tasks stepped when, as it stands.
        optimizer: How long and how fast, as it stands.
        imports: Tasks of the user's own by name.
    """

    backbone: StoredBackbone
    sharing: StoredSharing
    heads: StoredHeads
    weighting: Mapping[str, object]
    schedule: Mapping[str, object]
    optimizer: Mapping[str, object]
    imports: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ``PlacedError`` unless tasks have plain names and imports name classes."""
        check_names(self.tasks, self.imports)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the network, in chain order."""
        return self.sharing.order

    @property
    def own_code(self) -> tuple[str, ...]:
        """Import paths of the user's own code that building the network runs."""
        return own_code_of(self)

    @property
    def untrained(self) -> "StoredConfig":
        """The same without initial weights: all tensors come from the bundle."""
        return replace(self, backbone=replace(self.backbone, weights="none"))

    def whole(self, where: str) -> "TrialConfig":
        """Return the whole configuration, checked.

        Args:
            where: The file, for messages.

        Raises:
            BundleError: If a part is not what this version knows, or pydantic is not installed.
        """
        if find_spec("pydantic") is None:
            msg = "what trained the model is read with pydantic, which is not installed"
            raise BundleError(msg, where=where, fix="Run: pip install pydantic")
        from pydantic import ValidationError

        from automtl.config import TrialConfig

        try:
            return TrialConfig.from_plain(to_plain(self))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, ("config", *first["loc"])))
            msg = f"{place}: {first['msg']}"
            raise BundleError(msg, where=where, fix="Export the model again") from error
