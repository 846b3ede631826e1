"""Train a bundle's model further on other data, with a frozen or a free trunk."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from automtl.config import OptimizerConfig, TrialConfig
from automtl.data.table import DataInfo, SplitData
from automtl.dispatch.base import Report
from automtl.errors import DataError
from automtl.export.bundle import Bundle
from automtl.export.files import refuse_existing
from automtl.export.manifest import Parent
from automtl.export.remap import Remapped, remap_state
from automtl.export.weights import build_from, without_pretraining
from automtl.export.writing import Contents, write_bundle
from automtl.training.evaluation import evaluate
from automtl.training.loop import train


def finetune(  # noqa: PLR0913 - where from, on what, how, and where to
    bundle: Bundle,
    data: SplitData,
    *,
    freeze_trunk: bool,
    optimizer: OptimizerConfig | None = None,
    seed: int,
    folder: Path,
    report: Report,
    overwrite: bool = False,
) -> Path:
    """Train a bundle's model further and write a new bundle.

    Classes are matched by name: the rows of shared names go on, new names begin anew, names
    that the data does not have are dropped; ``metrics.json`` says which. It also holds the
    values before (with the classes matched, nothing trained) and after, on the same split.

    Args:
        bundle: Where to begin.
        data: Splits in the size that the network takes.
        freeze_trunk: Whether the shared stages stay as they are, to the bit; the heads train.
        optimizer: How long and how fast; by default as the bundle's, with a tenth of the rate.
        seed: Of this training.
        folder: The new bundle.
        report: Called after each epoch with the values.
        overwrite: Whether an existing folder is replaced.

    Returns:
        ``folder``.

    Raises:
        BundleError: If ``folder`` exists.
        DataError: If the data has another picture size or lacks the labels of a task.
    """
    refuse_existing(folder, overwrite=overwrite)
    info = _fitting_info(bundle.info, data)
    config = bundle.config.model_copy(
        update={"optimizer": optimizer or slower(bundle.config.optimizer)}
    )
    _require_labels(config, data)
    splits = replace(data, info=info)
    start = remap_state(config, bundle.network.state_dict(), bundle.info, info, seed=seed)
    before = _values(config, info, start.state, data, bundle.device)
    trained = train(
        # The weights come from the bundle: nothing is downloaded for them to replace.
        without_pretraining(config),
        splits,
        report,
        seed=seed,
        folder=None,
        device=bundle.device,
        initial=start.state,
        freeze_trunk=freeze_trunk,
    )
    contents = Contents(
        config=config,
        info=info,
        state=trained.network.state_dict(),
        seed=seed,
        validation=trained.values,
        floors={},
        parent=_parent(bundle, freeze_trunk=freeze_trunk),
        notes={"before": before, "classes": _changes(start)},
    )
    return write_bundle(folder, contents, overwrite=overwrite)


def slower(optimizer: OptimizerConfig) -> OptimizerConfig:
    """Return the settings with a tenth of the learning rate: what is learned shall not be lost."""
    return optimizer.model_copy(update={"lr": optimizer.lr / 10})


def _fitting_info(old: DataInfo, data: SplitData) -> DataInfo:
    """Take the data's classes; where it names none, the bundle's stay."""
    if data.info.image_size != old.image_size:
        msg = (
            f"the frames are {data.info.image_size}, the model takes {old.image_size} "
            "(height, width)"
        )
        raise DataError(msg, fix="Load the data in the model's size: bundle.info.image_size")
    masks = data.info if data.info.segmentation_classes else old
    return replace(
        data.info,
        detection_classes=data.info.detection_classes or old.detection_classes,
        segmentation_classes=masks.segmentation_classes,
        segmentation_frequency=masks.segmentation_frequency,
    )


def _require_labels(config: TrialConfig, data: SplitData) -> None:
    for task in config.tasks:
        for name, table in (("train", data.train), ("validation", data.validation)):
            if task not in table.labels or not table.labels[task].any():
                msg = f"no frame of the {name} split has labels of {task}, which the model has"
                raise DataError(msg, fix=f"Add frames with labels of {task} to the recipe's data")


def _values(
    config: TrialConfig,
    info: DataInfo,
    state: Mapping[str, Tensor],
    data: SplitData,
    device: torch.device,
) -> dict[str, float]:
    network = build_from(config, info, state, where="the bundle's model").to(device)
    return evaluate(network, data.validation, info, config.tasks)


def _parent(bundle: Bundle, *, freeze_trunk: bool) -> Parent:
    return Parent(
        digest=bundle.digest,
        config_digest=bundle.manifest.config_digest,
        data_digest=bundle.manifest.data.digest,
        freeze_trunk=freeze_trunk,
    )


def _changes(start: Remapped) -> dict[str, object]:
    return {"detection": asdict(start.detection), "segmentation": asdict(start.segmentation)}
