"""The verbs that carry a model away: export, finetune, predict."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich.table import Table

from automtl.cli.show import plain_table
from automtl.cli.terminal import OK, make_console, say
from automtl.errors import AutomtlError
from automtl.results import Decision, Pick, TrialRecord, TrialStatus
from automtl.space.paths import nested
from automtl.space.recipe import Recipe
from automtl.study.folder import StudyFolder
from automtl.study.search import opened, record_if_free
from automtl.study.words import number, short


def export_trial(folder: Path, *, trial: int | None, out: Path | None, overwrite: bool) -> int:
    """Write the bundle of a trial, by default of the last pick."""
    from automtl.study.artifacts import keep_bundle
    from automtl.study.carry import Picked, export_record

    place = StudyFolder(folder)
    with opened(place) as ledger:
        study, history, picks = ledger.study(), ledger.history(), ledger.picks()
        chosen = _chosen(folder, trial, history, picks)
        record = history[chosen.number]
        picked = Picked(study=study, record=record, pick=chosen)
        path = export_record(
            place, picked, out=out or place.bundle(record.number), overwrite=overwrite
        )
        not_recorded = record_if_free(
            ledger,
            lambda: ledger.add_artifact(
                kind="bundle", path=str(path.resolve()), trial=record.number
            ),
        )
    console = make_console()
    say(console, f"Bundle of trial {record.number}: {path}")
    if stored := keep_bundle(place, path, record.number):
        say(console, f"Stored: {stored}")
    if not_recorded:
        say(console, f"The bundle was not recorded: {not_recorded}")
    say(console, f"Read {path / 'MODEL_CARD.md'}, or load it: automtl.load_bundle({str(path)!r})")
    return OK


def _chosen(
    folder: Path, trial: int | None, history: tuple[TrialRecord, ...], picks: tuple[Pick, ...]
) -> Pick:
    if trial is None:
        if not picks:
            msg = f"nothing has been picked in {folder}"
            raise AutomtlError(msg, fix=f"Pick first: automtl best {folder}")
        return picks[-1]
    if not 0 <= trial < len(history):
        msg = f"there is no trial {trial}"
        raise AutomtlError(msg, fix=f"The last one is {len(history) - 1}")
    if history[trial].status not in (TrialStatus.COMPLETED, TrialStatus.STOPPED):
        msg = f"trial {trial} is {history[trial].status.value} and left no model"
        raise AutomtlError(
            msg,
            fix=f"Choose from: automtl front {folder}",
        )
    earlier = next((p for p in reversed(picks) if p.number == trial), None)
    return earlier or Pick(
        number=trial,
        rule="by hand",
        reason=f"Trial {trial} was named on the command line.",
        created_s=time.time(),
    )


def finetune_bundle(
    bundle: Path,
    recipe_name: str,
    out: Path,
    data_root: str | None,
    *,
    freeze_trunk: bool,
    changes: Mapping[str, object],
    seed: int,
    overwrite: bool = False,
    allow_imports: Sequence[str] = (),
) -> int:
    """Fine-tune a bundle on a recipe's data and print before and after."""
    from automtl.cli.run import read_recipe
    from automtl.data.load import load_data
    from automtl.export.bundle import load_bundle
    from automtl.export.finetune import finetune

    console = make_console()
    loaded_bundle = load_bundle(bundle, allow_imports=allow_imports)
    recipe = read_recipe(recipe_name)
    _refuse_further_tasks(recipe, loaded_bundle.config.tasks, recipe_name)
    loaded = load_data(
        recipe.data,
        image_size=loaded_bundle.config.backbone.image_size,
        root=None if data_root is None else Path(data_root),
        load_test=False,
    )
    base = loaded_bundle.config.optimizer
    wanted = {name: value for name, value in changes.items() if value is not None}
    optimizer = type(base).model_validate({**base.model_dump(), "lr": base.lr / 10, **wanted})

    def show(epoch: int, values: Mapping[str, float]) -> Decision:
        if console.is_terminal:
            say(console, f"epoch {epoch}/{optimizer.epochs}  score {values.get('score', 0):.3f}")
        return Decision.CONTINUE

    path = finetune(
        loaded_bundle,
        loaded.splits,
        freeze_trunk=freeze_trunk,
        optimizer=optimizer,
        seed=seed,
        folder=out,
        report=show,
        overwrite=overwrite,
    )
    console.print(before_and_after(path))
    say(console, f"Fine-tuned bundle: {path}")
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
            f"Leave out what it lacks, or train a network with all of them: automtl search {name}"
        )
        raise AutomtlError(msg, where=name, fix=fix)


def before_and_after(bundle: Path) -> Table:
    """Return the task metrics of a fine-tuned bundle beside those it began with."""
    metrics = json.loads((bundle / "metrics.json").read_text())
    table = plain_table("Fine-tuning, validation split")
    for column in ("metric", "before", "after"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    before, after = metrics["before"], metrics["validation"]
    for metric in sorted(set(before) & set(after)):
        if "/" in metric and not metric.startswith(("cost/", "loss/", "weight/")):
            table.add_row(short(metric), number(before[metric]), number(after[metric]))
    return table


def predict_frames(
    bundle: Path,
    frames: Path,
    out: Path,
    *,
    score: float,
    fusion: Literal["boxes", "scene"] | None = None,
    overwrite: bool = False,
    allow_imports: Sequence[str] = (),
) -> int:
    """Predict a folder of frames."""
    from automtl.export.bundle import load_bundle
    from automtl.export.predict import predict_folder

    summary = predict_folder(
        load_bundle(bundle, allow_imports=allow_imports),
        frames,
        out,
        score_threshold=score,
        fusion=fusion,
        overwrite=overwrite,
    )
    console = make_console()
    say(console, str(summary))
    return OK
