"""Frozen dataclasses from plain JSON values: strictly, and with the standard library alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from automtl.errors import closest

Value = TypeVar("Value")
Path = tuple[str | int, ...]


class PlacedError(ValueError):
    """A mistake within a value, with its place.

    Args:
        message: What is wrong.
        path: Keys and indices from the value that raises it down to the one at fault.
    """

    def __init__(self, message: str, path: Sequence[str | int]) -> None:
        self.path = tuple(path)
        super().__init__(message)


class PlainError(ValueError):
    """Plain values that are not what they should be.

    Args:
        mistakes: One ``place: what is wrong`` for each.
    """

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(self.mistakes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Limits of a number, or of the length of a text or a list; they stand in ``Annotated``.

    Attributes:
        least: Smallest that may be.
        most: Largest that may be.
        above: What it has to be larger than.
        below: What it has to be smaller than.
    """

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    below: float = math.inf


def read(kind: type[Value], plain: object) -> Value:
    """Return a frozen dataclass of ``kind`` made of JSON types, nothing converted but lists.

    Every field without a default has to be there, no other key may be. A field's type is one of
    ``str``, ``bool``, ``int``, ``float`` (finite; whole numbers are taken), ``Literal``, a
    dataclass, ``tuple``, ``Mapping[str, ...]``, ``object``, any of them with ``Within`` or
    ``| None``. What a ``__post_init__`` refuses with ``ValueError`` is a mistake like any other.

    Raises:
        PlainError: With all mistakes that were found.
    """
    mistakes: list[str] = []
    value = _read(kind, plain, (), mistakes)
    if mistakes:
        # What is there and wrong explains what is missing: it comes first.
        raise PlainError(sorted(mistakes, key=lambda mistake: mistake.endswith(_MISSING)))
    result: Value = value
    return result


def to_plain(value: object) -> Any:
    """Return JSON types; :func:`read` gives the same value back."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def check_limits(value: object) -> None:
    """Raise ``PlacedError`` if a field of a dataclass is not of its type or not within limits."""
    kind_of_value: Any = type(value)
    for name, kind in _types(kind_of_value).items():
        mistakes: list[str] = []
        _read(kind, to_plain(getattr(value, name)), (name,), mistakes)
        for mistake in mistakes:
            raise PlacedError(mistake, (name,))


@cache
def _types(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _read(kind: Any, plain: object, path: Path, mistakes: list[str]) -> Any:
    """Return the value; after a mistake something that is thrown away."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, within = get_args(kind)
        n_before = len(mistakes)
        value = _read(inner, plain, path, mistakes)
        if len(mistakes) == n_before:
            _limit(value, within, path, mistakes)
        return value
    if origin is UnionType:
        inner = next(each for each in get_args(kind) if each is not NoneType)
        return None if plain is None else _read(inner, plain, path, mistakes)
    return (_read_class if origin is None else _read_several)(kind, plain, path, mistakes)


def _read_several(kind: Any, plain: object, path: Path, mistakes: list[str]) -> Any:
    """Read one of several values, several of one kind, or several by name."""
    if get_origin(kind) is Literal:
        is_known = any(type(plain) is type(each) and plain == each for each in get_args(kind))
        return plain if is_known else _refuse(kind, plain, path, mistakes)
    if get_origin(kind) is tuple:
        return _read_tuple(kind, plain, path, mistakes)
    return _read_mapping(kind, plain, path, mistakes)


def _read_class(kind: type, plain: object, path: Path, mistakes: list[str]) -> Any:
    if kind is object:
        return plain
    if is_dataclass(kind):
        return _read_fields(kind, plain, path, mistakes)
    if kind is float and (number := _finite(plain)) is not None:
        return number
    # `True` is an `int` in Python, and none here.
    is_fitting = type(plain) is kind and kind is not float
    return plain if is_fitting else _refuse(kind, plain, path, mistakes)


def _finite(plain: object) -> float | None:
    """Return a finite float; None for what is no number, or a whole one beyond any float."""
    if not isinstance(plain, int | float) or isinstance(plain, bool):
        return None
    try:
        number = float(plain)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _read_fields(kind: Any, plain: object, path: Path, mistakes: list[str]) -> Any:
    if not isinstance(plain, Mapping):
        return _refuse(dict, plain, path, mistakes)
    known = {each.name: each for each in fields(kind)}
    n_before = len(mistakes)
    for key in plain:
        if key not in known:
            near = closest(str(key), known)
            hint = f"; did you mean {near!r}?" if near else ""
            mistakes.append(f"{_place((*path, key))}: no such key{hint}")
    for name, each in known.items():
        if name not in plain and each.default is MISSING and each.default_factory is MISSING:
            mistakes.append(f"{_place((*path, name))}{_MISSING}")
    found = {
        name: _read(_types(kind)[name], plain[name], (*path, name), mistakes)
        for name in known
        if name in plain
    }
    return None if len(mistakes) > n_before else _made(kind, found, path, mistakes)


def _made(kind: Callable[..., Any], found: Any, path: Path, mistakes: list[str]) -> Any:
    try:
        return kind(**found)
    except PlacedError as error:
        mistakes.append(f"{_place((*path, *error.path))}: {error}")
    except ValueError as error:
        mistakes.append(f"{_place(path)}: {error}")
    return None


def _read_tuple(kind: Any, plain: object, path: Path, mistakes: list[str]) -> Any:
    kinds = get_args(kind)
    if not isinstance(plain, list | tuple):
        return _refuse(list, plain, path, mistakes)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(plain)
    if len(kinds) != len(plain):
        mistakes.append(f"{_place(path)}: expected {len(kinds)} entries, found {len(plain)}")
        return None
    return tuple(
        _read(each, item, (*path, i), mistakes)
        for i, (each, item) in enumerate(zip(kinds, plain, strict=True))
    )


def _read_mapping(kind: Any, plain: object, path: Path, mistakes: list[str]) -> Any:
    if not isinstance(plain, Mapping) or not all(isinstance(key, str) for key in plain):
        return _refuse(dict, plain, path, mistakes)
    inner = get_args(kind)[1]
    return {key: _read(inner, item, (*path, key), mistakes) for key, item in plain.items()}


def _limit(value: Any, within: Within, path: Path, mistakes: list[str]) -> None:
    size = value if isinstance(value, int | float) else len(value)
    if within.least <= size <= within.most and within.above < size < within.below:
        return
    low = f" above {within.above:g}" * math.isfinite(within.above)
    low += f" at least {within.least:g}" * math.isfinite(within.least)
    high = f" at most {within.most:g}" * math.isfinite(within.most)
    high += f" below {within.below:g}" * math.isfinite(within.below)
    what = "be" if size is value else "have a length of"
    mistakes.append(f"{_place(path)}: must {what}{low}{high}, found {size}")


def _refuse(kind: Any, plain: object, path: Path, mistakes: list[str]) -> None:
    name = " or ".join(map(repr, get_args(kind))) if get_origin(kind) is Literal else _NAMES[kind]
    mistakes.append(f"{_place(path)}: expected {name}, found {str(plain)[:80]!r}")


def _place(path: Path) -> str:
    return ".".join(map(str, path)) or "the whole"


_MISSING = ": missing"
_NAMES: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}
