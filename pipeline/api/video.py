"""A video whose frames a program looks at: nothing is written."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Self

import av

from pipeline.api.background import BackgroundRun
from pipeline.api.frame import Frame
from pipeline.decode.open import open_source
from pipeline.errors import UsageError
from pipeline.job import Acceleration, Limits, SourceOptions
from pipeline.media.frames import on_host
from pipeline.media.places import is_address
from pipeline.media.pyav18 import fraction
from pipeline.report import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from types import TracebackType

    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.job import Isolation
    from pipeline.media.places import Place
    from pipeline.media.source_info import SourceInfo
    from pipeline.notes import Note
    from pipeline.runner.protocols import Engine, Source

StrPath = str | os.PathLike[str]
AccelerationName = Literal["none", "cuda", "auto"]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video is.

    Attributes:
        name: Name of the file, for messages.
        width: Width of the picture, in pixels.
        height: Height of the picture, in pixels.
        frame_rate: Average number of frames a second; None if unknown. Time stamps need not be even.
        duration: Length of the part that is read, in seconds; None if unknown.
        frames: Number of frames to expect; None if unknown. The file may hold fewer or more.
        codec: Codec of the video by FFmpeg's name, such as ``h264``.
        pixel_format: Format of the coded samples by FFmpeg's name, such as ``yuv420p``.
        spec: Layout, depth, matrix and range of a frame's planes.
        rotation: Degrees, counter-clockwise, by which a player turns the picture. Frames are not turned.
        interlaced: Whether the video is interlaced (and its frames are being deinterlaced).
    """

    name: str
    width: int
    height: int
    frame_rate: Fraction | None
    duration: float | None
    frames: int | None
    codec: str
    pixel_format: str
    spec: PlaneSpec
    rotation: int
    interlaced: bool

    @classmethod
    def of(cls, info: SourceInfo) -> VideoInfo:
        """The facts of an input that concern its frames."""
        return cls(
            name=info.name,
            width=info.spec.width,
            height=info.spec.height,
            frame_rate=info.average_rate,
            duration=info.duration,
            frames=info.frame_estimate,
            codec=info.codec,
            pixel_format=info.coded_pixel_format,
            spec=info.spec,
            rotation=info.rotation,
            interlaced=info.interlaced,
        )


def open_video(
    path: StrPath | BinaryIO,
    *,
    start: float | None = None,
    duration: float | None = None,
    input_format: str | None = None,
    deinterlace: bool = False,
    acceleration: AccelerationName | Acceleration = "none",
    limits: Limits | None = None,
    isolation: Isolation | None = None,
    continued: Sequence[StrPath] = (),
) -> Video:
    """Opens a video and decodes its first frame.

    Example::

        with deblur_stream.open_video("in.mp4", start=10, duration=5) as video:
            print(video.info.width, video.info.frame_rate)
            for frame in video:
                print(frame.time, frame.rgb.mean())

    Args:
        path: A file, an address such as ``http://host/clip.mp4``, or a binary file object, which is not closed.
        start: Where to begin, in seconds from the beginning; None for the beginning. The first frame is then at 0.
        duration: Length to read, in seconds; None for all.
        input_format: FFmpeg's name of the container, such as ``mp4``; None to find out from the content.
        deinterlace: Whether to turn interlaced frames into progressive ones; otherwise interlaced video is refused.
        acceleration: What decodes: ``none`` is the processor, ``cuda`` an NVIDIA GPU, ``auto`` that where there is one.
        limits: What the video may hold; None for the default limits.
        isolation: How to decode in a process of its own, which a crash can't spread from; None for this process.
        continued: Files that continue the first one, as in the loop recording of a dash camera.

    Raises:
        InputError: If the file is missing, is no video, has no frame that can be decoded, or is interlaced and is not
            to be deinterlaced.
        LimitError: If the video exceeds a limit. Reading it may raise this as well.
        UsageError: If the arguments don't fit each other.
    """
    options = source_options(
        start=start,
        duration=duration,
        input_format=input_format,
        deinterlace=deinterlace,
        acceleration=acceleration,
        limits=limits,
        isolation=isolation,
        continued=continued,
    )
    return Video(open_source(as_place(path), options))


