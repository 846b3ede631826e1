"""Choose a task by name."""

from importlib import import_module

from automtl.config import BUILT_IN_TASKS
from automtl.errors import AutomtlError, closest
from automtl.tasks.base import Task
from automtl.tasks.detection import DetectionTask
from automtl.tasks.segmentation import SegmentationTask
from automtl.tasks.tracking import TrackingTask


def task_named(name: str) -> Task:
    """Return a built-in task, or a user's own by ``package.module:Class``.

    Raises:
        AutomtlError: If there is none; it names the nearest.
    """
    match name:
        case "detection":
            return DetectionTask()
        case "segmentation":
            return SegmentationTask()
        case "tracking":
            return TrackingTask()
        case _:
            return _imported(name)


def _imported(name: str) -> Task:
    module, _, attribute = name.partition(":")
    if not attribute:
        raise _unknown(name)
    try:
        made: Task = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        msg = f"the task {name!r} cannot be imported ({error})"
        raise AutomtlError(msg, fix="Write package.module:Class") from error
    return made


def _unknown(name: str) -> AutomtlError:
    near = closest(name, BUILT_IN_TASKS)
    return AutomtlError(
        f"no task is called {name!r}",
        fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(BUILT_IN_TASKS)}",
    )
