"""The verbs that train a bundle's model further: finetune, extend."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from automtl.cli.models import program_lines
from automtl.cli.show import plain_table
from automtl.cli.terminal import OK, make_console, say
from automtl.config.metrics import FREE_METRICS
from automtl.errors import AutomtlError
from automtl.results import Decision
from automtl.space.paths import nested
from automtl.space.recipe import Recipe
from automtl.study.words import number, short

if TYPE_CHECKING:
    from automtl.data.table import SplitData
    from automtl.dispatch.base import Report
    from automtl.export.bundle import Bundle
    from automtl.export.tuning import Tuning

TRUNK = "trunk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What both verbs are asked for.

    Attributes:
        bundle: Where to begin.
        recipe: A recipe whose ``data`` are trained on; what its ``base`` states of weighting,
            schedule and optimizer replaces the bundle's.
        out: The new bundle.
        data_root: Root of the recipe's paths.
        frozen: Parts that stay as they are.
        lr_factors: ``PART=FACTOR``.
        changes: Of the optimizer, by name; None leaves a value as it is.
        seed: Of this training.
        formats: Programs to write, as text.
        overwrite: Whether an earlier result is replaced.
        allow_imports: Import paths that the bundle may name.
    """

    bundle: Path
    recipe: str
    out: Path
    data_root: str | None
    frozen: tuple[str, ...] = (TRUNK,)
    lr_factors: Sequence[str] = ()
    changes: Mapping[str, float | None]
    seed: int = 0
    formats: str = ""
    overwrite: bool = False
    allow_imports: Sequence[str] = ()


def finetune_bundle(asked: Asked) -> int:
    """Fine-tune a bundle on a recipe's data and print before and after."""
    from automtl.cli.run import read_recipe
    from automtl.export.bundle import load_bundle
    from automtl.export.finetune import finetune

    bundle = load_bundle(asked.bundle, allow_imports=asked.allow_imports)
    recipe = read_recipe(asked.recipe)
    _refuse_further_tasks(recipe, bundle.config.tasks, asked.recipe)
    tuning = tuning_of(asked, recipe, bundle, slowed=True)
    path = finetune(
        bundle,
        _data_of(asked, recipe, bundle),
        tuning,
        folder=asked.out,
        report=_shown(tuning),
        overwrite=asked.overwrite,
    )
    return _say_result(asked, path, "Fine-tuned bundle")


def extend_bundle(asked: Asked, *, task: str, beside: str | None) -> int:
    """Give a bundle's model a further task and print what became of the old ones."""
    from automtl.cli.run import read_recipe
    from automtl.export.bundle import load_bundle
    from automtl.export.extend import Addition, extend

    bundle = load_bundle(asked.bundle, allow_imports=asked.allow_imports)
    recipe = read_recipe(asked.recipe)
    imports = nested(recipe.base).get("imports", {})
    own = {task: imports[task]} if task in imports else {}
    # A new head begins anew: it learns as fast as the old ones did, unless they learn too.
    tuning = tuning_of(asked, recipe, bundle, slowed=TRUNK not in asked.frozen)
    path = extend(
        bundle,
        _data_of(asked, recipe, bundle),
        Addition(task=task, beside=beside or bundle.config.tasks[-1], imports=own),
        tuning,
        folder=asked.out,
        report=_shown(tuning),
        overwrite=asked.overwrite,
    )
    say(make_console(), old_outputs_line(path))
    return _say_result(asked, path, "Extended bundle")


def tuning_of(asked: Asked, recipe: Recipe, bundle: "Bundle", *, slowed: bool) -> "Tuning":
    """Put together what the bundle did, what the recipe's ``base`` states, and the options.

    Args:
        asked: The options.
        recipe: The recipe.
        bundle: Where to begin.
        slowed: Whether the bundle's learning rate is divided by ten, if none is stated.
    """
    from automtl.config import TrialConfig
    from automtl.export.finetune import slower
    from automtl.export.programs import parse_formats
    from automtl.export.tuning import Tuning

    stated: dict[str, Any] = nested(recipe.base)
    before = slower(bundle.config.optimizer) if slowed else bundle.config.optimizer
    given = {name: value for name, value in asked.changes.items() if value is not None}
    optimizer = {**before.model_dump(), **stated.get("optimizer", {}), **given}
    tasks = nested({"sharing": {"order": _order(bundle, stated)}})
    parts = {name: stated[name] for name in ("weighting", "schedule") if name in stated}
    kinds = {"weighting": "fixed", "schedule": "joint"}
    parts = {name: {"kind": kinds[name], **part} for name, part in parts.items()}
    whole = TrialConfig.model_validate({**tasks, **parts, "optimizer": optimizer})
    return Tuning(
        optimizer=whole.optimizer,
        frozen=asked.frozen,
        lr_factors=_factors(asked.lr_factors),
        weighting=whole.weighting if "weighting" in parts else None,
        schedule=whole.schedule if "schedule" in parts else None,
        seed=asked.seed,
        formats=parse_formats(asked.formats),
    )


