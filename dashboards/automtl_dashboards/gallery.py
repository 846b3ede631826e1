"""The same held-out frames as several trials see them, beside the labels."""

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automtl_dashboards.standing import Standing

MAX_BYTES = 2_500_000
"""Of all pictures together; a report with larger ones shows fewer frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame.

    Attributes:
        name: Of the frame, for people; not escaped.
        labels: The labels drawn on it, a WebP file's bytes.
        seen: By trial, what it sees, likewise.
    """

    name: str
    labels: bytes
    seen: Mapping[int, bytes]

    @property
    def n_bytes(self) -> int:
        """How large the pictures are."""
        return len(self.labels) + sum(map(len, self.seen.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Some frames and the trials that look at them, in order."""

    frames: tuple[Frame, ...]
    trials: tuple[int, ...]


def read_gallery(folder: Path) -> Gallery | None:
    """Return what a search drew into ``folder``, or None if there is nothing whole.

    Pictures are no part of a result: while they are being replaced, a report goes without.
    """
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        trials = tuple(int(number) for number in index["trials"])
        frames = tuple(
            Frame(
                name=str(name),
                labels=(folder / f"frame-{i}-labels.webp").read_bytes(),
                seen={n: (folder / f"frame-{i}-trial-{n:04d}.webp").read_bytes() for n in trials},
            )
            for i, name in enumerate(index["frames"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Gallery(frames=_within(frames), trials=trials) if trials and frames else None


def gallery_html(gallery: Gallery, standing: Standing) -> str:
    """Return the pictures as a table: a row for each frame, a column for each trial."""
    heads = ["labels", *(_head(number, standing) for number in gallery.trials)]
    head = "".join(f"<th scope='col'>{text}</th>" for text in heads)
    rows = "".join(_row(frame, gallery.trials) for frame in gallery.frames)
    return f"<table class='gallery'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def data_uri(picture: bytes) -> str:
    """Return a WebP picture as an address that needs no file."""
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"


def _within(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    kept: list[Frame] = []
    total = 0
    for frame in frames:
        total += frame.n_bytes
        if kept and total > MAX_BYTES:
            break
        kept.append(frame)
    return tuple(kept)


def _head(number: int, standing: Standing) -> str:
    return f"★ pick: trial {number}" if number == standing.pick else f"trial {number}"


def _row(frame: Frame, trials: tuple[int, ...]) -> str:
    name = html.escape(frame.name, quote=True)
    cells = [("labels", frame.labels), *((f"trial {n}", frame.seen[n]) for n in trials)]
    return (
        "<tr>"
        + "".join(
            f"<td><img src='{data_uri(picture)}' alt='{name}: {who}' title='{name}: {who}'></td>"
            for who, picture in cells
        )
        + "</tr>"
    )
