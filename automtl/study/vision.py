"""The built-in trainable: multi-task vision on the recipe's data."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from automtl.config.metrics import WITHOUT_LABELS
from automtl.data.load import LoadedData, load_data
from automtl.errors import RecipeError, closest
from automtl.left_out import lines_of
from automtl.results import TrialRecord
from automtl.space.recipe import Recipe
from automtl.study.cautions import cautions
from automtl.study.folder import Settings, StudyFolder
from automtl.study.identity import training_identity
from automtl.study.limits import known_costs, too_large
from automtl.study.observer import Observer
from automtl.study.prepared import Prepared


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
    from automtl.study.sizes import estimate
    from automtl.training.trainable import make_trainable

    loaded = read_data(recipe, settings.data)
    for line in lines_of(loaded.left_out):
        observer.message(line)
    default = recipe.space.config_of(recipe.space.default_point())
    if default.optimizer.precision == "bfloat16" and emulates_bfloat16(recipe.resources.gpu):
        observer.message(
            "This CPU has no bfloat16 and emulates it, about ten times slower than float32: "
            "set optimizer.precision to float32"
        )

    @cache
    def compute_floors() -> dict[str, dict[str, float]]:
        from automtl.training.floors import floors

        return {floor.name: dict(floor.values) for floor in floors(loaded.splits, default)}

    def draw(folder: StudyFolder, members: Sequence[TrialRecord]) -> None:
        from automtl.study.pictures import draw_pictures

        splits = loaded.splits
        draw_pictures(folder, members, splits.validation, splits.info, say=observer.message)

    known = known_costs(recipe, loaded.splits.info)
    for line in (*too_large(recipe, known), *cautions(recipe)):
        observer.message(line)
    return Prepared(
        trainable=make_trainable(loaded.splits),
        digest=loaded.splits.info.digest,
        left_out=loaded.left_out,
        identity=training_identity(loaded.splits.info, gpu=recipe.resources.gpu),
        floors=compute_floors,
        known=known,
        draw=draw,
        takes=lambda: estimate(recipe, loaded.splits, settings),
    )


def emulates_bfloat16(gpu_share: float) -> bool:
    """Return whether trials run on a CPU that has no instructions for bfloat16."""
    import torch

    native = torch.ops.mkldnn._is_mkldnn_bf16_supported  # noqa: SLF001  # torch has no public name
    return gpu_share == 0 and not native()


def check_metrics(recipe: Recipe, floors: Mapping[str, Mapping[str, float]]) -> None:
    """Refuse an objective or a limit that the validation split has no labels for.

    That its name is one which the search's tasks report was checked with the recipe; what tasks
    of the user's own report is known here.

    Args:
        recipe: The search.
        floors: What trivial predictors reach; that of the untrained network has every metric of
            every task that the validation split has labels for.

    Raises:
        RecipeError: With a line for each unknown metric.
    """
    known = sorted({metric for values in floors.values() for metric in values})
    asked = [("objectives", o.metric) for o in recipe.objectives]
    asked += [("constraints", limit.metric) for limit in recipe.constraints]
    lines = []
    for where, metric in asked:
        if metric in known or metric.startswith(WITHOUT_LABELS):
            continue
        near = closest(metric, known)
        way_out = f"Did you mean `{near}`?" if near else f"Known: {', '.join(known)}"
        lines.append(f"{recipe.name}: {where}: no trial will report `{metric}`. {way_out}")
    if lines:
        raise RecipeError("\n".join(lines))
