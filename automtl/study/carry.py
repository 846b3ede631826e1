"""From a trial's files to a bundle, with the test split touched once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automtl.errors import AutomtlError
from automtl.results import Pick, StudyInfo, TrialRecord
from automtl.space.recipe import Recipe
from automtl.study.folder import StudyFolder, load_settings, read_floors, write_text
from automtl.study.vision import read_data
from automtl.training.artifacts import SavedModel, load_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """What is exported, and why."""

    study: StudyInfo
    record: TrialRecord
    pick: Pick


def export_record(folder: StudyFolder, picked: Picked, *, out: Path, overwrite: bool) -> Path:
    """Write the bundle of a trial.

    Returns:
        The bundle's folder.

    Raises:
        AutomtlError: If the trial's files are gone or belong to another configuration.
    """
    from automtl.export.bundle import export_bundle

    record = picked.record
    place = folder.trial(record.number)
    if not place.is_dir():
        msg = f"the files of trial {record.number} are gone from {place}"
        raise AutomtlError(
            msg,
            fix="Export another trial, or train it again with `enqueue` in the recipe",
        )
    saved = load_model(place)
    if saved.config.to_plain() != record.config:
        msg = f"the model in {place} was trained with another configuration than the ledger says"
        raise AutomtlError(
            msg,
            fix="Do not use it; run `automtl status --check`",
        )
    return export_bundle(
        out,
        config=saved.config,
        info=saved.info,
        state=saved.state,
        metrics=record.values,
        pick=picked.pick,
        study=picked.study,
        seed=record.seed,
        test_metrics=_test_scores(folder, picked, saved),
        floors=read_floors(folder),
        overwrite=overwrite,
    )


def _test_scores(
    folder: StudyFolder, picked: Picked, saved: SavedModel
) -> Mapping[str, float] | None:
    """Score the picked model on the test split, at most once for each trial."""
    from automtl.export.weights import build_from
    from automtl.training.evaluation import evaluate

    recipe = Recipe.model_validate(picked.study.recipe)
    if not recipe.data.test:
        return None
    kept = folder.root / "test_scores.json"
    scores: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.is_file() else {}
    name = str(picked.record.number)
    if name not in scores:
        test = read_data(recipe, load_settings(folder).data, load_test=True).splits.test
        if test is None:
            return None
        place = str(folder.trial(picked.record.number))
        network = build_from(saved.config, saved.info, saved.state, where=place)
        labelled = [
            task for task in saved.config.tasks if task in test.labels and test.labels[task].any()
        ]
        scores[name] = dict(evaluate(network, test, saved.info, labelled))
        write_text(kept, json.dumps(scores, indent=2) + "\n")
    return scores[name]
