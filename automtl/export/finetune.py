"""Train a bundle's model further on other data, with a frozen or a free trunk."""

from dataclasses import asdict, replace
from pathlib import Path

from automtl.config import CustomWeighting, OptimizerConfig, TrialConfig
from automtl.data.table import DataInfo, SplitData
from automtl.dispatch.base import Report
from automtl.export.bundle import Bundle
from automtl.export.files import CONFIG, refuse_existing
from automtl.export.fusing import tuned_fusion
from automtl.export.own import refuse_imports
from automtl.export.programs import proof_frames
from automtl.export.remap import Remapped, remap_state
from automtl.export.tuning import (
    Start,
    Tuning,
    labelled_tasks,
    parent_of,
    require_labels,
    require_size,
    train_further,
    training_folder,
    with_training,
)
from automtl.export.weights import build_from, state_on_cpu
from automtl.export.writing import Contents, write_bundle
from automtl.training.evaluation import evaluate


def finetune(
    bundle: Bundle,
    data: SplitData,
    tuning: Tuning,
    *,
    folder: Path,
    report: Report,
    overwrite: bool = False,
) -> Path:
    """Train a bundle's model further and write a new bundle.

    Classes are matched by name: the rows of shared names go on, new names begin anew, names
    that the data does not have are dropped; ``metrics.json`` says which. It also holds the
    values before (with the classes matched, nothing trained) and after, on the same split.
    With a frozen trunk the data may lack the labels of some tasks: their heads stay as they are.
    Broken off and begun again in the same way, it goes on from the last epoch.

    Args:
        bundle: Where to begin.
        data: Splits in the size that the network takes.
        tuning: What stays, how long, how fast, with which weighting and schedule.
        folder: The new bundle.
        report: Called after each epoch with the values.
        overwrite: Whether an existing folder is replaced.

    Returns:
        ``folder``.

    Raises:
        BundleError: If ``folder`` may not be written, or the bundle's weighting is code that was
            not allowed by name.
        DataError: If the data has another picture size, or lacks labels that are needed.
        AutomtlError: If ``tuning`` does not fit the bundle.
    """
    refuse_existing(folder, overwrite=overwrite)
    tuning.check(bundle.config.tasks, len(bundle.network.groups))
    config = with_training(bundle.config, tuning)
    refuse_foreign_weighting(bundle, tuning)
    info = _fitting_info(bundle.info, data)
    tasks = _tasks_to_train(config, data, tuning)
    start = remap_state(config, state_on_cpu(bundle.network), bundle.info, info, seed=tuning.seed)
    network = build_from(config, info, start.state, where="the bundle's model").to(bundle.device)
    with training_folder(folder, bundle, tuning) as kept:
        tuned = train_further(
            Start(config=config, info=info, state=start.state),
            data,
            tasks,
            tuning,
            device=bundle.device,
            report=report,
            folder=kept,
        )
        whole = build_from(config, info, tuned.state, where="the tuned model").to(bundle.device)
        contents = Contents(
            config=config,
            info=info,
            state=tuned.state,
            seed=tuning.seed,
            validation=tuned.values,
            floors={},
            parent=parent_of(bundle, tuning),
            fusion=tuned_fusion(whole, data.validation, info, seed=tuning.seed),
            formats=tuning.formats,
            frames=proof_frames(data.validation.images, network.views),
            notes={
                "lr_factors": dict(tuning.lr_factors),
                "before": evaluate(network, data.validation, info, tasks),
                "trained_tasks": list(tuned.trained),
                "epochs": list(tuned.epochs),
                "classes": _changes(start),
            },
        )
        return write_bundle(folder, contents, overwrite=overwrite)


def slower(optimizer: OptimizerConfig) -> OptimizerConfig:
    """Return the settings with a tenth of the learning rate: what is learned shall not be lost."""
    return optimizer.model_copy(update={"lr": optimizer.lr / 10})


def refuse_foreign_weighting(bundle: Bundle, tuning: Tuning) -> None:
    """Raise unless the weighting's code is allowed; prediction does not need it."""
    if tuning.weighting is None and isinstance(bundle.config.weighting, CustomWeighting):
        refuse_imports([bundle.config.weighting.path], bundle.allowed, str(bundle.path / CONFIG))


def _fitting_info(old: DataInfo, data: SplitData) -> DataInfo:
    """Take the data's classes; where it names none, the bundle's stay."""
    require_size(old, data)
    masks = data.info if data.info.segmentation_classes else old
    return replace(
        data.info,
        detection_classes=data.info.detection_classes or old.detection_classes,
        segmentation_classes=masks.segmentation_classes,
        segmentation_frequency=masks.segmentation_frequency,
        image_classes=data.info.image_classes or old.image_classes,
    )


def _tasks_to_train(config: TrialConfig, data: SplitData, tuning: Tuning) -> tuple[str, ...]:
    tasks = labelled_tasks(config.tasks, data)
    if not tasks:
        require_labels(config.tasks, data, fix="Add such labels")
    if not tuning.keeps_trunk:
        hint = "Add such labels, or keep the trunk and those heads with --freeze-trunk"
        require_labels(config.tasks, data, fix=hint)
    return tasks


def _changes(start: Remapped) -> dict[str, object]:
    changes = {"detection": start.detection, "segmentation": start.segmentation}
    return {kind: asdict(change) for kind, change in {**changes, "image": start.image}.items()}
