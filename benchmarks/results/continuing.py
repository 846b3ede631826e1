"""A training that begins with a bundle: a further task on a frozen trunk, or more data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automtl.config import TRUNK, TrialConfig
from automtl.data.table import SplitData
from automtl.dispatch.base import Report
from automtl.export.bundle import Bundle, load_bundle
from automtl.export.extend import Addition, extend
from automtl.export.files import METRICS, parse_json
from automtl.export.finetune import finetune
from automtl.export.tuning import Tuning
from automtl.export.writing import export_bundle
from automtl.sources import DataConfig
from automtl.training.artifacts import load_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The training whose bundle another one begins with; both have the same seed.

    Attributes:
        config: Its configuration. Where it has one task less than what begins with it, that
            task is added on the frozen trunk; else the whole network is trained on.
        data: Its splits.
    """

    config: TrialConfig
    data: DataConfig


def bundle_of(trained: Path, folder: Path, *, seed: int) -> Bundle:
    """Export what a training left in its folder.

    Args:
        trained: The training's folder.
        folder: Of the bundle.
        seed: Of the training.
    """
    saved = load_model(trained)
    path = export_bundle(
        folder,
        config=saved.config,
        info=saved.info,
        state=saved.state,
        metrics=saved.values,
        pick=None,
        study=None,
        seed=seed,
    )
    return load_bundle(path)


def continued(
    bundle: Bundle,
    config: TrialConfig,
    splits: SplitData,
    *,
    seed: int,
    folder: Path,
    report: Report,
) -> tuple[Bundle, Mapping[str, float]]:
    """Train a bundle's model further, and return the new bundle with its validation values.

    Args:
        bundle: Where it begins.
        config: Of what is to come out; its optimizer trains.
        splits: What it is trained on.
        seed: Of the training.
        folder: Of the new bundle.
        report: Called after each epoch.
    """
    added = [task for task in config.tasks if task not in bundle.config.tasks]
    tuning = Tuning(
        optimizer=config.optimizer,
        frozen=(TRUNK,) if added else (),
        weighting=config.weighting,
        schedule=config.schedule,
        seed=seed,
    )
    if added:
        (task,) = added
        beside = bundle.config.tasks[-1]
        addition = Addition(task=task, beside=beside, imports={})
        path = extend(bundle, splits, addition, tuning, folder=folder, report=report)
    else:
        path = finetune(bundle, splits, tuning, folder=folder, report=report)
    said = parse_json((path / METRICS).read_bytes(), path / METRICS)
    values = said["validation"]
    assert isinstance(values, dict)
    return load_bundle(path), values
