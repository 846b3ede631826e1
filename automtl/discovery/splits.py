"""Which frames train, which select, and which are kept for the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from automtl.discovery.found import Labelled
from automtl.errors import DataError

HELD = 0.2
"""Least share of the frames that selects, where no folder is named for it."""

CUT = 0.7
"""Share of a lone clip that trains: the rest comes later in time."""

TASKS = ("detection", "segmentation", "tracking", "depth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Frames in a split.

    Attributes:
        labelled: The frames and labels.
        frame_range: First and last frame of a clip that is cut, from 1.
        part: Share of the stills of a folder that is cut.
    """

    labelled: Labelled
    frame_range: tuple[int, int] | None = None
    part: tuple[float, float] | None = None

    @property
    def n_frames(self) -> int:
        """About how many frames it has."""
        n_frames = len(self.labelled.frames.names)
        if self.frame_range is not None:
            return self.frame_range[1] - self.frame_range[0] + 1
        return n_frames if self.part is None else round(n_frames * (self.part[1] - self.part[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The three splits.

    Attributes:
        train: Trains.
        validation: Selects.
        test: Looked at once.
        tasks: Those that train and validation both have labels for.
        how: In words, where the validation split comes from.
    """

    train: tuple[Use, ...]
    validation: tuple[Use, ...]
    test: tuple[Use, ...]
    tasks: tuple[str, ...]
    how: str


def split(labelled: Sequence[Labelled]) -> Splits:
    """Take the splits that folders are named for; cut off what lacks, by clip or by time.

    Raises:
        DataError: If the frames are too few to be cut.
    """
    test = [Use(labelled=one) for one in labelled if one.split == "test"]
    rest = [one for one in labelled if one.split != "test"]
    if not rest:
        rest, test = [one.labelled for one in test], []
    named = [one for one in rest if one.split == "validation"]
    others = [one for one in rest if one.split != "validation"]
    lacking = _lacking(others, named)
    cut = [one for one in rest if lacking & set(one.tasks)]
    kept = [one for one in rest if one not in cut]
    train = [Use(labelled=one) for one in kept if one.split != "validation"]
    validation = [Use(labelled=one) for one in kept if one.split == "validation"]
    for group in ([one for one in cut if one.is_clip], [one for one in cut if not one.is_clip]):
        more_train, more_validation = _cut(group)
        train += more_train
        validation += more_validation
    tasks = tuple(t for t in TASKS if t in _tasks(train) & _tasks(validation))
    if not tasks:
        n_frames = sum(len(one.frames.names) for one in labelled)
        msg = f"{n_frames} labelled frames are too few to train with some and select with others"
        raise DataError(msg, fix="Add a clip, or more frames")
    return Splits(
        train=tuple(train),
        validation=tuple(validation),
        test=tuple(use for use in test if set(use.labelled.tasks) & set(tasks)),
        tasks=tasks,
        how=_how(named, cut),
    )


def _lacking(train: Iterable[Labelled], validation: Iterable[Labelled]) -> set[str]:
    """Return the tasks that one of the two splits has no labels for."""
    here = {task for one in train for task in one.tasks}
    there = {task for one in validation for task in one.tasks}
    return here ^ there


def _tasks(uses: Iterable[Use]) -> set[str]:
    return {task for use in uses for task in use.labelled.tasks}


def _cut(group: Sequence[Labelled]) -> tuple[list[Use], list[Use]]:
    """Cut clips by clip, a lone clip by time, and stills by an order of their names' digests."""
    if not group:
        return [], []
    if not group[0].is_clip:
        low, high = (0.0, 1 - HELD), (1 - HELD, 1.0)
        return (
            [Use(labelled=one, part=low) for one in group],
            [Use(labelled=one, part=high) for one in group],
        )
    if len(group) == 1:
        n_frames = len(group[0].frames.names)
        last = max(1, round(n_frames * CUT))
        before = Use(labelled=group[0], frame_range=(1, last))
        after = Use(labelled=group[0], frame_range=(last + 1, n_frames))
        return [before], [after] if last < n_frames else []
    shortest = sorted(group, key=lambda one: (len(one.frames.names), one.frames.path))
    needed = HELD * sum(len(one.frames.names) for one in group)
    held: list[Labelled] = []
    while sum(len(one.frames.names) for one in held) < needed and len(held) < len(group) - 1:
        held.append(shortest[len(held)])
    return (
        [Use(labelled=one) for one in group if one not in held],
        [Use(labelled=one) for one in group if one in held],
    )


def _how(named: Sequence[Labelled], cut: Sequence[Labelled]) -> str:
    clips = [one for one in cut if one.is_clip]
    parts = ["the folder named for it"] if any(one not in cut for one in named) else []
    if len(clips) > 1:
        parts.append("whole clips, the shortest")
    elif clips:
        parts.append(f"the last {1 - CUT:.0%} of the only clip with all labels, by time")
    if len(clips) < len(cut):
        parts.append(f"{HELD:.0%} of the stills, by an order of their names that never changes")
    return "; ".join(parts)
