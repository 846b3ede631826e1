"""Fewer labels on purpose: each task keeps its labels on a share of the training clips."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from automtl.data.table import FrameTable
from automtl.errors import DataError, closest


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A table with fewer labels, and what became of them in words."""

    table: FrameTable
    lines: tuple[str, ...]


def keep_fraction(table: FrameTable, fractions: Mapping[str, float], *, seed: int) -> Kept:
    """Return ``table`` with the labels of some tasks kept on a share of their clips.

    A task's clips are put in an order that depends on the seed and its name; the first ones keep
    its labels. So the clips of a smaller share are among those of a larger one, and what one task
    keeps says nothing about another.

    Args:
        table: Its frames stay, those without any label too: no step draws them.
        fractions: Shares in (0, 1] by task; at least one clip keeps its labels.
        seed: Decides which clips.

    Raises:
        DataError: If a task is unknown.
    """
    labels = dict(table.labels)
    lines = []
    for task, fraction in fractions.items():
        if task not in labels:
            near = closest(task, labels)
            msg = f"`label_fraction` names {task!r}, and the frames have no such labels"
            raise DataError(
                msg,
                where="data.label_fraction",
                fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(labels)}",
            )
        clips = np.unique(table.clip[labels[task]])
        order = np.random.default_rng([seed, zlib.crc32(task.encode())]).permutation(clips)
        # The tiny subtrahend undoes rounding: 0.1 of 30 clips are 3, not 4.
        n_kept = math.ceil(fraction * len(clips) - 1e-9)
        labels[task] = labels[task] & np.isin(table.clip, order[:n_kept])
        lines.append(
            f"train: {task} keeps its labels on {n_kept} of {len(clips)} clips "
            f"(fraction {fraction:g}, seed {seed})"
        )
    return Kept(table=replace(table, labels=labels), lines=tuple(lines))
