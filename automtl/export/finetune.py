"""Train a bundle's model further on other data, with a frozen or a free trunk."""

from dataclasses import asdict, replace
from pathlib import Path

from automtl.config import CustomWeighting, OptimizerConfig, TrialConfig
from automtl.data.table import DataInfo, SplitData
from automtl.dispatch.base import Report
from automtl.errors import DataError
from automtl.export.bundle import Bundle, refuse_imports
from automtl.export.files import refuse_existing
from automtl.export.fusing import tuned_fusion
from automtl.export.manifest import Parent
from automtl.export.narrow import merge_heads, narrow_config, narrow_state
from automtl.export.remap import Remapped, remap_state
from automtl.export.weights import build_from, state_on_cpu, without_pretraining
from automtl.export.writing import CONFIG, Contents, write_bundle
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
    With a frozen trunk the data may lack the labels of some tasks: their heads stay as they are.

    Args:
        bundle: Where to begin.
        data: Splits in the size that the network takes.
        freeze_trunk: Whether the backbone's stages stay as they are, to the bit; heads train.
        optimizer: How long and how fast; by default as the bundle's, with a tenth of the rate.
        seed: Of this training.
        folder: The new bundle.
        report: Called after each epoch with the values.
        overwrite: Whether an existing folder is replaced.

    Returns:
        ``folder``.

    Raises:
        BundleError: If ``folder`` may not be written, or the bundle's weighting is code that was
            not allowed by name.
        DataError: If the data has another picture size, or lacks labels that are needed.
    """
    refuse_existing(folder, overwrite=overwrite)
    _refuse_foreign_weighting(bundle)
    info = _fitting_info(bundle.info, data)
    wanted = optimizer or slower(bundle.config.optimizer)
    config = bundle.config.model_copy(update={"optimizer": wanted})
    tasks = _labelled_tasks(config, data, freeze_trunk=freeze_trunk)
    start = remap_state(config, state_on_cpu(bundle.network), bundle.info, info, seed=seed)
    network = build_from(config, info, start.state, where="the bundle's model").to(bundle.device)
    before = evaluate(network, data.validation, info, tasks)
    # The weights come from the bundle: none are downloaded only to be replaced.
    narrow = without_pretraining(narrow_config(config, tasks))
    trained = train(
        narrow,
        replace(data, info=info),
        report,
        seed=seed,
        folder=None,
        device=bundle.device,
        initial=narrow_state(config, info, start.state, tasks),
        freeze_trunk=freeze_trunk,
    )
    state = state_on_cpu(trained.network)
    state = merge_heads(start.state, state, tasks) if freeze_trunk else state
    whole = build_from(config, info, state, where="the tuned model").to(bundle.device)
    contents = Contents(
        config=config,
        info=info,
        state=state,
        seed=seed,
        validation=trained.values,
        floors={},
        parent=_parent(bundle, freeze_trunk=freeze_trunk),
        fusion=tuned_fusion(whole, data.validation, info, seed=seed),
        notes={
            "before": before,
            "trained_tasks": list(narrow.trained),
            "classes": _changes(start),
        },
    )
    return write_bundle(folder, contents, overwrite=overwrite)


def slower(optimizer: OptimizerConfig) -> OptimizerConfig:
    """Return the settings with a tenth of the learning rate: what is learned shall not be lost."""
    return optimizer.model_copy(update={"lr": optimizer.lr / 10})


def _refuse_foreign_weighting(bundle: Bundle) -> None:
    """Raise unless the weighting's code is allowed; prediction does not need it."""
    if isinstance(bundle.config.weighting, CustomWeighting):
        refuse_imports([bundle.config.weighting.path], bundle.allowed, bundle.path / CONFIG)


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
        image_classes=data.info.image_classes or old.image_classes,
    )


def _labelled_tasks(
    config: TrialConfig, data: SplitData, *, freeze_trunk: bool
) -> tuple[str, ...]:
    """Return the tasks that both splits have labels of."""
    tables = data.train, data.validation
    tasks = tuple(
        task
        for task in config.tasks
        if all(task in table.labels and table.labels[task].any() for table in tables)
    )
    missing = [task for task in config.tasks if task not in tasks]
    if not tasks or (missing and not freeze_trunk):
        msg = f"the train and validation splits do not both have labels of {', '.join(missing)}"
        raise DataError(
            msg,
            fix="Add such labels"
            + ("" if not tasks else ", or keep the trunk and those heads with --freeze-trunk"),
        )
    return tasks


def _parent(bundle: Bundle, *, freeze_trunk: bool) -> Parent:
    return Parent(
        digest=bundle.digest,
        config_digest=bundle.manifest.config_digest,
        data_digest=bundle.manifest.data.digest,
        freeze_trunk=freeze_trunk,
    )


def _changes(start: Remapped) -> dict[str, object]:
    changes = {"detection": start.detection, "segmentation": start.segmentation}
    return {kind: asdict(change) for kind, change in {**changes, "image": start.image}.items()}
