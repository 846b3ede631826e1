"""YAML that remembers on which line every key stood.

Safer than ``yaml.safe_load``: a key given twice is an error, sizes are limited, and plain words
mean what they say: ``1e-3`` is a number, ``no`` and ``on`` are texts.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from automtl.errors import RecipeError

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_ALIASES = 100
MAX_NODES = 100_000

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A document and the lines of its keys.

    Attributes:
        value: The document as plain values.
        lines: Line, from 1, of every key and list entry by its path.
    """

    value: Any
    lines: Mapping[KeyPath, int]

    def line_of(self, path: KeyPath) -> int:
        """Return the line of ``path``, or of the nearest part around it."""
        for n in range(len(path), 0, -1):
            if path[:n] in self.lines:
                return self.lines[path[:n]]
        return 1


class _Loader(yaml.SafeLoader):
    """Safe constructors, with our own rules for what a plain word is."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9_]*)$", list("-+0123456789")),
    (
        "float",
        (
            r"^[-+]?(?:(?:[0-9][0-9_]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*\.(?:[eE][-+]?[0-9]+)?"
            r"|[0-9][0-9_]*[eE][-+]?[0-9]+|\.inf|\.Inf|\.INF)$|^\.(?:nan|NaN|NAN)$"
        ),
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read_yaml(path: Path) -> Located:
    """Read a file of one YAML document.

    Raises:
        RecipeError: If the file cannot be read or is not the YAML that is allowed here.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            msg = "not a file"
            raise RecipeError(msg, where=str(path), fix="Name a YAML file")
        if size > MAX_BYTES:
            msg = f"{size} bytes are more than {MAX_BYTES}"
            raise RecipeError(msg, where=str(path))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"cannot be read: {error.strerror}"
        raise RecipeError(msg, where=str(path)) from error
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 at byte {error.start}"
        raise RecipeError(msg, where=str(path)) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> Located:
    """Parse one YAML document.

    Args:
        text: The document.
        name: The file's name for messages.

    Raises:
        RecipeError: If it is not the YAML that is allowed here.
    """
    try:
        _check_shape(text, name)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                msg = "the file is empty"
                raise RecipeError(msg, where=f"{name}:1")
            reader = _Reader(loader=loader, name=name, lines={})
            return Located(value=reader.read(node, ()), lines=reader.lines)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        msg = f"not YAML: {error.problem}"
        raise RecipeError(msg, where=f"{name}:{line}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"a character that YAML forbids ({error.character!r})"
        raise RecipeError(what, where=f"{name}:{line}") from error


def _check_shape(text: str, name: str) -> None:
    """Refuse deep nesting and many aliases before anything recursive sees them."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = f"{name}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > MAX_ALIASES:
                msg = f"more than {MAX_ALIASES} aliases"
                raise RecipeError(msg, where=line)
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                msg = f"nested deeper than {MAX_DEPTH} levels"
                raise RecipeError(msg, where=line)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@dataclass(slots=True, kw_only=True)
class _Reader:
    loader: _Loader
    name: str
    lines: dict[KeyPath, int]
    n_nodes: int = 0

    def read(self, node: yaml.Node, path: KeyPath) -> object:
        self.n_nodes += 1
        # An alias can hold itself, or double what is below it at every level.
        if len(path) > MAX_DEPTH or self.n_nodes > MAX_NODES:
            msg = "too large once its aliases are written out"
            raise self._error(msg, node)
        match node:
            case yaml.MappingNode() if node.tag == "tag:yaml.org,2002:map":
                return self._mapping(node, path)
            case yaml.SequenceNode() if node.tag == "tag:yaml.org,2002:seq":
                return self._sequence(node, path)
            case yaml.ScalarNode():
                return self._scalar(node)
            case _:
                msg = f"the tag {node.tag} is not allowed"
                raise self._error(msg, node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[Hashable, object]:
        found: dict[Hashable, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                msg = "a key must be a plain word"
                raise self._error(msg, key_node)
            key = self._scalar(key_node)
            if not isinstance(key, str | int):
                msg = f"a key must be a word or a number, found {key!r}"
                raise self._error(msg, key_node)
            here = (*path, key)
            if key in found:
                first = self.lines[here]
                msg = f"`{key}` is given twice (first on line {first})"
                raise self._error(msg, key_node)
            self.lines[here] = key_node.start_mark.line + 1
            found[key] = self.read(value_node, here)
        return found

    def _sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[object]:
        found = []
        for i, child in enumerate(node.value):
            self.lines[(*path, i)] = child.start_mark.line + 1
            found.append(self.read(child, (*path, i)))
        return found

    def _scalar(self, node: yaml.ScalarNode) -> object:
        try:
            return self.loader.construct_object(node)
        except (ValueError, LookupError, AttributeError) as error:  # what a stated tag may raise
            msg = f"a value that cannot be read ({error})"
            raise self._error(msg, node) from error

    def _error(self, what: str, node: yaml.Node) -> RecipeError:
        return RecipeError(what, where=f"{self.name}:{node.start_mark.line + 1}")
