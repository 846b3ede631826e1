"""From the sources of a split to one table: class names become indices, clips get numbers.

Axis letters: N frames, M objects, H height, W width.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from automtl.data.raw import DETECTION, SEGMENTATION, TRACKING, RawFrame, RawSource
from automtl.data.table import IGNORED, FrameTable
from automtl.data.targets import image_classes_of, stack_targets
from automtl.errors import DataError, closest

Number = TypeVar("Number", np.uint8, np.uint16)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNames:
    """Names by index.

    Attributes:
        detection: Of the boxes' classes.
        segmentation: Of the mask values.
        image: Of the pictures' classes.
    """

    detection: tuple[str, ...]
    segmentation: tuple[str, ...]
    image: tuple[str, ...] = ()


def class_names(
    sources: Sequence[RawSource],
    detection: tuple[str, ...],
    segmentation: tuple[str, ...],
    image: tuple[str, ...] = (),
) -> ClassNames:
    """Return the given names, or where there are none the sources' names in order.

    Raises:
        DataError: If masks hold bare numbers and no names are given.
    """
    if not segmentation:
        for source in sources:
            if source.segmentation_classes is None:
                msg = "the class masks hold numbers without names"
                raise DataError(
                    msg,
                    where=source.name,
                    fix="Name the mask values in order with `data.segmentation_classes`",
                )
    found = (source.segmentation_classes or () for source in sources)
    return ClassNames(
        detection=detection or _in_order(source.detection_classes for source in sources),
        segmentation=segmentation or _in_order(found),
        image=image or _in_order(map(_image_classes, sources)),
    )


def _image_classes(source: RawSource) -> tuple[str, ...]:
    frames = [frame for clip in source.clips for frame in clip]
    return source.image_classes or image_classes_of(frames)


def join(
    sources: Sequence[RawSource],
    names: ClassNames,
    size: tuple[int, int],
    *,
    rates: Sequence[float],
) -> FrameTable:
    """Return the labelled frames of all sources as one table.

    Args:
        sources: Their frames without any label are dropped.
        names: Classes that the boxes and masks may have.
        size: Height and width of the frames.
        rates: How often a frame of each source is drawn, relative to the others.

    Raises:
        DataError: If a source has a class that ``names`` lacks.
    """
    rows: list[_Row] = []
    n_clips = 0
    for place, source in enumerate(sources):
        classes = _indices(source.name, source.detection_classes, names.detection, DETECTION)
        lookup = _lookup(source, names.segmentation)
        for clip in source.clips:
            kept = [frame for frame in clip if frame.labels]
            rows.extend(
                _Row(
                    raw=frame,
                    clip=n_clips,
                    classes=classes,
                    lookup=lookup,
                    source=source.name,
                    place=place,
                )
                for frame in kept
            )
            n_clips += bool(kept)
    return _table(rows, names, size, tuple(rates))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A frame, its clip, and how its source's classes translate."""

    raw: RawFrame
    clip: int
    classes: dict[str, int]
    lookup: NDArray[np.uint8] | None
    source: str
    place: int


def _table(
    rows: Sequence[_Row], names: ClassNames, size: tuple[int, int], rates: tuple[float, ...]
) -> FrameTable:
    counts = [len(row.raw.boxes) for row in rows]
    targets = stack_targets([row.raw for row in rows], names.image)
    return FrameTable(
        images=_stack([row.raw.image for row in rows], (3, *size), np.uint8),
        clip=np.array([row.clip for row in rows], dtype=np.int64),
        frame=np.array([row.raw.frame for row in rows], dtype=np.int64),
        names=tuple(row.raw.name for row in rows),
        labels={
            task: np.array([task in row.raw.labels for row in rows], dtype=np.bool_)
            for task in (DETECTION, SEGMENTATION, TRACKING, *targets)
        },
        offsets=np.cumsum([0, *counts], dtype=np.int64),
        boxes=np.concatenate([np.empty((0, 4), np.float32), *(row.raw.boxes for row in rows)]),
        classes=np.array(
            [row.classes[name] for row in rows for name in row.raw.classes], dtype=np.int64
        ),
        ids=np.concatenate([np.empty(0, np.int64), *(row.raw.ids for row in rows)]),
        semantic=_stack([_semantic(row, names) for row in rows], size, np.uint8),
        instances=_stack([row.raw.instances for row in rows], size, np.uint16),
        source=np.array([row.place for row in rows], dtype=np.int64),
        rates=rates,
        targets=targets,
    )


