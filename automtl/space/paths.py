"""Dotted paths into a trial's configuration: which exist, and how one is set."""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from automtl.config import BUILT_IN_TASKS, TrialConfig
from automtl.space.parameter_base import Scalar

Plain = dict[str, Any]
"""A JSON-like tree. Its leaves have any type until ``TrialConfig`` has validated them."""

UNIONS = ("weighting", "schedule")
"""Parts of a configuration whose other keys depend on their ``kind``."""

CHAIN = "sharing."
"""Beginning of the paths of lists that have an entry for each task, or each two neighbours."""

FREE = ("weighting.options.",)
"""Beginnings of paths that go on with a name of the user's own."""


def nested(flat: Mapping[str, object]) -> Plain:
    """Expand dotted keys; a key with dots and a nested one may be mixed.

    >>> nested({"optimizer.lr": 0.1, "optimizer": {"epochs": 2}})
    {'optimizer': {'lr': 0.1, 'epochs': 2}}
    """
    found: Plain = {}
    for key, value in flat.items():
        node = found
        *parents, last = str(key).split(".")
        for part in parents:
            child = node.get(part)
            node = node.setdefault(part, {}) if child is None or isinstance(child, dict) else {}
        inner = nested(value) if isinstance(value, Mapping) else copy.deepcopy(value)
        before = node.get(last)
        if isinstance(before, dict) and isinstance(inner, dict):
            before.update(inner)
        else:
            node[last] = inner
    return found


def set_all(plain: Plain, point: Mapping[str, Scalar]) -> Plain:
    """Return a copy of ``plain`` with every value of ``point`` at its path.

    A ``weighting.kind`` or ``schedule.kind`` that differs from the one in ``plain`` drops that
    part's other keys, which belong to the other kind.
    """
    found = copy.deepcopy(plain)
    for union in UNIONS:
        kind = point.get(f"{union}.kind")
        if kind is not None and found.get(union, {}).get("kind") != kind:
            found[union] = {"kind": kind}
    for name, value in point.items():
        _set(found, name.split("."), value)
    return found


def known_paths(tasks: Sequence[str] = BUILT_IN_TASKS) -> tuple[str, ...]:
    """Return every path that a parameter may set, for a chain of ``tasks``.

    >>> "optimizer.lr" in known_paths() and "sharing.split_after.1" in known_paths()
    True
    """
    schema = TrialConfig.model_json_schema()
    found = dict.fromkeys(_leaves(schema, schema.get("$defs", {}), "", tasks))
    return tuple(path for path in found if not path.startswith(FREE))


def _set(node: Any, parts: Sequence[str], value: Scalar) -> None:
    head, *rest = parts
    key: Any = int(head) if isinstance(node, list) and head.isdigit() else head
    if rest:
        if isinstance(node, dict) and key not in node:
            node[key] = {}
        _set(node[key], rest, value)
    elif isinstance(node, dict) and _is_of_names(node.get(key)) and isinstance(value, str):
        # A list cannot be a sampler's value; its entries in one text can.
        node[key] = [part.strip() for part in re.split("[,+]", value)]
    else:
        node[key] = value


def _is_of_names(value: object) -> bool:
    """Whether a value is a list of plain entries; a list of parts reads its own texts."""
    return isinstance(value, list) and not any(isinstance(entry, dict) for entry in value)


def _leaves(schema: Any, defs: Any, prefix: str, tasks: Sequence[str]) -> list[str]:
    if "$ref" in schema:
        return _leaves(defs[schema["$ref"].rsplit("/", 1)[-1]], defs, prefix, tasks)
    options = schema.get("oneOf") or schema.get("anyOf")
    if options:
        return [path for option in options for path in _leaves(option, defs, prefix, tasks)]
    if "properties" in schema:
        head = f"{prefix}." if prefix else ""
        return [
            path
            for name, inner in schema["properties"].items()
            for path in _leaves(inner, defs, head + name, tasks)
        ]
    return [prefix + end for end in _ends(schema, tasks, is_chain=prefix.startswith(CHAIN))]


def _ends(schema: Any, tasks: Sequence[str], *, is_chain: bool) -> Sequence[str]:
    if isinstance(schema.get("additionalProperties"), dict):
        return [f".{task}" for task in tasks]
    if schema.get("type") == "array":
        # Entries of their own have those lists alone whose length is known.
        n = schema.get("maxItems", len(tasks) - 1 if is_chain else 0)
        return ["", *(f".{i}" for i in range(n))]
    return [""]
