"""What of a configuration a network is built from. Pure: reading a bundle needs no pydantic.

The trial's configuration has these parts, and so has what a bundle holds of it; both are checked
by the functions here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from automtl.config.backbones import N_STAGES, TIMM
from automtl.errors import closest
from automtl.plain import PlacedError

BUILT_IN_TASKS = ("detection", "segmentation", "tracking", "classification", "depth")

View = Literal["rgb", "hog", "sift"]
"""An input representation; ``automtl.data.views`` computes it."""

CELL = 4
"""Side in pixels of a cell of the views ``hog`` and ``sift``."""

MAX_INPUT_PIXELS = 2**24
"""4096 x 4096: larger inputs fit no machine, and a bundle may come from anywhere."""

EVERY_STAGE = 99
"""A number of shared stages that no backbone has."""

_TIMM_NAME = r"[\w.\-]+|hf[_-]hub:[\w.\-]+/[\w.\-]+"
"""A model that timm has, or one that it fetches, which a bundle needs leave for."""


class BackboneBlueprint(Protocol):
    """The attributes of :class:`automtl.config.BackboneConfig`."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as in BackboneConfig
    @property
    def weights(self) -> str: ...  # noqa: D102
    @property
    def image_size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def width(self) -> float: ...  # noqa: D102
    @property
    def views(self) -> tuple[View, ...]: ...  # noqa: D102


class SharingBlueprint(Protocol):
    """The attributes of :class:`automtl.config.SharingConfig`."""

    @property
    def order(self) -> tuple[str, ...]: ...  # noqa: D102 - as in SharingConfig
    @property
    def split_after(self) -> tuple[int, ...]: ...  # noqa: D102


class HeadsBlueprint(Protocol):
    """The attributes of :class:`automtl.config.HeadsConfig`."""

    @property
    def channels(self) -> int: ...  # noqa: D102 - as in HeadsConfig
    @property
    def embedding_dim(self) -> int: ...  # noqa: D102


class Blueprint(Protocol):
    """Those attributes of :class:`automtl.config.TrialConfig` that decide the network."""

    @property
    def backbone(self) -> BackboneBlueprint: ...  # noqa: D102 - as in TrialConfig
    @property
    def sharing(self) -> SharingBlueprint: ...  # noqa: D102
    @property
    def heads(self) -> HeadsBlueprint: ...  # noqa: D102
    @property
    def imports(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def tasks(self) -> tuple[str, ...]: ...  # noqa: D102


def own_code_of(blueprint: Blueprint) -> tuple[str, ...]:
    """Return the import paths of the user's own code that building the network runs.

    A model of timm's that is fetched from elsewhere, ``timm:hf_hub:...``, counts as such.
    """
    name, imports = blueprint.backbone.name, blueprint.imports
    backbone = (name,) if ":" in name.removeprefix(TIMM) else ()
    return (*backbone, *(imports[task] for task in blueprint.tasks if task in imports))


def check_backbone_name(name: str) -> None:
    """Raise ``ValueError`` unless a backbone may be called so."""
    if name.startswith(TIMM) and not re.fullmatch(_TIMM_NAME, name.removeprefix(TIMM)):
        # timm would take more for a folder, or leave parts of it out.
        msg = f"{name!r} is no name of a model of timm's"
        raise ValueError(msg)
    if ":" in name or name in N_STAGES:
        return
    near = closest(name, N_STAGES)
    hint = f"did you mean {near!r}?" if near else f"known: {', '.join(N_STAGES)}"
    msg = f"no backbone is called {name!r}; {hint}"
    raise ValueError(msg)


def check_image_size(image_size: tuple[int, int]) -> None:
    """Raise ``PlacedError`` if a network would read larger pictures than any machine can."""
    height, width = image_size
    if height * width > MAX_INPUT_PIXELS:
        msg = (
            f"`image_size` {height} x {width} has more than the {MAX_INPUT_PIXELS} pixels that "
            "a network may read"
        )
        raise PlacedError(msg, ("image_size",))


def check_views(views: Sequence[View], image_size: tuple[int, int]) -> None:
    """Raise ``PlacedError`` if a view is named twice, or cannot be computed in that size."""
    if len(set(views)) != len(views):
        msg = f"`views` must name each view once, found {list(views)}"
        raise PlacedError(msg, ("views",))
    if set(views) != {"rgb"} and image_size[1] % CELL:
        msg = (
            f"the views {' and '.join(sorted(set(views) - {'rgb'}))} need a width that "
            f"is a multiple of {CELL}, found `image_size` {list(image_size)}"
        )
        raise PlacedError(msg, ("image_size",))


def check_chain(order: Sequence[str], split_after: Sequence[int]) -> None:
    """Raise ``PlacedError`` unless the tasks differ and there is a split between each two."""
    again = first_twice(order)
    if again is not None or not order:
        msg = f"`order` must name each task once, found {list(order)}"
        raise PlacedError(msg, ("order", again or 0))
    if len(split_after) != len(order) - 1:
        msg = (
            f"`split_after` must have one number fewer than `order` has tasks "
            f"({len(order) - 1}), found {list(split_after)}; left out, all is shared"
        )
        raise PlacedError(msg, ("split_after",))


def check_names(tasks: Sequence[str], imports: Mapping[str, str]) -> None:
    """Raise ``PlacedError`` unless tasks have plain names and imports name classes."""
    for i, name in enumerate(tasks):
        # A name stands in names of modules and labels, where a path would be cut in two.
        if not name.isidentifier():
            own = name.rpartition(":")[2].removesuffix("Task").lower() or "my_task"
            path = name if ":" in name else "package.module:Class"
            msg = (
                f"`sharing.order` has {name!r}, which is no plain name; give the task one "
                f"and write where it comes from, as `imports: {{{own}: '{path}'}}`"
            )
            raise PlacedError(msg, ("sharing", "order", i))
    for name, path in imports.items():
        if name in BUILT_IN_TASKS:
            msg = f"`imports.{name}` has the name of a built-in task; choose another one"
            raise PlacedError(msg, ("imports", name))
        module, _, attribute = path.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), attribute, name)):
            msg = f"`imports.{name}` must be `package.module:Class`, found {path!r}"
            raise PlacedError(msg, ("imports", name))


def first_twice(names: Sequence[str]) -> int | None:
    """Return the index of the first name that stood there before, or None.

    >>> first_twice(["a", "b", "a"])
    2
    """
    return next((i for i, name in enumerate(names) if name in names[:i]), None)