def _order(bundle: "Bundle", stated: Mapping[str, Any]) -> list[str]:
    """Return all tasks that weighting and schedule may name."""
    further = stated.get("sharing", {}).get("order", ())
    return list(dict.fromkeys([*bundle.config.tasks, *further]))


def _factors(texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        part, _, value = text.partition("=")
        try:
            found[part] = float(value)
        except ValueError as error:
            msg = f"{text!r} is no rate of a part"
            fix = "Write for example --lr-of trunk=0.1"
            raise AutomtlError(msg, where="--lr-of", fix=fix) from error
        if not 0 < found[part] <= 1000:
            msg = f"the factor of {part} is {value}"
            raise AutomtlError(msg, where="--lr-of", fix="Write a number above 0, at most 1000")
    return found


def _data_of(asked: Asked, recipe: Recipe, bundle: "Bundle") -> "SplitData":
    from automtl.data.load import load_data

    root = None if asked.data_root is None else Path(asked.data_root)
    size = bundle.config.backbone.image_size
    return load_data(recipe.data, image_size=size, root=root, load_test=False).splits


def _shown(tuning: "Tuning") -> "Report":
    console, epochs = make_console(), tuning.optimizer.epochs

    def show(epoch: int, values: Mapping[str, float]) -> Decision:
        if console.is_terminal:
            say(console, f"epoch {epoch}/{epochs}  score {values.get('score', 0):.3f}")
        return Decision.CONTINUE

    return show


def _say_result(asked: Asked, path: Path, what: str) -> int:
    from automtl.study.tuned import record_tuned

    console = make_console()
    console.print(before_and_after(path))
    for line in program_lines(path):
        say(console, line)
    say(console, f"{what}: {path}")
    if told := record_tuned(asked.bundle, path):
        say(console, told)
    return OK


def _refuse_further_tasks(recipe: Recipe, known: Sequence[str], name: str) -> None:
    """Raise if the recipe's ``sharing.order`` states a task that the bundle has no head for."""
    stated = nested(recipe.base).get("sharing", {}).get("order", ())
    further = [task for task in stated if task not in known]
    if further:
        msg = (
            f"`sharing.order` has {', '.join(further)}; the bundle's heads are {', '.join(known)}"
        )
        fix = (
            f"Leave out what it lacks, or give the model a head for it: automtl extend BUNDLE "
            f"--task {further[0]} --recipe {name} --out FOLDER"
        )
        raise AutomtlError(msg, where=name, fix=fix)


def old_outputs_line(bundle: Path) -> str:
    """Say whether an extended bundle gives the old tasks' outputs as its parent does."""
    old = json.loads((bundle / "metrics.json").read_text())["old_outputs"]
    tasks = ", ".join(old["tasks"])
    if old["equal"]:
        return f"The outputs of {tasks} are the parent's to the bit, on {old['frames']} frames"
    return (
        f"The outputs of {tasks} changed by up to {old['max_abs_difference']:.3g} on "
        f"{old['frames']} frames: they were trained too"
    )


def before_and_after(bundle: Path) -> Table:
    """Return the task metrics of a model that was trained further beside those it began with."""
    metrics = json.loads((bundle / "metrics.json").read_text())
    table = plain_table("Trained further, validation split")
    for column in ("metric", "before", "after"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    before, after = metrics["before"], metrics["validation"]
    for metric in sorted(after):
        if "/" in metric and not metric.startswith(("cost/", *FREE_METRICS)):
            table.add_row(short(metric), number(before.get(metric)), number(after[metric]))
    return table
