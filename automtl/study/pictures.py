"""The same held-out frames as several trials of the front see them, beside the labels.

Drawn when the search ends, while the frames are at hand, and kept in the study's folder, so that a
report needs neither the data nor torch.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from automtl.data.table import DataInfo, FrameTable
from automtl.errors import AutomtlError
from automtl.export.decoding import association_of
from automtl.export.drawing import Names, draw_overlay
from automtl.export.formats import FrameObjects, to_original
from automtl.export.scene import ClipPredictor
from automtl.export.weights import build_from
from automtl.fusion.tuning import SHOWN_SCORE
from automtl.results import TrialRecord
from automtl.study.artifacts import bring_model
from automtl.study.folder import StudyFolder, write_text
from automtl.training.artifacts import load_model

N_FRAMES = 4
N_MEMBERS = 3
LEAD = 6
"""Frames of a clip that are tracked before the one that is shown."""

QUALITY = 72
"""Of WebP, at which a frame with its boxes takes 15 to 50 kB."""

INDEX = "index.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFrame:
    """A frame to show, and the frames of its clip that are tracked before it.

    Attributes:
        row: In the table.
        lead: Rows from the first tracked one to ``row``, in order.
    """

    row: int
    lead: tuple[int, ...]


def draw_pictures(
    folder: StudyFolder,
    members: Sequence[TrialRecord],
    table: FrameTable,
    info: DataInfo,
    *,
    say: Callable[[str], None],
) -> None:
    """Write the pictures of a study, in place of earlier ones.

    A trial whose weights are gone is left out, and said so: the pictures are no part of a result.

    Args:
        folder: Of the study.
        members: Trials, the most important one first.
        table: Frames that no trial was trained on.
        info: Classes and picture size.
        say: Told why a trial is left out.
    """
    frames = shown_frames(table)
    if not frames or not members:
        return
    place = folder.pictures
    place.mkdir(parents=True, exist_ok=True)
    names = Names(info.detection_classes, info.segmentation_classes)
    shown: list[int] = []
    for record in members:
        try:
            seen = _seen_by(bring_model(folder, record.number), table, info, frames)
        except AutomtlError as error:
            say(f"no pictures of trial {record.number}: {error}")
            continue
        shown.append(record.number)
        for i, (picture, objects, mask) in enumerate(seen):
            _save(draw_overlay(picture, objects, mask, names), place / _file(i, record.number))
        if len(shown) == N_MEMBERS:
            break
    for i, frame in enumerate(frames):
        drawn = draw_overlay(*_labelled(table, frame.row), names)
        _save(drawn, place / _file(i, None))
    index = {"frames": [table.names[frame.row] for frame in frames], "trials": shown}
    write_text(place / INDEX, json.dumps(index, indent=1) + "\n")


def shown_frames(table: FrameTable) -> tuple[ShownFrame, ...]:
    """Return a few labelled frames, spread evenly over the table."""
    labelled = np.zeros(len(table), dtype=np.bool_)
    for mask in table.labels.values():
        labelled |= mask
    rows = np.flatnonzero(labelled)
    if not len(rows):
        return ()
    # Not the first and last frame of all: they are the least like the others.
    places = (np.arange(min(N_FRAMES, len(rows))) + 0.5) / min(N_FRAMES, len(rows))
    found = []
    for row in rows[(places * len(rows)).astype(np.int64)].tolist():
        clip = np.flatnonzero(table.clip == table.clip[row])
        before = clip[np.argsort(table.frame[clip], kind="stable")].tolist()
        end = before.index(row) + 1
        found.append(ShownFrame(row=row, lead=tuple(before[max(0, end - LEAD) : end])))
    return tuple(found)


def _seen_by(
    trial: Path, table: FrameTable, info: DataInfo, frames: Sequence[ShownFrame]
) -> list[tuple[Image.Image, FrameObjects, NDArray[np.uint8] | None]]:
    model = load_model(trial)
    network = build_from(model.config, model.info, model.state, where=str(trial))
    found = []
    for frame in frames:
        clip = ClipPredictor(
            network,
            info,
            device=torch.device("cpu"),
            score_threshold=SHOWN_SCORE,
            association=association_of(None, None),
        )
        # Indexing copies: the frames may lie in shared memory that must not be written to.
        result = clip.read(torch.from_numpy(table.images[list(frame.lead)]))[-1]
        picture = _picture(table, frame.row)
        objects = to_original(
            result,
            input_size=info.image_size,
            size=info.image_size,
            file_name=table.names[frame.row],
            number=len(frame.lead),
        )
        found.append((picture, objects, result.mask))
    return found


def _labelled(
    table: FrameTable, row: int
) -> tuple[Image.Image, FrameObjects, NDArray[np.uint8] | None]:
    rows = table.objects(row) if table.labelled("detection")[row] else slice(0, 0)
    ids = table.ids[rows]
    objects = FrameObjects(
        file_name=table.names[row],
        number=1,
        size=(table.semantic.shape[1], table.semantic.shape[2]),
        boxes=table.boxes[rows],
        scores=np.full(len(ids), np.nan, dtype=np.float32),
        classes=table.classes[rows],
        # As predicted tracks are numbered: from 1.
        ids=np.where(ids >= 0, ids + 1, -1),
    )
    has_mask = bool(table.labelled("segmentation")[row])
    return _picture(table, row), objects, table.semantic[row] if has_mask else None


def _picture(table: FrameTable, row: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(table.images[row].transpose(1, 2, 0)))


def _file(frame: int, trial: int | None) -> str:
    return f"frame-{frame}-{'labels' if trial is None else f'trial-{trial:04d}'}.webp"


def _save(picture: Image.Image, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY)
    part.write_bytes(buffer.getvalue())
    part.replace(path)
