"""The tracks of a clip that live, as arrays."""

from dataclasses import dataclass

import numpy as np

from automtl.fusion.instances import Floats, Ids
from automtl.fusion.masks import Mask


@dataclass(slots=True, kw_only=True)
class Tracks:
    """The tracks that live, row by row in the order in which they began.

    Attributes:
        numbers: ``[m]``.
        boxes: ``[m, 4]``, where they should be in the current frame.
        classes: ``[m]``.
        velocity: ``[m, 2]``, pixels to the right and down in a frame.
        moved: ``[m, 2]``, since they were last seen.
        ages: ``[m]``, frames since then.
        vectors: ``[m, D]``, or None without embeddings.
        masks: As last seen.
    """

    numbers: Ids
    boxes: Floats
    classes: Ids
    velocity: Floats
    moved: Floats
    ages: Ids
    vectors: Floats | None
    masks: list[Mask | None]

    def advance(self) -> None:
        """Move everything on by one frame."""
        self.boxes = self.boxes + np.concatenate([self.velocity, self.velocity], axis=1)
        self.moved = self.moved + self.velocity
        self.ages = self.ages + 1


def joined(first: Tracks, second: Tracks) -> Tracks:
    """Return the tracks of both."""
    if not len(second.numbers):
        return first
    known = first.vectors is not None and second.vectors is not None
    return Tracks(
        numbers=np.concatenate([first.numbers, second.numbers]),
        boxes=np.concatenate([first.boxes, second.boxes]),
        classes=np.concatenate([first.classes, second.classes]),
        velocity=np.concatenate([first.velocity, second.velocity]),
        moved=np.concatenate([first.moved, second.moved]),
        ages=np.concatenate([first.ages, second.ages]),
        vectors=np.concatenate([first.vectors, second.vectors]) if known else None,
        masks=first.masks + second.masks,
    )


def chosen_rows(tracks: Tracks, rows: Ids) -> Tracks:
    """Return some of the tracks."""
    if len(rows) == len(tracks.numbers):
        return tracks
    return Tracks(
        numbers=tracks.numbers[rows],
        boxes=tracks.boxes[rows],
        classes=tracks.classes[rows],
        velocity=tracks.velocity[rows],
        moved=tracks.moved[rows],
        ages=tracks.ages[rows],
        vectors=None if tracks.vectors is None else tracks.vectors[rows],
        masks=[tracks.masks[row] for row in rows.tolist()],
    )
