"""In what a recipe differs from the one that a study began with."""

import re
from collections.abc import Iterator, Mapping, Sequence

from automtl.errors import AutomtlError
from automtl.space.recipe import Recipe
from automtl.space.stored import stored_search
from automtl.study.folder import StudyFolder
from automtl.study.search import opened

MAX_SHOWN = 4
_A_LIMIT = re.compile(r"budget\.(?P<name>\w+) was \S+, is [0-9.e+-]+")


def refuse_changed(folder: StudyFolder, stated: Recipe) -> None:
    """Raise if the folder holds a study of another recipe, saying what differs."""
    if not folder.settings.is_file():
        return
    with opened(folder) as ledger:
        known = stored_search(ledger.study().recipe)
    found = list(changes(known.to_plain(), stated.to_plain()))
    if found:
        root = folder.root
        msg = f"{root} already holds a study of another recipe: {shown(found)}"
        options = "" if len(found) > len(limits_of(found)) else _options(stated, limits_of(found))
        raise AutomtlError(
            msg,
            fix=f"Continue it: automtl resume {root}{options} - or name another --folder; with "
            f"`warm_start: [{root}]` a new study tries its best points first",
        )


def limits_of(found: Sequence[str]) -> list[str]:
    """Return the limits of the budget that were changed to another number.

    >>> limits_of(["budget.trials was 4, is 8", "budget.minutes was 3, is None"])
    ['trials']
    """
    numbers = (_A_LIMIT.fullmatch(phrase) for phrase in found)
    return [match["name"] for match in numbers if match]


def _options(stated: Recipe, limits: Sequence[str]) -> str:
    budget = stated.budget.model_dump()
    return "".join(f" --{name.replace('_', '-')} {budget[name]}" for name in limits)


def changes(old: object, new: object, path: str = "") -> Iterator[str]:
    """Yield a phrase for each value that differs.

    >>> list(changes({"a": {"b": 1}, "c": [1, 2]}, {"a": {"b": 2}, "c": [1]}))
    ['a.b was 1, is 2', 'c.1 was 2, is gone']
    >>> list(changes({}, {"seed": 1}))
    ['seed is new: 1']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _within(old, new, path)
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        yield from _within(dict(enumerate(old)), dict(enumerate(new)), path)
    elif old != new:
        yield f"{path} was {old}, is {new}"


def shown(found: Sequence[str]) -> str:
    """Join the first of them."""
    more = [f"and {len(found) - MAX_SHOWN} more"] if len(found) > MAX_SHOWN else []
    return "; ".join([*found[:MAX_SHOWN], *more])


def _within(
    old: Mapping[object, object], new: Mapping[object, object], path: str
) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        place = f"{path}.{key}" if path else str(key)
        if key not in new:
            yield (
                f"{place} is gone" if _is_section(old[key]) else f"{place} was {old[key]}, is gone"
            )
        elif key not in old:
            yield f"{place} is new" if _is_section(new[key]) else f"{place} is new: {new[key]}"
        else:
            yield from changes(old[key], new[key], place)


def _is_section(value: object) -> bool:
    return isinstance(value, Mapping)
