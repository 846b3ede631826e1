"""Which tasks step when."""

from typing import Annotated, Literal

from pydantic import Field

from automtl.config.base import Part


class JointSchedule(Part):
    """Every step trains all tasks."""

    kind: Literal["joint"] = "joint"


class AlternatingSchedule(Part):
    """One task at a time, in blocks.

    Attributes:
        block: Steps that a task trains before the next one does.
        optimizer_state: ``shared`` keeps one set of moments, ``per_task`` one for each task.
    """

    kind: Literal["alternating"] = "alternating"
    block: Annotated[int, Field(ge=1)] = 1
    optimizer_state: Literal["shared", "per_task"] = "shared"


ScheduleConfig = Annotated[JointSchedule | AlternatingSchedule, Field(discriminator="kind")]
