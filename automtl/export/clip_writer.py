"""Predict one clip and write its files as it goes, so that memory stays flat."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from automtl.data.images import resize_nearest, to_input
from automtl.export.bundle import Bundle
from automtl.export.drawing import Names, draw_overlay
from automtl.export.files import write_json
from automtl.export.formats import FrameObjects, mot_of, to_original
from automtl.export.frames import Clip, Frame, LeftOut, Video, read_frames
from automtl.export.further import class_record, depth_picture
from automtl.export.own import write_frame, write_lines
from automtl.export.result import FrameResult
from automtl.export.scene import ClipPredictor
from automtl.export.video import VideoWriter


@dataclass(frozen=True, slots=True)
class ClipWriter:
    """Predicts one clip.

    Attributes:
        bundle: The model.
        clip: The clip.
        out: Folder of all results.
        as_video: Whether overlays become one video, instead of a picture for each frame.
    """

    bundle: Bundle
    clip: Clip | Video
    out: Path
    as_video: bool

    def run(
        self, stream: ClipPredictor, batch_size: int, left_out: list[LeftOut]
    ) -> list[FrameObjects]:
        """Return the clip's objects without maps; append unreadable frames to ``left_out``."""
        size = self.bundle.info.image_size
        found: list[FrameObjects] = []
        classes: list[dict[str, object]] = []
        own: list[dict[str, str]] = []
        with self._film() as film:
            for chunk in _chunks(read_frames(self.clip, left_out), batch_size):
                images = np.stack([to_input(frame.picture, size) for frame in chunk])
                results = stream.read(torch.from_numpy(images))
                for frame, result in zip(chunk, results, strict=True):
                    found.append(self._write(frame, result, film))
                    own.append(write_frame(self.out, result.own, frame.name, frame.stem))
                    if result.image_class is not None:
                        record = class_record(result, frame.name, self.bundle.info.image_classes)
                        classes.append(record)
        write_lines(self.out, self.clip.name, own)
        self._write_of_all(found, classes)
        return found

    def _film(self) -> VideoWriter | nullcontext[None]:
        if not self.as_video:
            return nullcontext()
        return VideoWriter(self.out / "overlays" / f"{self.clip.name}.mp4")

    def _write(self, frame: Frame, result: FrameResult, film: VideoWriter | None) -> FrameObjects:
        """Write the pictures of one frame and return its objects."""
        info = self.bundle.info
        objects = to_original(
            result,
            input_size=info.image_size,
            size=(frame.picture.height, frame.picture.width),
            file_name=frame.name,
            number=frame.number,
        )
        mask = None if result.mask is None else resize_nearest(result.mask, objects.size)
        names = Names(info.detection_classes, info.segmentation_classes)
        overlay = draw_overlay(
            frame.picture, objects, mask, names, has_whole_legend=film is not None
        )
        if film is None:
            self._save(overlay, "overlays", frame)
        else:
            film.add(overlay, frame.time_s)
        if mask is not None:
            self._save(Image.fromarray(mask), "masks", frame)
        if objects.instances is not None:
            self._save(Image.fromarray(objects.instances), "instances", frame)
        if result.depth is not None:
            self._save(depth_picture(result.depth, frame.picture.size), "depth", frame)
        # A map for each frame of a long video would fill the memory.
        return replace(objects, instances=None)

    def _write_of_all(self, found: list[FrameObjects], classes: list[dict[str, object]]) -> None:
        """Write what is one file for the whole clip."""
        if found and {"detection", "tracking"} <= set(self.bundle.manifest.tasks):
            path = self.out / "tracks" / f"{self.clip.name}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(mot_of(found), encoding="utf-8")
        if classes:
            path = self.out / "classes" / f"{self.clip.name}.json"
            path.parent.mkdir(exist_ok=True)
            write_json(path, {"pictures": classes})

    def _save(self, picture: Image.Image, kind: str, frame: Frame) -> None:
        path = self.out / kind / frame.stem.parent / f"{frame.stem.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, compress_level=1)


def _chunks(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    source = iter(frames)
    while chunk := list(islice(source, size)):
        yield chunk
