"""All that is wrong with a recipe, found in one go, each with its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from automtl.config import PlacedError
from automtl.errors import closest
from automtl.space.yaml_lines import KeyPath, Located


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing to mend.

    Attributes:
        path: Where in the document.
        what: What is wrong, with the value found.
        fix: What to do, if known.
    """

    path: KeyPath
    what: str
    fix: str | None = None


def render(mistakes: Sequence[Mistake], located: Located, name: str) -> str:
    """Write one line for each mistake, ``file:line: what. fix``, by line."""
    found = sorted({(located.line_of(m.path), m.what.rstrip("."), m.fix or "") for m in mistakes})
    return "\n".join(
        " ".join(f"{name}:{line}: {what}. {fix}".split()) for line, what, fix in found
    )


def suggestion(name: object, known: Sequence[str]) -> str | None:
    """Return ``Did you mean X?``, or the known names if none is near and they are few."""
    near = closest(str(name), known)
    if near is not None:
        return f"Did you mean `{near}`?"
    return f"Known: {', '.join(known)}" if 0 < len(known) <= 12 else None


def in_base(path: KeyPath, base: Mapping[str, object]) -> KeyPath:
    """Return the path of a configuration's value in a recipe, whose ``base`` has dotted keys.

    >>> in_base(("sharing", "order", 1), {"sharing.order": ["a", "b"]})
    ('base', 'sharing.order', 1)
    """
    return ("base", *_written(path, base)[0])


def _written(path: KeyPath, node: object) -> tuple[KeyPath, int]:
    """Return the keys in ``node`` that lead along ``path``, and how much of it they cover."""
    if isinstance(node, list | tuple):
        is_there = path and isinstance(path[0], int) and path[0] < len(node)
        keyed: Mapping[Any, object] = {path[0]: node[int(path[0])]} if is_there else {}
    else:
        keyed = node if isinstance(node, Mapping) else {}
    best: tuple[KeyPath, int] = ((), 0)
    for key, inner in keyed.items():
        parts = tuple(key.split(".")) if isinstance(key, str) else (key,)
        n = min(len(parts), len(path))
        if n and parts[:n] == path[:n]:
            keys, covered = _written(path[n:], inner) if n == len(parts) else ((), 0)
            best = max(best, ((key, *keys), n + covered), key=lambda found: found[1])
    return best


def from_pydantic(
    error: ValidationError, document: object, schema: Mapping[str, Any], prefix: KeyPath = ()
) -> list[Mistake]:
    """Turn pydantic's errors into mistakes with paths of the document.

    Args:
        error: What the model raised.
        document: What it was given.
        schema: The model's JSON schema, from which known names come.
        prefix: Path of ``document`` in the file.

    Returns:
        One mistake for each error that has a place; those of a whole file have none and are
        left out.
    """
    found = []
    for one in error.errors(include_url=False):
        inner = _inner_place(one)
        # An entry that is wrong is named itself, not also as missing from its list.
        is_placed = one["loc"] or inner or prefix
        if not is_placed or (one["type"] == "too_short" and one["input"]):
            continue
        path = _real_path(one["loc"], document)
        what, fix = _words(one, path, prefix, schema)
        place = _real_path((*one["loc"], *inner), document)
        found.append(Mistake(path=(*prefix, *place), what=what, fix=fix))
    return found


def _inner_place(one: Any) -> KeyPath:
    """Return where in the value that pydantic names the mistake lies, if that is known."""
    context = one.get("ctx", {})
    if one["type"] == "union_tag_invalid":
        return (str(context["discriminator"]).strip("'"),)
    error = context.get("error")
    return error.path if isinstance(error, PlacedError) else ()


def _words(
    one: Any, path: KeyPath, prefix: KeyPath, schema: Mapping[str, Any]
) -> tuple[str, str | None]:
    name = ".".join(map(str, (*prefix, *path)))
    key, context = one["loc"][-1] if one["loc"] else "", one.get("ctx", {})
    what, fix = "", None
    match one["type"]:
        case "extra_forbidden":
            what = f"unknown key `{key}`"
            fix = suggestion(key, _known_keys(schema, one["loc"][:-1]))
        case "missing":
            what = f"the key `{key}` of `{name}` is missing" if name else f"`{key}` is missing"
        case "union_tag_invalid":
            tag = str(context["discriminator"]).strip("'")
            what = f"`{name}`: {tag} {context['tag']!r} is unknown"
            tags = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
            fix = suggestion(context["tag"], tags)
        case "union_tag_not_found":
            what = f"`{name}` lacks its {context['discriminator']}"
            fix = "Add it; it says which other keys there are"
        case "string_pattern_mismatch":
            what = f"`{name}` may not be {one['input']!r}"
            fix = "Use letters, digits, `_`, `-` and `.`"
        case "literal_error":
            what = f"`{name}` must be {context['expected']}, found {one['input']!r}"
        case "value_error":
            said = str(one["msg"]).removeprefix("Value error, ")
            what = f"`{name}`: {said}" if name else said
        case _:
            message = str(one["msg"])
            what = f"`{name}`: {message[:1].lower()}{message[1:]}, found {_short(one)}"
    return what, fix


def _short(one: Any) -> str:
    text = repr(one["input"])
    return text if len(text) <= 60 else text[:57] + "..."


def _real_path(loc: Sequence[str | int], document: object) -> KeyPath:
    """Leave out the tags of unions, which pydantic puts between the document's keys."""
    node: Any = document
    path: list[str | int] = []
    for part in loc:
        if _has(node, part):
            node = node[part]
            path.append(part)
    return tuple(path)


def _has(node: object, part: str | int) -> bool:
    match node:
        case Mapping():
            return part in node
        case list() | tuple():
            return isinstance(part, int) and part < len(node)
        case _:
            return False


def _known_keys(schema: Mapping[str, Any], loc: Sequence[str | int]) -> tuple[str, ...]:
    node: Mapping[str, Any] = _resolved(schema, schema)
    for part in loc:
        node = _resolved(schema, _step(node, part))
    return tuple(node.get("properties", ()))


def _step(node: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    tags = node.get("discriminator", {}).get("mapping", {})
    if part in tags:
        return {"$ref": tags[part]}
    if part in node.get("properties", {}):
        return dict(node["properties"][part])
    # `additionalProperties: false` is no schema.
    inner = [node.get(key) for key in ("items", "additionalProperties")]
    return next((found for found in inner if isinstance(found, Mapping)), {})


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolved(schema, option)
    if "$ref" in node:
        inner: Mapping[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        return inner
    return node
