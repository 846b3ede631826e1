"""Choose a task by name."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from automtl.config import BUILT_IN_TASKS
from automtl.errors import AutomtlError, closest
from automtl.tasks.base import Task
from automtl.tasks.classification import ClassificationTask
from automtl.tasks.depth import DepthTask
from automtl.tasks.detection import DetectionTask
from automtl.tasks.segmentation import SegmentationTask
from automtl.tasks.tracking import TrackingTask

_MEMBERS = ("name", "primary", "metrics", "build_head", "loss", "evaluate")
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
        AutomtlError: If there is none; it names the nearest. If an import fails, or gives
            something that is no task or calls itself otherwise.
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
            return _called(name, _imported(imports[name]), imports[name])
        case _ if ":" in name:
            return _imported(name)
        case _:
            raise _unknown(name, (*BUILT_IN_TASKS, *imports))


def _imported(path: str) -> Task:
    """Import, build and check a task."""
    module, _, attribute = path.partition(":")
    fix = "Write package.module:Class, of a package that is installed or on PYTHONPATH"
    try:
        factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        msg = f"the task {path!r} cannot be imported ({error})"
        raise AutomtlError(msg, fix=fix) from error
    try:
        made: Task = factory()
    except TypeError as error:
        msg = f"the task {path!r} cannot be built without arguments ({error})"
        raise AutomtlError(msg, fix="Give every field of the class a default") from error
    missing = [member for member in _MEMBERS if member not in dir(made)]
    if missing:
        msg = f"{path!r} is no task: it lacks {', '.join(f'`{m}`' for m in missing)}"
        raise AutomtlError(msg, fix="Write them as automtl.tasks.base.Task says")
    if not made.metrics or made.metrics[0] != made.primary:
        msg = f"`metrics` of {path!r} do not begin with its `primary` {made.primary!r}"
        raise AutomtlError(msg, fix="Put the primary metric first")
    return made


def _called(name: str, task: Task, path: str) -> Task:
    """Return the task if it has the name that the trial gives it: labels and losses bear it."""
    if task.name != name:
        msg = f"the task {path!r} calls itself {task.name!r}, the trial calls it {name!r}"
        raise AutomtlError(msg, fix=f"Write `imports: {{{task.name}: {path}}}`")
    return task


def _unknown(name: str, known: tuple[str, ...]) -> AutomtlError:
    near = closest(name, known)
    return AutomtlError(
        f"no task is called {name!r}",
        fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}",
    )
