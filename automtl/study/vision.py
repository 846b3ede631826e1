"""The built-in trainable: multi-task vision on the recipe's data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl.data.load import LeftOut, LoadedData, load_data
from automtl.space.recipe import Recipe
from automtl.study.folder import Settings
from automtl.study.observer import Observer

SHOWN = 5
"""Things left out that are named, for each split and kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Data read and checked, and the function that trains on them.

    Attributes:
        data: The splits.
        digest: Digest of the frames and labels.
        floors: Computes what trivial predictors reach on the validation split.
    """

    data: LoadedData
    digest: str
    floors: Callable[[], dict[str, dict[str, float]]]


def read_data(recipe: Recipe, root: str | None, *, load_test: bool = False) -> LoadedData:
    """Read the recipe's data at the picture size of its trials."""
    size = recipe.space.config_of(recipe.space.default_point()).backbone.image_size
    return load_data(
        recipe.data,
        image_size=size,
        root=None if root is None else Path(root),
        load_test=load_test,
    )


def prepare(recipe: Recipe, settings: Settings, observer: Observer) -> Prepared:
    """Read the data, name what was left out, and check that every task has labels."""
    loaded = read_data(recipe, settings.data)
    for line in left_out_lines(loaded.left_out):
        observer.message(line)
    default = recipe.space.config_of(recipe.space.default_point())

    def compute_floors() -> dict[str, dict[str, float]]:
        from automtl.training.floors import floors

        return {floor.name: dict(floor.values) for floor in floors(loaded.splits, default)}

    return Prepared(data=loaded, digest=loaded.splits.info.digest, floors=compute_floors)


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a line for each thing left out, a few of each kind and how many more there are."""
    groups: dict[tuple[str, str], list[LeftOut]] = {}
    for left in left_out:
        groups.setdefault((left.split, left.kind), []).append(left)
    lines = []
    for (split, kind), members in groups.items():
        lines += [f"left out of {split}: {m.name}: {m.reason}" for m in members[:SHOWN]]
        if len(members) > SHOWN:
            lines.append(
                f"left out of {split}: ... and {len(members) - SHOWN} more of the kind {kind!r} "
                "(automtl validate lists them)"
            )
    return lines
