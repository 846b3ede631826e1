"""Choose a task by name."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import nn

from automtl.config.blueprint import BUILT_IN_TASKS, HeadsBlueprint
from automtl.data.table import DataInfo
from automtl.errors import AutomtlError, closest
from automtl.own_code import blamed, imported
from automtl.tasks.base import Task
from automtl.tasks.classification import ClassificationTask
from automtl.tasks.depth import DepthTask
from automtl.tasks.detection import DetectionTask
from automtl.tasks.segmentation import SegmentationTask
from automtl.tasks.tracking import TrackingTask

_MEMBERS = (
    "name",
    "primary",
    "metrics",
    "smaller_is_better",
    "build_head",
    "loss",
    "evaluate",
)
"""What a task must have, as :class:`Task` says."""

_NONE: Mapping[str, str] = MappingProxyType({})


def task_named(  # noqa: PLR0911 - one match over all tasks
    name: str, imports: Mapping[str, str] = _NONE
) -> Task:
    """Return a built-in task, or a user's own.

    Args:
        name: As in ``sharing.order``, or ``package.module:Class``.
        imports: Where names that are not built in come from, as ``package.module:Class``.

    Raises:
        AutomtlError: If there is none; it names the nearest. If an import fails in whatever
            way, or gives something that is no task or calls itself otherwise.
    """
    match name:
        case "detection":
            return DetectionTask()
        case "segmentation":
            return SegmentationTask()
        case "tracking":
            return TrackingTask()
        case "classification":
            return ClassificationTask()
        case "depth":
            return DepthTask()
        case _ if name in imports:
            where = f"imports.{name}"
            return _called(name, _imported(imports[name], where), imports[name], where)
        case _ if ":" in name:
            return _imported(name, "imports")
        case _:
            raise _unknown(name, (*BUILT_IN_TASKS, *imports))


def build_head(
    name: str,
    imports: Mapping[str, str],
    *,
    channels: Sequence[int],
    strides: Sequence[int],
    heads: HeadsBlueprint,
    info: DataInfo,
) -> nn.Module:
    """Return the head of a task, built-in or a user's own; see :meth:`Task.build_head`.

    Args:
        name: As in ``sharing.order``.
        imports: Where names that are not built in come from.
        channels: Channels of each stage's features, finest first.
        strides: Stride of each stage against the image.
        heads: Sizes.
        info: Classes and picture size.

    Raises:
        AutomtlError: If there is no such task, or a user's own cannot build its head.
    """
    task = task_named(name, imports)
    if name not in imports:
        return task.build_head(channels=channels, strides=strides, heads=heads, info=info)
    path, where = imports[name], f"imports.{name}"
    fix = "Return an nn.Module from `build_head`, as automtl.tasks.base.Task says"
    with blamed(f"the task {path!r} cannot build its head", where=where, fix=fix):
        head: object = task.build_head(channels=channels, strides=strides, heads=heads, info=info)
    if not isinstance(head, nn.Module):
        msg = f"`build_head` of {path!r} returned {type(head).__name__}"
        raise AutomtlError(msg, where=where, fix=fix)
    return head


def _imported(path: str, where: str) -> Task:
    """Import, build and check a task."""
    factory = imported(path, what="task", where=where, form="package.module:Class")
    fix = "Give every field of the class a default, and let it raise nothing"
    with blamed(f"the task {path!r} cannot be built without arguments", where=where, fix=fix):
        made: Task = factory()
    missing = [member for member in _MEMBERS if member not in dir(made)]
    if missing:
        msg = f"{path!r} is no task: it lacks {', '.join(f'`{m}`' for m in missing)}"
        raise AutomtlError(msg, where=where, fix="Write them as automtl.tasks.base.Task says")
    fix = "Let them be a text and texts, as automtl.tasks.base.Task says"
    with blamed(f"`metrics` of {path!r} cannot be read", where=where, fix=fix):
        begins_well = made.metrics[0] == made.primary
    if not begins_well:
        msg = f"`metrics` of {path!r} do not begin with its `primary` {made.primary!r}"
        raise AutomtlError(msg, where=where, fix="Put the primary metric first")
    return made


def _called(name: str, task: Task, path: str, where: str) -> Task:
    """Return the task if it has the name that the trial gives it: labels and losses bear it."""
    if task.name != name:
        msg = f"the task {path!r} calls itself {task.name!r}, the trial calls it {name!r}"
        fix = f"Write `imports: {{{task.name}: {path}}}`"
        raise AutomtlError(msg, where=where, fix=fix)
    return task


def _unknown(name: str, known: tuple[str, ...]) -> AutomtlError:
    near = closest(name, known)
    return AutomtlError(
        f"no task is called {name!r}",
        fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}",
    )
