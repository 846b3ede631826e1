"""Every key of a recipe as one page of Markdown, written from the schema."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from automtl.config import TrialConfig
from automtl.config.metrics import reported_metrics
from automtl.space.recipe import recipe_schema

Schema = Mapping[str, Any]

HEAD = """# Every key of a recipe

Written by `automtl schema --markdown` from the program's own schema; `automtl schema` prints the
JSON schema for an editor. A key that is not here is an error, named with its line and the closest
key. How to begin: `automtl init FOLDER` writes a recipe for your frames, with comments.
"""

ANY_SCALAR = "`true` or `false` or integer or number or text"

TRIAL = """## `base` and `parameters`: the configuration of a trial

`base` holds what all trials have in common. Its keys may be nested or dotted: `optimizer.lr: 1e-3`
is `optimizer: {lr: 1e-3}`. The name of a parameter is the dotted path of the key that it changes:
`sharing.split_after.0` is the first number of `sharing.split_after`, and a parameter such as
`weighting.weights.detection` exists only where `when` names a kind that has it.
"""

METRICS = """## Metrics: for `objectives` and `constraints`

Which metrics there are depends on the tasks of `base.sharing.order`; of costs with a task's name
at the end, each task has its own. Names that begin with `loss/`, `weight/` or `device/` are
reported too.
"""


def recipe_page() -> str:
    """Return the page."""
    trial = TrialConfig.model_json_schema()
    metrics = "\n".join(f"- `{name}`" for name in _metrics())
    parts = [
        HEAD,
        *_Pages(recipe_schema()).sections("## The recipe"),
        TRIAL,
        *_Pages(trial).sections("### The configuration"),
        f"{METRICS}\n{metrics}\n",
    ]
    return "\n".join(parts)


def _metrics() -> list[str]:
    tasks = ("detection", "segmentation", "tracking", "classification", "depth")
    return [name for name in reported_metrics(tasks) if name.count("/") < 2]


@dataclass(slots=True)
class _Pages:
    """A schema's sections, each part once, in the order in which they are met."""

    schema: Schema
    _met: list[str] = field(default_factory=list)

    def sections(self, title: str) -> Iterator[str]:
        yield self._section(title, self.schema)
        for name in self._met:  # it grows while it is walked
            part = self.schema["$defs"][name]
            yield self._section(f'<a id="{name.lower()}"></a>\n### {_title(name, part)}', part)

    def _section(self, title: str, part: Schema) -> str:
        rows = [
            f"| `{key}` | {_cell(entry.get('description', ''))} | {self._type(entry)} "
            f"| {_default(entry, is_needed=key in part.get('required', ()))} |"
            for key, entry in part.get("properties", {}).items()
            if "const" not in entry
        ]
        head = ["| key | meaning | value | default |", "|---|---|---|---|"] if rows else []
        text = [title, "", _cell(part.get("description", "")), ""]
        return "\n".join([*text, *head, *rows, *([""] if rows else [])])

    def _type(self, entry: Schema) -> str:
        if "$ref" in entry:
            return self._link(entry["$ref"])
        options = entry.get("anyOf") or entry.get("oneOf")
        if options:
            named = dict.fromkeys(self._type(option) for option in options)
            return " or ".join(named).replace(ANY_SCALAR, "a value")
        if "enum" in entry:
            return ", ".join(f"`{value}`" for value in entry["enum"])
        if "const" in entry:
            return f"`{entry['const']}`"
        return self._plain(entry)

    def _plain(self, entry: Schema) -> str:
        kind = entry.get("type")
        if kind == "array" and "prefixItems" in entry:
            return f"[{', '.join(self._type(item) for item in entry['prefixItems'])}]"
        if kind == "array":
            return f"list of {self._type(entry.get('items', {}))}"
        if kind == "object":
            inner = entry.get("additionalProperties")
            return f"by name: {self._type(inner)}" if isinstance(inner, Mapping) else "a mapping"
        words = {"null": "nothing", "string": "text", "boolean": "`true` or `false`"}
        return words.get(str(kind), str(kind or "any value")) + _bounds(entry)

    def _link(self, ref: str) -> str:
        name = ref.rsplit("/", 1)[-1]
        if name not in self._met:
            self._met.append(name)
        return f"[{_title(name, self.schema['$defs'][name])}](#{name.lower()})"


def _title(name: str, part: Schema) -> str:
    """Return ``kind: mot`` where there is a kind, else the class's name in words."""
    for key in ("kind", "type"):
        const = part.get("properties", {}).get(key, {}).get("const")
        if const is not None:
            return f"`{key}: {const}`"
    words = name.removesuffix("Config")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()


def _bounds(entry: Schema) -> str:
    signs = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
        "multipleOf": "a multiple of",
    }
    found = [f"{sign} {_yaml(entry[key])}" for key, sign in signs.items() if key in entry]
    return f", {', '.join(found)}" if found else ""


def _default(entry: Schema, *, is_needed: bool) -> str:
    if is_needed:
        return "**needed**"
    value = entry.get("default")
    if value is None:
        return "-"
    return f"`{_yaml(value)}`"


def _yaml(value: object) -> str:
    """Write a default as YAML does."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _cell(text: str) -> str:
    return re.sub(r":\w+:`", "`", text).replace("|", "\\|").replace("``", "`")
