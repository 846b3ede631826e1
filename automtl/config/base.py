"""What all parts of a configuration have in common."""

from collections.abc import Collection, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import override

from automtl.config.words import attribute_words, first_sentence
from automtl.plain import PlacedError


class Frozen(BaseModel):
    """A value: immutable, closed to unknown keys, equal by content."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Let the schema say of each key what the class says of its attributes."""
        schema = handler(core_schema)
        inner = handler.resolve_ref_schema(schema)
        words = attribute_words(cls)
        for name, entry in inner.get("properties", {}).items():
            if name in words:
                entry["description"] = words[name]
        inner["description"] = first_sentence(cls)
        return schema


class Part(Frozen):
    """A part of a trial that may name tasks."""

    def check_tasks(self, tasks: Sequence[str]) -> None:
        """Raise ``ValueError`` if the part does not fit the trial's tasks."""
        del tasks


def refuse_unknown_tasks(named: Collection[str], tasks: Sequence[str], *, where: str) -> None:
    """Raise ``PlacedError`` if a part names tasks that the trial does not have.

    Args:
        named: By key, or in order.
        tasks: Those of the trial.
        where: Dotted path of ``named`` in the trial's configuration.
    """
    unknown = sorted(set(named) - set(tasks))
    if unknown:
        msg = f"`{where}` names {unknown}, which `sharing.order` does not"
        raise PlacedError(msg, (*parts_of(where), entry_of(named, unknown[0])))


def parts_of(where: str) -> tuple[str | int, ...]:
    """Take a dotted path apart.

    >>> parts_of("schedule.stages.0")
    ('schedule', 'stages', 0)
    """
    return tuple(int(part) if part.isdigit() else part for part in where.split("."))


def entry_of(named: Collection[str], name: str) -> str | int:
    """Return the key of a name in a mapping, its index in a list."""
    return name if isinstance(named, Mapping) else list(named).index(name)
