"""What of a study's data is not used, or was mended: said by readers, kept in the ledger."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["frame", "unlabelled", "mask", "target", "box"]
"""What it is about: a frame lost or without labels, a lost mask or target, a mended box."""

BECAME: Mapping[Kind, str] = MappingProxyType(
    {
        "frame": "left out of",
        "unlabelled": "left out of",
        "mask": "used without its mask in",
        "target": "used without that label in",
        "box": "mended in",
    }
)
"""What became of a frame, by kind."""

SHOWN = 5
"""Things left out that are named, for each split and kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something of the data that is not used, or was mended.

    Attributes:
        name: The file, with the line where there is one.
        split: ``train``, ``validation`` or ``test``.
        reason: Why, and what became of it.
        kind: ``frame`` (unreadable; counts against ``max_left_out``), ``unlabelled`` (a frame
            without any label), ``mask`` or ``target`` (its frame keeps its other labels) or
            ``box``.
    """

    name: str
    split: str
    reason: str
    kind: Kind = "frame"

    @property
    def line(self) -> str:
        """One line for people: what became of it, where, and why.

        >>> LeftOut(name="7.png", split="train", reason="it is missing", kind="mask").line
        'used without its mask in train: 7.png: it is missing'
        """
        return f"{BECAME[self.kind]} {self.split}: {self.name}: {self.reason}"


def lines_of(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a line for each thing left out, a few of each kind and how many more there are."""
    lines = []
    for (split, kind), members in groups_of(left_out).items():
        lines += [member.line for member in members[:SHOWN]]
        if len(members) > SHOWN:
            n_more = len(members) - SHOWN
            lines.append(f"{BECAME[kind]} {split}: {n_more} more; automtl validate lists them")
    return lines


def groups_of(left_out: Sequence[LeftOut]) -> dict[tuple[str, Kind], list[LeftOut]]:
    """Return what was left out by split and kind, in the order in which each was met first."""
    groups: dict[tuple[str, Kind], list[LeftOut]] = {}
    for one in left_out:
        groups.setdefault((one.split, one.kind), []).append(one)
    return groups


def counts_of(left_out: Sequence[LeftOut]) -> dict[str, int]:
    """Return how much was left out by kind.

    >>> counts_of([LeftOut(name="7.png", split="train", reason="it is missing", kind="mask")])
    {'mask': 1}
    """
    return dict(Counter(one.kind for one in left_out))