class Video:
    """A video that is open: an iterator over its frames, and a context manager that closes it.

    Like a file, it is read once, from the beginning to the end. Damage is counted, located and passed over as long as
    there is anything to decode. Made by :func:`open_video`.

    Attributes:
        info: What the video is.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events = source.events()
        self._run: BackgroundRun | None = None
        self._is_closed = False
        self.info = VideoInfo.of(source.info)

    @property
    def spec(self) -> PlaneSpec:
        """Layout, depth, matrix and range of a frame's planes."""
        return self.info.spec

    @property
    def notes(self) -> tuple[Note, ...]:
        """Conversions and surprises so far, a line each."""
        return tuple(self._source.notes)

    @property
    def damage(self) -> Damage:
        """What could not be decoded so far."""
        return Damage(self._source.corrupt_packets, self._source.corrupt_frames, tuple(self._source.damage))

    def __iter__(self) -> Self:
        """The video itself."""
        return self

    def __next__(self) -> Frame:
        """Decodes the next frame, as it is in the file.

        Raises:
            LimitError: If the video exceeds a limit.
            UsageError: If the video is closed, or its frames are being deblurred.
        """
        self._check_free()
        for event in self._events:
            if isinstance(event, av.VideoFrame):
                return self._frame(on_host(event))
        raise StopIteration

    def through(self, engine: Engine, batch: int | None = None) -> Iterator[Frame]:
        """Iterates over the frames that are left, deblurred by an engine, as :meth:`Deblurrer.frames` does.

        Args:
            engine: The engine, used by another thread.
            batch: Frames that the engine gets at a time, at least 1; None for what it is fastest with.

        Raises:
            UsageError: If the video is closed, or its frames are being deblurred already.
        """
        self._check_free()
        return self._deblurred(engine, batch)

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """The remaining frames, and the remaining packets of other streams, as PyAV objects."""
        return self._events

    def close(self) -> None:
        """Ends all reading and closes the file; a file object stays open."""
        self._is_closed = True
        if self._run is not None:
            self._run.close()
        self._source.close()

    def __enter__(self) -> Self:
        """The video itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the video."""
        self.close()

    def _deblurred(self, engine: Engine, batch: int | None) -> Iterator[Frame]:
        self._check_free()
        size = engine.info.batch if batch is None else batch
        background = BackgroundRun(self, engine, size, self.info.name, self._source.info.interval)
        self._run = background
        reader = threading.get_ident()
        try:
            for picture in background.frames():
                yield self._frame(picture)
        finally:
            # The garbage collector closes a generator in whichever thread it runs, such as one of the run's own, which
            # must not wait for itself.
            if threading.get_ident() == reader:
                background.close()
            else:
                background.stop()

    def _check_free(self) -> None:
        if self._is_closed:
            raise UsageError(f"{self.info.name} is closed; open it again")
        if self._run is not None and not self._run.is_over:
            raise UsageError(f"frames of {self.info.name} are being deblurred already; open it once more for others")

    def _frame(self, picture: av.VideoFrame) -> Frame:
        base, rate = fraction(picture.time_base) or self._source.info.time_base, self.info.frame_rate
        duration = float(picture.duration * base) if picture.duration else (float(1 / rate) if rate else None)
        return Frame(float((picture.pts or 0) * base), duration, self.info.spec, picture)


def as_place(place: StrPath | BinaryIO) -> Place:
    """The address that a string is; else as :func:`as_path`."""
    return place if isinstance(place, str) and is_address(place) else as_path(place)


def as_path(place: StrPath | BinaryIO) -> Path | BinaryIO:
    """A path for a string or another path; a file object as it is."""
    return Path(place) if isinstance(place, str | os.PathLike) else place


def source_options(
    *,
    start: float | None,
    duration: float | None,
    input_format: str | None,
    deinterlace: bool,
    acceleration: AccelerationName | Acceleration,
    limits: Limits | None,
    isolation: Isolation | None,
    continued: Sequence[StrPath],
) -> SourceOptions:
    """How an input is read, from the arguments that all functions take for it.

    Raises:
        UsageError: If a value is out of its range.
    """
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and not 0 <= value < float("inf"):  # also false for NaN
            raise UsageError(f"{name} must be a number of seconds from 0, not {value}")
    if acceleration not in tuple(Acceleration):
        raise UsageError(f"acceleration must be one of {', '.join(Acceleration)}, not {acceleration!r}")
    return SourceOptions(
        format=input_format,
        start=start,
        duration=duration,
        deinterlace=deinterlace,
        acceleration=Acceleration(acceleration),
        limits=limits or Limits(),
        isolation=isolation,
        continued=tuple(map(Path, continued)),
    )
