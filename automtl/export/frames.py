"""The frames of a folder, a picture or a video file: which there are and in which order."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from automtl.data.images import SUFFIXES, read_picture
from automtl.errors import DataError
from automtl.export.video import PICTURES_PER_S, VIDEO_SUFFIXES, read_video


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures that follow each other.

    Attributes:
        name: Name of its folder, and of its results; no other clip has it.
        root: What the names of frames are relative to.
        frames: In order.
    """

    name: str
    root: Path
    frames: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Video:
    """A video file.

    Attributes:
        name: The file's, without ending, and of its results; no other clip has it.
        path: The file.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame, decoded.

    Attributes:
        name: In the results: its path below the root; ``VIDEO/000001.png`` of a video's.
        stem: The same without ending, unless another frame of the clip differs in that alone.
        number: Position in its clip, from 1; those that cannot be read count.
        time_s: When it is shown, from the clip's first frame on.
        picture: In RGB.
    """

    name: str
    stem: Path
    number: int
    time_s: float
    picture: Image.Image


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A frame, or frames of a video, that could not be read."""

    name: str
    reason: str


def find_clips(root: Path) -> tuple[Clip | Video, ...]:
    """Return the clips of a file or a folder.

    Of a folder: the pictures in it are one clip, those of each sub-folder another, and each video
    file in it one more. Frames are sorted by name; numbers in names count as numbers, so
    ``9.png`` is before ``10.png``.

    Raises:
        DataError: If there is nothing of this name, no picture and no video in it, or the file's
            ending is not known.
    """
    if root.is_file():
        return (_file(root),)
    if not root.is_dir():
        msg = "there is no such folder or file"
        raise DataError(msg, where=str(root), fix="Name a folder of frames, or a video file")
    folders = sorted(filter(Path.is_dir, root.iterdir()), key=_by_name)
    found: list[Clip | Video] = [
        Clip(root.resolve().name, root, _files(root, SUFFIXES)),
        *(Clip(folder.name, root, _files(folder, SUFFIXES)) for folder in folders),
        *(Video(path.stem, path) for path in _files(root, VIDEO_SUFFIXES)),
    ]
    clips = [clip for clip in found if isinstance(clip, Video) or clip.frames]
    if not clips:
        msg = "the folder has no pictures and no videos"
        known = ", ".join(sorted(SUFFIXES | VIDEO_SUFFIXES))
        fix = f"Put frames there, or in one sub-folder per clip, or video files ({known})"
        raise DataError(msg, where=str(root), fix=fix)
    return _named_apart(clips)


def read_frames(clip: Clip | Video, left_out: list[LeftOut]) -> Iterator[Frame]:
    """Decode a clip's frames one by one; append what cannot be read to ``left_out``.

    Raises:
        DataError: If it is a video and PyAV is not installed.
    """
    match clip:
        case Clip():
            yield from _pictures(clip, left_out)
        case Video():
            yield from _video_frames(clip, left_out)


def _pictures(clip: Clip, left_out: list[LeftOut]) -> Iterator[Frame]:
    stems = [path.stem for path in clip.frames]
    for index, path in enumerate(clip.frames):
        name = path.relative_to(clip.root)
        try:
            picture = read_picture(path)
        except DataError as error:
            left_out.append(LeftOut(name=name.as_posix(), reason=error.what))
            continue
        is_alone = stems.count(path.stem) == 1
        yield Frame(
            name=name.as_posix(),
            stem=name.with_suffix("") if is_alone else name,
            number=index + 1,
            time_s=index / PICTURES_PER_S,
            picture=picture,
        )


def _video_frames(video: Video, left_out: list[LeftOut]) -> Iterator[Frame]:
    def lose(reason: str) -> None:
        left_out.append(LeftOut(name=video.path.name, reason=reason))

    for shot in read_video(video.path, lose):
        stem = Path(video.name) / f"{shot.number:06d}"
        yield Frame(
            name=f"{stem.as_posix()}.png",
            stem=stem,
            number=shot.number,
            time_s=shot.time_s,
            picture=shot.picture,
        )


def _file(path: Path) -> Clip | Video:
    if path.suffix.lower() in SUFFIXES:
        return Clip(path.stem, path.parent, (path,))
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return Video(path.stem, path)
    msg = f"a file with the ending {path.suffix!r} is no picture and no video that is known"
    known = ", ".join(sorted(SUFFIXES | VIDEO_SUFFIXES))
    raise DataError(msg, where=str(path), fix=f"Known endings: {known}")


def _named_apart(clips: Iterable[Clip | Video]) -> tuple[Clip | Video, ...]:
    """Return the clips with a number behind names that another one has: results lie by name."""
    taken: set[str] = set()
    apart: list[Clip | Video] = []
    for clip in clips:
        name, number = clip.name, 1
        while name in taken:
            number += 1
            name = f"{clip.name}-{number}"
        taken.add(name)
        apart.append(replace(clip, name=name))
    return tuple(apart)


def _files(folder: Path, suffixes: frozenset[str]) -> tuple[Path, ...]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.is_file())
    return tuple(sorted(found, key=_by_name))


def _by_name(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(1, int(p), p) if p.isdecimal() else (0, 0, p) for p in parts]
