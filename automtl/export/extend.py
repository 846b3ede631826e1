"""A further task on a bundle's trunk: the old tasks' outputs stay to the bit, or are rehearsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl.config import TrialConfig
from automtl.data.table import DataInfo, SplitData
from automtl.dispatch.base import Report
from automtl.errors import AutomtlError, BundleError, DataError, closest
from automtl.export.bundle import Bundle
from automtl.export.files import refuse_existing
from automtl.export.finetune import refuse_foreign_weighting
from automtl.export.fusing import tuned_fusion
from automtl.export.manifest import Fusion
from automtl.export.programs import flat_outputs, proof_frames
from automtl.export.tuning import (
    Start,
    Tuned,
    Tuning,
    parent_of,
    require_labels,
    require_size,
    train_further,
    training_folder,
    with_training,
)
from automtl.export.weights import build_from, state_on_cpu
from automtl.export.widen import widened_info, widened_sharing, widened_state
from automtl.export.writing import Contents, write_bundle
from automtl.model.network import MultiTaskNetwork
from automtl.training.evaluation import evaluate

LINKED = ("detection", "segmentation", "tracking")
"""Tasks that have a say in how objects are linked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A task that a network gets.

    Attributes:
        task: Its name.
        beside: The task whose stages its head reads.
        imports: Where the task comes from, if it is not built in, by name.
    """

    task: str
    beside: str
    imports: Mapping[str, str]


def extend(
    bundle: Bundle,
    data: SplitData,
    addition: Addition,
    tuning: Tuning,
    *,
    folder: Path,
    report: Report,
    overwrite: bool = False,
) -> Path:
    """Train a further task on a bundle's trunk and write a new bundle.

    With a frozen trunk only the new head learns, and the new network must give the old tasks'
    outputs to the bit on frames of the validation split, else nothing is written. With a free
    one all tasks are trained, so the data need labels of all of them. Broken off and begun again
    in the same way, it goes on from the last epoch.

    Args:
        bundle: Where to begin.
        data: Splits in the size that the network takes, with labels of the new task.
        addition: The new task, and whose stages it reads.
        tuning: What stays, how long, how fast, with which weighting and schedule.
        folder: The new bundle.
        report: Called after each epoch with the values.
        overwrite: Whether an existing folder is replaced.

    Returns:
        ``folder``.

    Raises:
        BundleError: If ``folder`` may not be written, or an old output changed.
        DataError: If the data has another picture size or other classes, or lacks labels.
        AutomtlError: If the task is there already, or ``tuning`` does not fit.
    """
    refuse_existing(folder, overwrite=overwrite)
    refuse_foreign_weighting(bundle, tuning)
    config = with_training(_wider(bundle.config, addition), tuning)
    tuning.check(config.tasks, len(bundle.network.groups))
    tasks = (addition.task,) if tuning.keeps_trunk else config.tasks
    info = _fitting_info(bundle.info, data, tasks, addition.task)
    state = widened_state(
        bundle.config, config, info, state_on_cpu(bundle.network), seed=tuning.seed
    )
    with training_folder(folder, bundle, tuning) as kept:
        tuned = train_further(
            Start(config=config, info=info, state=state),
            data,
            tasks,
            tuning,
            device=bundle.device,
            report=report,
            folder=kept,
        )
        contents = _contents(bundle, data, addition, tuning, config, info, tuned)
        return write_bundle(folder, contents, overwrite=overwrite)


def _contents(
    bundle: Bundle,
    data: SplitData,
    addition: Addition,
    tuning: Tuning,
    config: TrialConfig,
    info: DataInfo,
    tuned: Tuned,
) -> Contents:
    whole = build_from(config, info, tuned.state, where="the extended model").to(bundle.device)
    frames = proof_frames(data.validation.images, whole.views)
    old = _old_tasks(bundle.network, whole, frames)
    if tuning.keeps_trunk and not old["equal"]:
        msg = (
            f"the outputs of {', '.join(bundle.config.tasks)} changed by up to "
            f"{old['max_abs_difference']:g}, though the trunk was frozen"
        )
        raise BundleError(msg, fix="Report it: nothing was written")
    # The old tasks' values with a frozen trunk are what they were: no need to measure again.
    rehearsed = [] if tuning.keeps_trunk else bundle.config.tasks
    before = evaluate(bundle.network, data.validation, info, rehearsed) if rehearsed else {}
    return Contents(
        config=config,
        info=info,
        state=tuned.state,
        seed=tuning.seed,
        validation=tuned.values,
        floors={},
        parent=parent_of(bundle, tuning, added=(addition.task,)),
        fusion=_fusion(bundle, whole, data, info, addition, tuning.seed),
        formats=tuning.formats,
        frames=frames,
        notes={
            "before": before,
            "trained_tasks": list(tuned.trained),
            "epochs": list(tuned.epochs),
            "old_outputs": old,
        },
    )


def _wider(config: TrialConfig, addition: Addition) -> TrialConfig:
    """Return the configuration with the new task in its tree; training settings come later."""
    task, tasks = addition.task, config.tasks
    if task in tasks:
        msg = f"the bundle has the task {task!r} already"
        raise AutomtlError(msg, where="--task", fix="Train it further: automtl finetune")
    if addition.beside not in tasks:
        near = closest(addition.beside, tasks)
        fix = f"Did you mean {near!r}?" if near else f"Known: {', '.join(tasks)}"
        msg = f"the bundle has no task {addition.beside!r} to stand beside"
        raise AutomtlError(msg, where="--beside", fix=fix)
    schedule = config.schedule
    if schedule.kind == "until_plateau" and schedule.order:
        schedule = schedule.model_copy(update={"order": (*schedule.order, task)})
    return config.model_copy(
        update={
            "sharing": widened_sharing(config.sharing, task, addition.beside),
            "imports": {**addition.imports, **config.imports},
            "schedule": schedule,
        }
    )


def _fitting_info(old: DataInfo, data: SplitData, tasks: Sequence[str], task: str) -> DataInfo:
    """Return the classes of the wider network, if the data fit what is trained on them."""
    require_size(old, data)
    hint = f"Add a source with labels of {task}"
    if len(tasks) > 1:
        hint = "Rehearsing needs labels of every task; without, keep the trunk: --freeze-trunk"
    require_labels(tasks, data, fix=hint)
    info = widened_info(old, data.info, task)
    for trained, kind in (
        ("detection", "detection_classes"),
        ("segmentation", "segmentation_classes"),
        ("classification", "image_classes"),
    ):
        wanted, found = getattr(info, kind), getattr(data.info, kind)
        if trained in tasks and wanted != found:
            msg = f"{kind} are {list(found)}, the bundle's {list(wanted)}"
            raise DataError(
                msg, where=f"data.{kind}", fix=f"Write `{kind}: [{', '.join(wanted)}]`"
            )
    return info


def _old_tasks(
    before: MultiTaskNetwork, after: MultiTaskNetwork, frames_nchw: NDArray[np.uint8]
) -> dict[str, object]:
    """Run both networks on frames; return whether the old tasks' outputs are the same bits."""
    device = next(after.parameters()).device
    with torch.inference_mode():
        images = torch.from_numpy(frames_nchw).to(device)
        old, new = flat_outputs(before(images)), flat_outputs(after(images))
    gaps = [(old[key] - new[key]).abs().max().item() for key in old]
    return {
        "tasks": list(before.tasks),
        "frames": len(frames_nchw),
        "equal": all(_same_bits(old[key], new[key]) for key in old),
        "max_abs_difference": max(gaps),
    }


def _same_bits(one: Tensor, other: Tensor) -> bool:
    return one.cpu().numpy().tobytes() == other.cpu().numpy().tobytes()


def _fusion(
    bundle: Bundle,
    network: MultiTaskNetwork,
    data: SplitData,
    info: DataInfo,
    addition: Addition,
    seed: int,
) -> Fusion | None:
    """Tune the linking again if the new task, or a free trunk, changes what it sees."""
    is_same = data.info.detection_classes == info.detection_classes
    if addition.task not in LINKED or not is_same:
        return bundle.manifest.fusion
    data = replace(data, info=info)
    return tuned_fusion(network, data.validation, info, seed=seed) or bundle.manifest.fusion