def _stack(
    arrays: Sequence[NDArray[Number]], shape: tuple[int, ...], dtype: type[Number]
) -> NDArray[Number]:
    """Stack arrays of one shape; none of them give an empty array of that shape."""
    return np.stack(arrays) if arrays else np.empty((0, *shape), dtype=dtype)


def _semantic(row: _Row, names: ClassNames) -> NDArray[np.uint8]:
    if row.lookup is not None:
        return row.lookup[row.raw.semantic]
    n_classes = len(names.segmentation)
    values = np.flatnonzero(np.bincount(row.raw.semantic.ravel(), minlength=256))
    unknown = [int(value) for value in values if value >= n_classes and value != IGNORED]
    if unknown:
        msg = f"the mask of {row.raw.name} has the value {unknown[0]}"
        raise DataError(
            msg,
            where=row.source,
            fix=f"`data.segmentation_classes` names the values 0 to {n_classes - 1}; name more, "
            "or set the source's `ignore`",
        )
    return row.raw.semantic


def _lookup(source: RawSource, known: tuple[str, ...]) -> NDArray[np.uint8] | None:
    """Return the new value of each of the source's mask values, or None if they stay."""
    if source.segmentation_classes is None:
        return None
    lookup = np.full(256, IGNORED, dtype=np.uint8)
    indices = _indices(source.name, source.segmentation_classes, known, SEGMENTATION)
    for value, name in enumerate(source.segmentation_classes):
        lookup[value] = indices[name]
    return lookup


def _indices(
    where: str, names: Sequence[str], known: tuple[str, ...], task: str
) -> dict[str, int]:
    for name in names:
        if name not in known:
            near = closest(name, known)
            msg = f"the class {name!r} is not among `data.{task}_classes`"
            raise DataError(
                msg,
                where=where,
                fix=f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}",
            )
    return {name: known.index(name) for name in names}


def _in_order(groups: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def segmentation_frequency(table: FrameTable, n_classes: int) -> tuple[float, ...]:
    """Return the share of the labelled pixels that each mask value has."""
    labelled = table.semantic[table.labels[SEGMENTATION]]
    counts = np.bincount(labelled.ravel(), minlength=256)[:n_classes]
    return tuple(float(share) for share in counts / max(int(counts.sum()), 1))


def target_medians(table: FrameTable) -> dict[str, float]:
    """Return the median of each further target's labelled numbers, class numbers apart."""
    found = {}
    for name, values in table.targets.items():
        known = values[table.labelled(name)]
        if known.dtype.kind == "f" and np.isfinite(known).any():
            found[name] = float(np.nanmedian(known))
    return found


def digest(tables: Sequence[FrameTable]) -> str:
    """Return 16 hexadecimal digits that depend on every frame, label and unequal rate."""
    sha = hashlib.sha256()
    for table in tables:
        arrays: list[NDArray[Any]] = [table.images, table.clip, table.frame, table.offsets]
        arrays += [table.boxes, table.classes, table.ids, table.semantic, table.instances]
        arrays += [table.labels[task] for task in sorted(table.labels)]
        arrays += [table.targets[name] for name in sorted(table.targets)]
        if len(set(table.rates)) > 1:
            arrays.append(np.array(table.rates)[table.source] / table.rates[0])
        for array in arrays:
            sha.update(f"{array.dtype.str}{array.shape}".encode())
            sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()[:16]
