"""Video files, read and written with PyAV, an extra. No other module knows it.

FFmpeg opens lists of other files and addresses too. Only the containers named here are tried, and
only files are read: a video file leads nowhere else.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, final

import numpy as np
from PIL import Image, ImageOps

from automtl.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts"}
)

_READ_ONLY: Mapping[str, str] = MappingProxyType(
    {
        "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts",
        "protocol_whitelist": "file",
    }
)

PICTURES_PER_S = 15.0
"""How fast pictures follow each other in a video, where nothing says it."""

_TICKS_PER_S = 90_000
"""Of a written video's clock: the usual one, of which every common frame rate is a whole part."""

_ENCODING: Mapping[str, str] = MappingProxyType({"crf": "20", "preset": "veryfast", "bf": "0"})
"""x264's: thin lines stay clear, and encoding takes less time than the network. Frames are written
in the order in which they are shown: MP4 states how long each lasts by those written around it."""

_TURNS: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        1: Image.Transpose.ROTATE_90,
        2: Image.Transpose.ROTATE_180,
        3: Image.Transpose.ROTATE_270,
    }
)
"""By quarter turns, counted against the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame of a video.

    Attributes:
        number: Position from 1; frames that cannot be decoded count.
        time_s: When it is shown, from the first one on.
        picture: In RGB, turned as the video says.
    """

    number: int
    time_s: float
    picture: Image.Image


def require_video() -> None:
    """Raise :class:`DataError` unless PyAV is installed."""
    try:
        import av  # noqa: F401  # only whether it is there
    except ImportError as error:
        msg = "video files need PyAV"
        raise DataError(msg, fix="Run: pip install 'automtl[video]'") from error


def read_video(path: Path, lose: Callable[[str], None]) -> Iterator[Shot]:
    """Decode the first video stream of a file, frame by frame.

    Args:
        path: The file.
        lose: Told once, at the end, why frames are missing: the file is no video, it ends early,
            or some of it cannot be decoded.

    Raises:
        DataError: If PyAV is not installed.
    """
    require_video()
    import av

    try:
        # With the scheme, no name is taken for an address.
        container = av.open(f"file:{path}", options=dict(_READ_ONLY))
    except av.FFmpegError as error:
        lose(f"it cannot be opened as a video ({error.strerror})")
        return
    with container:
        stream = next(iter(container.streams.video), None)
        refusal = _refusal(stream)
        if stream is None or refusal:
            lose(refusal)
            return
        yield from _shots(container, stream, lose)


def _refusal(stream: "VideoStream | None") -> str:
    if stream is None:
        return "it holds no pictures"
    limit = Image.MAX_IMAGE_PIXELS or sys.maxsize
    if stream.codec_context.width * stream.codec_context.height > limit:
        return f"its frames have more than {limit} pixels"
    # A stream may change its size on the way.
    stream.codec_context.options = {"max_pixels": str(limit)}
    return ""


def _shots(
    container: "InputContainer", stream: "VideoStream", lose: Callable[[str], None]
) -> Iterator[Shot]:
    number = n_read = 0
    began_s: float | None = None
    for number, frame in enumerate(_decoded(container, stream), start=1):
        if frame is None:
            continue
        n_read += 1
        time_s = float(number / _rate(stream)) if frame.pts is None else frame.time
        began_s = time_s if began_s is None else began_s
        yield Shot(number=number, time_s=time_s - began_s, picture=_upright(frame))
    # What a container tells is no proof: a clip that was trimmed may tell of what was cut away.
    n_told = max(number, stream.frames)
    if n_read < n_told:
        lose(f"{n_read} of the {n_told} frames that it tells of can be read")


def _decoded(container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame | None]":
    """Decode frame by frame; None stands for one, or for a part of the file, that is damaged."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        except av.FFmpegError:
            yield None
            continue
        if packet is None:
            return
        for frame in frames:
            yield None if frame.is_corrupt else frame


def _rate(stream: "VideoStream") -> Fraction:
    return stream.average_rate or Fraction(25)


def _upright(frame: "VideoFrame") -> Image.Image:
    """Return a frame as it is to be shown: telephones write how they were held."""
    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    turn = _TURNS.get(round(frame.rotation / 90) % 4)
    return picture if turn is None else picture.transpose(turn)


@final
class VideoWriter:
    """Writes pictures as a video: H.264 in an MP4 file, which every player shows.

    Its size is the first picture's, with a black row or column more where a side is odd, as the
    codec asks. Others are fitted into that, with black bars. Nothing is written without a picture.
    The last picture is shown for as long as the one before it.

    Args:
        path: The new file.

    Raises:
        DataError: If PyAV is not installed, or its FFmpeg cannot write H.264.
    """

    def __init__(self, path: Path) -> None:
        require_video()
        import av

        try:
            av.Codec("h264", "w")
        except av.FFmpegError as error:
            msg = "the FFmpeg of this PyAV writes no H.264"
            raise DataError(msg, fix="Run: pip install --force-reinstall av") from error
        self._path = path
        self._file: tuple[OutputContainer, VideoStream] | None = None
        self._waits: tuple[VideoFrame, int] | None = None
        self._ticks = round(_TICKS_PER_S / PICTURES_PER_S)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def add(self, picture: Image.Image, time_s: float) -> None:
        """Write a picture that is shown from ``time_s`` on, counted from the first one."""
        import av

        if self._file is None:
            self._file = self._opened(picture)
        container, stream = self._file
        fitted = _fitted(picture, (stream.width, stream.height))
        frame = av.VideoFrame.from_ndarray(np.asarray(fitted), format="rgb24")
        begins = max(0, round(time_s * _TICKS_PER_S))
        if self._waits is not None:
            before, began = self._waits
            # Times of a damaged file may stand still or run back; a player's may not.
            begins = max(began + 1, begins)
            before.duration = self._ticks = begins - began
            container.mux(stream.encode(before))
        frame.pts, frame.time_base = begins, Fraction(1, _TICKS_PER_S)
        # How long it is shown is known when the next one comes.
        self._waits = frame, begins

    def __exit__(self, *_error: object) -> None:
        """Write the last picture and what the encoder holds back, and close the file."""
        if self._file is None:
            return
        container, stream = self._file
        with container:
            if self._waits is not None:
                last, _ = self._waits
                last.duration = self._ticks
                container.mux(stream.encode(last))
            container.mux(stream.encode(None))

    def _opened(self, picture: Image.Image) -> "tuple[OutputContainer, VideoStream]":
        import av
        from av.codec.context import Flags

        self._path.parent.mkdir(parents=True, exist_ok=True)
        container = av.open(f"file:{self._path}", "w", format="mp4")
        stream = container.add_stream("h264", options=dict(_ENCODING))
        stream.width, stream.height = (side + side % 2 for side in picture.size)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        # Else the last frame lasts as long as a frame of 24 in a second.
        stream.codec_context.flags |= Flags.frame_duration
        return container, stream


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture of ``size`` (width, height), nothing cut off."""
    if picture.size == size:
        return picture
    if all(0 <= side - own <= 1 for side, own in zip(size, picture.size, strict=True)):
        page = Image.new("RGB", size)
        page.paste(picture)
        return page
    return ImageOps.pad(picture, size)
