"""What the numbers in class masks mean, as far as can be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from automtl.discovery.found import Labelled, split_named
from automtl.discovery.names import NOT_LABELLED, completed
from automtl.errors import DataError

UNLABELLED = 255
TWO_VALUED = {0: "background", UNLABELLED: "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskClasses:
    """Names of mask values.

    Attributes:
        indices: Names of all values in order, where these count from 0 and none is left out.
        values: Else, by folder of masks, the name of each value.
        are_guessed: Whether no file named them.
    """

    indices: tuple[str, ...] = ()
    values: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    are_guessed: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names, each once."""
        named = (name for folder in self.values.values() for name in folder.values())
        return self.indices or tuple(dict.fromkeys(named))


def mask_classes(labelled: Sequence[Labelled]) -> MaskClasses:
    """Name the values of all class masks.

    Raises:
        DataError: If bare numbers of two data sets would have to mean the same.
    """
    masked = [one for one in labelled if one.masks]
    bare = [one for one in masked if not one.mask_names]
    _refuse_mixed(bare)
    numbers = sorted({value for one in bare for value in one.mask_values})
    counted = [value for value in numbers if value != UNLABELLED]
    if bare and len(bare) == len(masked) and counted == list(range(len(counted))) and counted[1:]:
        names = completed(counted, {})
        return MaskClasses(indices=tuple(names.values()), are_guessed=True)
    meant = TWO_VALUED if numbers == list(TWO_VALUED) else completed(counted, {})
    return MaskClasses(
        values={one.masks: _named(one, meant) for one in masked}, are_guessed=bool(bare)
    )


def _named(one: Labelled, meant: Mapping[int, str]) -> Mapping[int, str]:
    if not one.mask_names:
        return meant
    names = {value: one.mask_names[value] for value in one.mask_values if value in one.mask_names}
    return {value: name for value, name in names.items() if name.lower() not in NOT_LABELLED}


def _refuse_mixed(bare: Sequence[Labelled]) -> None:
    """Numbers mean one thing within a data set: a folder that holds more than its splits."""
    sets: dict[str, str] = {}
    for one in bare:
        parts = [part for part in PurePosixPath(one.masks).parts if not split_named(part)]
        sets.setdefault(parts[0] if len(parts) > 1 else "", one.masks)
    if len(sets) > 1:
        first, second = list(sets.values())[:2]
        msg = f"the masks in {first} and {second} hold numbers without names, which may differ"
        raise DataError(
            msg,
            fix="Name one data set: automtl init FOLDER/... - and join the recipes by hand, with "
            "`values` for each source's masks",
        )
