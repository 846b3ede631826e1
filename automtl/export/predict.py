"""Predict on videos and pictures: overlays, COCO JSON, MOT text and masks."""

import math
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from typing_extensions import override

from automtl.errors import DataError
from automtl.export.bundle import Bundle
from automtl.export.clip_writer import ClipWriter
from automtl.export.files import write_json
from automtl.export.formats import FrameObjects, coco_of
from automtl.export.frames import LeftOut, Video, find_clips
from automtl.export.manifest import FusionKind
from automtl.export.own import FOLDER, undecoded
from automtl.export.video import require_video
from automtl.fusion.tuning import SHOWN_SCORE

OverlayKind = Literal["pictures", "video"]

COCO = "detections.coco.json"
OUTPUTS = ("overlays", "masks", "instances", "tracks", "depth", "classes", FOLDER)
PART = ".new"
"""Where results lie until all of them are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictSummary:
    """What a prediction wrote.

    Attributes:
        out: The folder.
        n_clips: Clips.
        n_frames: Frames predicted.
        n_objects: Boxes over all frames.
        n_tracks: Tracks over all clips.
        threshold: Score that objects must have; None of a model that sees no objects.
        best_score: Of all objects, those below the threshold too; None where none was seen.
        left_out: Frames that could not be read.
        undecoded: Tasks of your own without a ``decode``, of which nothing was written.
        seconds: Wall time.
    """

    out: Path
    n_clips: int
    n_frames: int
    n_objects: int
    n_tracks: int
    threshold: float | None
    best_score: float | None
    left_out: tuple[LeftOut, ...]
    undecoded: tuple[str, ...] = ()
    seconds: float

    @property
    def frames_per_s(self) -> float:
        """Frames for each second, reading, drawing and writing included."""
        return self.n_frames / max(self.seconds, 1e-9)

    @override
    def __str__(self) -> str:
        """Say it to people, one line for each frame that was left out.

        Where no object was found, how far the surest one was from being shown.
        """
        head = (
            f"{self.n_frames} frames of {self.n_clips} clips in {self.seconds:.1f} s "
            f"({self.frames_per_s:.1f} frames a second, results written): "
            f"{self.n_objects} objects, {self.n_tracks} tracks. Results: {self.out}"
        )
        none = [] if self.n_objects or self.threshold is None else [self._why_none(self.threshold)]
        missing = [f"left out {frame.name}: {frame.reason}" for frame in self.left_out]
        silent = [f"nothing of {task}: its class has no `decode`" for task in self.undecoded]
        return "\n".join([head, *none, *silent, *missing])

    def _why_none(self, threshold: float) -> str:
        none = f"no object has a score of {threshold:g} or more"
        if self.best_score is None:
            return f"{none}, and none was seen below it: the model may not know such pictures"
        shown = _rounded_down(self.best_score)
        return f"{none}; the best seen has {self.best_score:.3g}. To see it: --score {shown:g}"


def predict_files(  # noqa: PLR0913 - each is a choice of the user's
    bundle: Bundle,
    frames: Path,
    out: Path,
    *,
    score_threshold: float = SHOWN_SCORE,
    fusion: FusionKind | None = None,
    overlay: OverlayKind | None = None,
    batch_size: int = 8,
    overwrite: bool = False,
) -> PredictSummary:
    """Predict on all frames of a folder, of a video file, or on one picture.

    The pictures in a folder are one clip, those of each sub-folder another, and each video file
    in it one more. Written are ``overlays/*.png``, or ``overlays/CLIP.mp4`` of a video,
    ``detections.coco.json``, ``tracks/CLIP.txt`` (MOTChallenge, for a model
    that detects and tracks), ``masks/*.png`` (mask values, for a model that segments),
    ``instances/*.png`` (16 bits, ``instance`` of each pixel's annotation, for a model that
    detects and segments) and ``depth/*.png`` (16 bits, depth * 256), all in pixels of the
    original pictures, ``classes/CLIP.json`` (name and probability of each picture's class), and
    ``own/TASK/CLIP.jsonl`` (what the ``decode`` of a task of your own says of each frame).
    Frames of a video are named ``CLIP/000001.png`` and so on.
    A frame that cannot be read is named and left out. All of it appears when all is written;
    until then, and if nothing can be read, earlier results stay as they were.

    Args:
        bundle: The model.
        frames: Folder of frames, video file, or picture.
        out: Folder of the results.
        score_threshold: Objects below it are left out.
        fusion: Which cues link the objects; by default what the bundle was tuned to.
        overlay: Whether overlays are pictures or one video for each clip; by default what the
            clip itself is. Pictures follow each other in a video 15 times a second.
        batch_size: Frames in a forward pass.
        overwrite: Whether results of an earlier prediction in ``out`` are replaced.

    Raises:
        DataError: If there are no frames, none can be read, ``out`` may not be written, or a
            video is to be read or written and PyAV is not installed.
    """
    began = time.monotonic()
    clips = find_clips(frames)
    if overlay == "video" or any(isinstance(clip, Video) for clip in clips):
        require_video()
    _check(frames, out, overwrite=overwrite)
    objects: list[FrameObjects] = []
    left_out: list[LeftOut] = []
    n_tracks = 0
    best_scores: list[float] = []
    names, tasks = bundle.info.detection_classes, bundle.manifest.tasks
    with _aside(out) as part:
        for clip in clips:
            as_video = isinstance(clip, Video) if overlay is None else overlay == "video"
            stream = bundle.clip(score_threshold=score_threshold, fusion=fusion)
            found = ClipWriter(bundle, clip, part, as_video).run(stream, batch_size, left_out)
            n_tracks += len({int(i) for frame in found for i in frame.ids if i >= 0})
            objects += found
            if stream.best_score is not None:
                best_scores.append(stream.best_score)
        _check_any(objects, left_out)
        with_instances = {"detection", "segmentation"} <= set(tasks)
        write_json(part / COCO, coco_of(objects, names, with_instances=with_instances))
    return PredictSummary(
        out=out,
        n_clips=len(clips),
        n_frames=len(objects),
        n_objects=sum(len(frame.boxes) for frame in objects),
        n_tracks=n_tracks,
        threshold=score_threshold if "detection" in tasks else None,
        best_score=max(best_scores, default=None),
        left_out=tuple(left_out),
        undecoded=undecoded(tasks, bundle.manifest.config.imports),
        seconds=time.monotonic() - began,
    )


def _check_any(objects: list[FrameObjects], left_out: list[LeftOut]) -> None:
    if objects:
        return
    first = left_out[0]
    msg = f"none of the frames can be read; the first: {first.reason}"
    raise DataError(msg, where=first.name, fix="Check how the frames were written")


def _check(frames: Path, out: Path, *, overwrite: bool) -> None:
    """Refuse a place where results may not be written, before anything is done."""
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
    # What a killed prediction had not put in place is nobody's.
    if not out.is_dir() or all(path.name == PART for path in out.iterdir()):
        return
    if not overwrite:
        msg = "the folder is not empty"
        raise DataError(msg, where=str(out), fix="Add --overwrite")
    if not (out / COCO).is_file():
        msg = f"the folder holds other files and no {COCO}"
        raise DataError(msg, where=str(out), fix="Name another")
    if out.resolve() in frames.resolve().parents:
        msg = "it lies in the folder of results, which would be replaced"
        raise DataError(msg, where=str(frames), fix="Name another folder with --out")


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """Give a folder in ``out`` whose content takes the place of earlier results at the end.

    If the block does not end well, ``out`` is as it was before.
    """
    was_there = out.is_dir()
    part = out / PART
    if part.is_dir():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    try:
        yield part
        _put_in_place(part, out)
    finally:
        shutil.rmtree(part)
        if not was_there and not any(out.iterdir()):
            out.rmdir()


def _put_in_place(part: Path, out: Path) -> None:
    # Left-overs of a longer clip must not stay beside the new results.
    for name in OUTPUTS:
        if (out / name).is_symlink():
            (out / name).unlink()
        elif (out / name).is_dir():
            shutil.rmtree(out / name)
        if (part / name).is_dir():
            (part / name).rename(out / name)
    # Last: it says that the folder is one of results, also to who comes after a kill.
    (part / COCO).replace(out / COCO)


def _rounded_down(score: float) -> float:
    """Return the largest number of two digits that is not above a score.

    >>> _rounded_down(0.2997), _rounded_down(0.0512), _rounded_down(0.3)
    (0.29, 0.051, 0.3)
    """
    if score <= 0:
        return 0.0
    digits = 1 - math.floor(math.log10(score))
    return math.floor(round(score * 10.0**digits, 6)) / 10.0**digits
