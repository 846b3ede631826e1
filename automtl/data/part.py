"""A part of the stills of one folder: splits where a data set has none."""

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from automtl.errors import DataError
from automtl.sources import WHOLE, Part

Still = TypeVar("Still")


def kept(
    stills: Iterable[Still], part: Part, *, name: Callable[[Still], str], where: str
) -> list[Still]:
    """Return the stills of a part.

    Where a still lies depends on its name alone, so that a new one moves no other.

    Args:
        stills: All of a folder.
        part: Shares of the order by digest, the first included and the last not.
        name: The file name of a still.
        where: The folder.

    Raises:
        DataError: If none is left.
    """
    found = list(stills)
    if part != WHOLE:
        found = [still for still in found if part[0] <= place(name(still)) < part[1]]
        if not found:
            msg = f"`part: [{part[0]:g}, {part[1]:g}]` has no still"
            raise DataError(msg, where=where, fix="Use a larger part")
    return found


def place(name: str) -> float:
    """Return where a name lies in [0, 1): the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
