"""Predict on a folder of frames: overlays, COCO JSON, MOT text and masks."""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from typing_extensions import override

from automtl.data.images import read_picture, resize_nearest, to_input
from automtl.errors import DataError
from automtl.export.bundle import Bundle
from automtl.export.drawing import Names, draw_overlay
from automtl.export.files import write_json
from automtl.export.formats import FrameObjects, coco_of, mot_of, to_original
from automtl.export.frames import Clip, find_clips
from automtl.export.further import class_record, depth_picture
from automtl.export.manifest import FusionKind
from automtl.export.own import FOLDER, undecoded, write_frame, write_lines
from automtl.export.result import FrameResult
from automtl.export.scene import ClipPredictor
from automtl.fusion.tuning import SHOWN_SCORE

COCO = "detections.coco.json"
OUTPUTS = ("overlays", "masks", "instances", "tracks", "depth", "classes", FOLDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutFrame:
    """A frame that could not be read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictSummary:
    """What a prediction wrote.

    Attributes:
        out: The folder.
        n_clips: Clips.
        n_frames: Frames predicted.
        n_objects: Boxes over all frames.
        n_tracks: Tracks over all clips.
        left_out: Frames that could not be read.
        undecoded: Tasks of your own without a ``decode``, of which nothing was written.
        seconds: Wall time.
    """

    out: Path
    n_clips: int
    n_frames: int
    n_objects: int
    n_tracks: int
    left_out: tuple[LeftOutFrame, ...]
    undecoded: tuple[str, ...] = ()
    seconds: float

    @property
    def frames_per_s(self) -> float:
        """Frames for each second, reading, drawing and writing included."""
        return self.n_frames / max(self.seconds, 1e-9)

    @override
    def __str__(self) -> str:
        """Say it to people, one line for each frame that was left out."""
        head = (
            f"{self.n_frames} frames of {self.n_clips} clips in {self.seconds:.1f} s "
            f"({self.frames_per_s:.1f} frames a second, pictures written): "
            f"{self.n_objects} objects, {self.n_tracks} tracks. Results: {self.out}"
        )
        missing = [f"left out {frame.name}: {frame.reason}" for frame in self.left_out]
        silent = [f"nothing of {task}: its class has no `decode`" for task in self.undecoded]
        return "\n".join([head, *silent, *missing])


def predict_folder(
    bundle: Bundle,
    frames: Path,
    out: Path,
    *,
    score_threshold: float = SHOWN_SCORE,
    fusion: FusionKind | None = None,
    batch_size: int = 8,
    overwrite: bool = False,
) -> PredictSummary:
    """Predict on all frames of a folder.

    The pictures in ``frames`` are one clip, those of each sub-folder another. Written are
    ``overlays/*.png``, ``detections.coco.json``, ``tracks/CLIP.txt`` (MOTChallenge, for a model
    that detects and tracks), ``masks/*.png`` (mask values, for a model that segments),
    ``instances/*.png`` (16 bits, ``instance`` of each pixel's annotation, for a model that
    detects and segments) and ``depth/*.png`` (16 bits, depth * 256), all in pixels of the
    original pictures, ``classes/CLIP.json`` (name and probability of each picture's class), and
    ``own/TASK/CLIP.jsonl`` (what the ``decode`` of a task of your own says of each frame).
    A frame that cannot be read is named and left out.

    Args:
        bundle: The model.
        frames: Folder of frames.
        out: Folder of the results.
        score_threshold: Objects below it are left out.
        fusion: Which cues link the objects; by default what the bundle was tuned to.
        batch_size: Frames in a forward pass.
        overwrite: Whether results of an earlier prediction in ``out`` are replaced.

    Raises:
        DataError: If there are no frames, none can be read, or ``out`` may not be written.
    """
    began = time.monotonic()
    clips = find_clips(frames)
    _prepare(frames, out, overwrite=overwrite)
    objects: list[FrameObjects] = []
    left_out: list[LeftOutFrame] = []
    n_tracks = 0
    for clip in clips:
        writer = _ClipWriter(bundle, clip, frames, out)
        stream = bundle.clip(score_threshold=score_threshold, fusion=fusion)
        found = writer.run(stream, batch_size, left_out)
        n_tracks += len({int(i) for frame in found for i in frame.ids if i >= 0})
        objects += found
    if not objects:
        first = left_out[0]
        msg = f"none of {len(left_out)} frames can be read; the first: {first.reason}"
        raise DataError(
            msg,
            where=first.name,
            fix="Check how the frames were written",
        )
    write_json(out / COCO, coco_of(objects, bundle.info.detection_classes))
    return PredictSummary(
        out=out,
        n_clips=len(clips),
        n_frames=len(objects),
        n_objects=sum(len(frame.boxes) for frame in objects),
        n_tracks=n_tracks,
        left_out=tuple(left_out),
        undecoded=undecoded(bundle.manifest.tasks, bundle.manifest.config.imports),
        seconds=time.monotonic() - began,
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    name: str
    number: int
    picture: Image.Image


@dataclass(frozen=True, slots=True)
class _ClipWriter:
    """Predicts one clip and writes its files as it goes, so that memory stays flat."""

    bundle: Bundle
    clip: Clip
    root: Path
    out: Path

    def run(
        self, stream: ClipPredictor, batch_size: int, left_out: list[LeftOutFrame]
    ) -> list[FrameObjects]:
        """Return the clip's objects; append frames that cannot be read to ``left_out``."""
        size = self.bundle.info.image_size
        names = Names(self.bundle.info.detection_classes, self.bundle.info.segmentation_classes)
        found: list[FrameObjects] = []
        classes: list[dict[str, object]] = []
        own: list[dict[str, str]] = []
        for chunk in _chunks(self._read(left_out), batch_size):
            images = np.stack([to_input(frame.picture, size) for frame in chunk])
            for frame, result in zip(chunk, stream.read(torch.from_numpy(images)), strict=True):
                objects = to_original(
                    result,
                    input_size=size,
                    size=(frame.picture.height, frame.picture.width),
                    file_name=frame.name,
                    number=frame.number,
                )
                self._save_pictures(frame, result, objects, names)
                if result.image_class is not None:
                    record = class_record(result, frame.name, self.bundle.info.image_classes)
                    classes.append(record)
                own.append(write_frame(self.out, result.own, frame.name, self._stem(frame)))
                found.append(objects)
        write_lines(self.out, self.clip.name, own)
        if found and {"detection", "tracking"} <= set(self.bundle.manifest.tasks):
            path = self.out / "tracks" / f"{self.clip.name}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(mot_of(found), encoding="utf-8")
        if classes:
            path = self.out / "classes" / f"{self.clip.name}.json"
            path.parent.mkdir(exist_ok=True)
            write_json(path, {"pictures": classes})
        return found

    def _save_pictures(
        self, frame: _Frame, result: FrameResult, objects: FrameObjects, names: Names
    ) -> None:
        mask = None if result.mask is None else resize_nearest(result.mask, objects.size)
        self._save(draw_overlay(frame.picture, objects, mask, names), "overlays", frame)
        if mask is not None:
            self._save(Image.fromarray(mask), "masks", frame)
        if objects.instances is not None:
            self._save(Image.fromarray(objects.instances), "instances", frame)
        if result.depth is not None:
            self._save(depth_picture(result.depth, frame.picture.size), "depth", frame)

    def _read(self, left_out: list[LeftOutFrame]) -> Iterator[_Frame]:
        for number, path in enumerate(self.clip.frames, start=1):
            name = path.relative_to(self.root).as_posix()
            try:
                picture = read_picture(path)
            except DataError as error:
                left_out.append(LeftOutFrame(name=name, reason=error.what))
                continue
            yield _Frame(name, number, picture)

    def _save(self, picture: Image.Image, kind: str, frame: _Frame) -> None:
        stem = self._stem(frame)
        path = self.out / kind / stem.parent / f"{stem.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, compress_level=1)

    def _stem(self, frame: _Frame) -> Path:
        """Return a frame's name without ending, unless another frame has the same one."""
        name = Path(frame.name)
        is_alone = sum(p.stem == name.stem for p in self.clip.frames) == 1
        return name.with_name(name.stem) if is_alone else name


def _chunks(frames: Iterable[_Frame], size: int) -> Iterator[list[_Frame]]:
    source = iter(frames)
    while chunk := list(islice(source, size)):
        yield chunk


def _prepare(frames: Path, out: Path, *, overwrite: bool) -> None:
    if out.resolve() == frames.resolve() or frames.resolve() in out.resolve().parents:
        msg = "results may not lie among the frames: the next run would take them for frames"
        raise DataError(
            msg,
            where=str(out),
            fix="Name another folder with --out",
        )
    if out.exists() and not out.is_dir():
        msg = "there is a file of this name"
        raise DataError(msg, where=str(out), fix="Name a folder")
    is_used = out.is_dir() and any(out.iterdir())
    if is_used and not overwrite:
        msg = "the folder is not empty"
        raise DataError(msg, where=str(out), fix="Add --overwrite")
    if is_used and not (out / COCO).is_file():
        msg = f"the folder holds other files and no {COCO}"
        raise DataError(msg, where=str(out), fix="Name another")
    if is_used:
        # Left-overs of a longer clip must not stay beside the new results.
        for name in OUTPUTS:
            shutil.rmtree(out / name, ignore_errors=True)
        (out / COCO).unlink()
    out.mkdir(parents=True, exist_ok=True)
