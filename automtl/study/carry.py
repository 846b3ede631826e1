"""From a trial's files to a bundle, with the test split touched once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from automtl.data.table import SplitData
from automtl.errors import AutomtlError
from automtl.results import Pick, StudyInfo, TrialRecord
from automtl.space.stored import stored_config, stored_recipe
from automtl.study.artifacts import bring_model
from automtl.study.folder import StudyFolder, load_settings, read_floors, write_text
from automtl.study.vision import read_data
from automtl.training.artifacts import SavedModel, load_model

if TYPE_CHECKING:
    from automtl.export.manifest import Fusion
    from automtl.export.programs import Format
    from automtl.model.network import MultiTaskNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """What is exported, and why."""

    study: StudyInfo
    record: TrialRecord
    pick: Pick


def export_record(
    folder: StudyFolder,
    picked: Picked,
    *,
    out: Path,
    overwrite: bool,
    formats: Sequence["Format"] = (),
) -> Path:
    """Write the bundle of a trial.

    Args:
        folder: The study's.
        picked: The trial.
        out: The bundle's folder.
        overwrite: Whether an earlier bundle is replaced.
        formats: Programs to write beside the weights, proven on frames of the validation split.

    Returns:
        The bundle's folder.

    Raises:
        AutomtlError: If the trial's files are gone or belong to another configuration.
    """
    from automtl.export.fusing import tuned_fusion
    from automtl.export.programs import proof_frames
    from automtl.export.weights import build_from
    from automtl.export.writing import export_bundle

    record = picked.record
    saved = _saved_model(folder, record)
    splits = _read_splits(folder, picked)
    network = build_from(
        saved.config, saved.info, saved.state, where=str(folder.trial(record.number))
    )
    fusion = tuned_fusion(network, splits.validation, saved.info, seed=record.seed)
    return export_bundle(
        out,
        config=saved.config,
        info=saved.info,
        state=saved.state,
        metrics=record.values,
        pick=picked.pick,
        study=picked.study,
        seed=record.seed,
        test_metrics=_test_scores(
            folder, record.number, network, replace(splits, info=saved.info), fusion
        ),
        floors=read_floors(folder),
        fusion=fusion,
        formats=formats,
        frames=proof_frames(splits.validation.images, network.views) if formats else None,
        overwrite=overwrite,
    )


def _saved_model(folder: StudyFolder, record: TrialRecord) -> SavedModel:
    """Read what a trial left, if it is what the ledger says."""
    place = bring_model(folder, record.number)
    if not place.is_dir():
        msg = f"the files of trial {record.number} are gone from {place}"
        raise AutomtlError(
            msg,
            fix="Export another trial, or train it again with `enqueue` in the recipe",
        )
    saved = load_model(place)
    # What this version has added since has its default in both.
    if saved.config != stored_config(record.config, what=f"trial {record.number}"):
        msg = f"the model in {place} was trained with another configuration than the ledger says"
        raise AutomtlError(
            msg,
            fix="Do not use it; run `automtl status --check`",
        )
    if record.best_epoch != saved.epoch:
        msg = (
            f"the model in {place} is of epoch {saved.epoch}, and the ledger's values are of "
            f"epoch {record.best_epoch}"
        )
        raise AutomtlError(
            msg,
            fix="Export another trial, or train it again with `enqueue` in the recipe",
        )
    return saved


def _read_splits(folder: StudyFolder, picked: Picked) -> SplitData:
    recipe = stored_recipe(picked.study.recipe)
    has_test = bool(recipe.data.test)
    return read_data(recipe, load_settings(folder).data, load_test=has_test).splits


def _test_scores(
    folder: StudyFolder,
    number: int,
    network: "MultiTaskNetwork",
    splits: SplitData,
    fusion: "Fusion | None",
) -> Mapping[str, float] | None:
    """Score the picked model on the test split, at most once for each trial."""
    from automtl.export.fusing import fused_scores
    from automtl.training.evaluation import predict, score_outputs

    test = splits.test
    if test is None:
        return None
    kept = folder.root / "test_scores.json"
    scores: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.is_file() else {}
    name = str(number)
    if name not in scores:
        labelled = [
            task for task in network.tasks if task in test.labels and test.labels[task].any()
        ]
        outputs = predict(network, test, network.tasks)
        chosen = {task: outputs[task] for task in labelled}
        values = score_outputs(chosen, test, splits.info, imports=network.imports)
        if fusion is not None:
            values |= fused_scores(fusion, outputs, test, splits.info)
        scores[name] = values
        write_text(kept, json.dumps(scores, indent=2) + "\n")
    return scores[name]
