"""Runs of consecutive frames from anywhere in a video file, without holding more than the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import av
import av.error
import numpy as np

from network.errors import DataError
from network.names import as_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

VIDEO_SUFFIXES = frozenset(
    {
        *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut"),
        *(".ogv", ".ts", ".webm", ".wmv"),
    }
)

_HDR_TRANSFERS = {16, 18}
"""Code points of PQ and HLG (ITU-T H.273), whose codes the sRGB curve does not turn into light."""

_WHOLE = 0.95
"""Share of the announced duration that a file must hold to count as whole."""


class UnusableError(Exception):
    """A window of frames that no pair can be made of; the message is a short reason, for counting."""


@dataclass(frozen=True, slots=True)
class Footage:
    """A video file and the times at which its frames are shown.

    Attributes:
        path: Path of the file.
        width: Width of a frame in pixels.
        height: Height of a frame in pixels.
        times: Time stamps of the frames in units of the stream, int64, strictly increasing.
        keys: Time stamps of the keyframes.
        fault: Fault of a file that can still be used, such as an early end; empty if there is none.
    """

    path: Path
    width: int
    height: int
    times: NDArray[np.int64]
    keys: NDArray[np.int64]
    fault: str = ""


def survey(path: Path) -> Footage:
    """Reads the times of a video's frames from its packets; nothing is decoded.

    Args:
        path: Path of a video file, of which the first video stream is read.

    Raises:
        DataError: If it can't be opened, has no video or no time stamps, or is HDR.
    """
    try:
        with av.open(as_url(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path} has no video stream; leave it out")
            stream = container.streams.video[0]
            context = stream.codec_context
            width, height, transfer = context.width, context.height, context.color_trc
            times, keys, fault = _time_stamps(container, stream)
            announced = stream.duration
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise DataError(f"{path} can't be read as a video: {getattr(error, 'strerror', None) or error}") from error
    if not len(times) or not len(keys):
        raise DataError(f"{path} has no frames with time stamps; remux it, or leave it out")
    if transfer in _HDR_TRANSFERS:
        raise DataError(f"{path} is HDR video; convert it to SDR first, or leave it out")
    shown = int(times[-1] - times[0])
    # This says more than that the last packet is damaged, which a file cut off has too.
    if announced and len(times) > 1 and shown < _WHOLE * announced - np.diff(times).max():
        fault = f"ends early, after {shown / announced:.0%} of its duration"
    return Footage(path, width, height, times, keys, fault)


def _time_stamps(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Time stamps of all frames and of the keyframes, sorted, and what went wrong as they were read."""
    times: list[int] = []
    keys: list[int] = []
    fault = ""
    try:
        for packet in container.demux(stream):
            if packet.pts is None or packet.is_discard:
                continue
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
            if packet.is_corrupt:
                fault = "has damaged packets"
    except (av.error.FFmpegError, OSError) as error:
        fault = f"can't be read to its end ({error.strerror or error})"
    return np.unique(np.array(times, np.int64)), np.unique(np.array(keys, np.int64)), fault


class FrameReader:
    """Decodes runs of frames by their number, seeking to the nearest keyframe before each.

    Runs that are asked for in order of time, and that share a keyframe, are decoded in one go. One frame is held at a
    time. Use it as a context manager.

    Args:
        footage: Footage to read.
    """

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._position: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._container is not None:
            self._container.close()

    def crops(self, first: int, count: int, top: int, left: int, side: int) -> tuple[list[Picture], NDArray[np.int64]]:
        """The same square out of consecutive frames.

        Args:
            first: Number of the first frame, from 0.
            count: Number of frames.
            top: First row of the square.
            left: First column of the square.
            side: Height and width of the square in pixels.

        Returns:
            RGB, uint8 (side, side, 3) each, and their time stamps, int64 (count,).

        Raises:
            UnusableError: If a frame can't be decoded, is damaged or interlaced, or the file ends before.
        """
        pictures: list[Picture] = []
        times: list[int] = []
        try:
            for frame in self._run(first, count):
                if (frame.width, frame.height) != (self._footage.width, self._footage.height):
                    raise UnusableError("of another size")
                if frame.is_corrupt:
                    raise UnusableError("damaged")
                if frame.interlaced_frame:
                    raise UnusableError("interlaced")
                picture = frame.to_ndarray(format="rgb24")[top : top + side, left : left + side]
                pictures.append(np.ascontiguousarray(picture))
                times.append(self._position or 0)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._position = None
            raise UnusableError("damaged") from error
        if len(pictures) != count:
            raise UnusableError("cut short by the end")
        return pictures, np.array(times, np.int64)

    def _run(self, first: int, count: int) -> Iterator[av.VideoFrame]:
        """Frames from the time of number ``first`` on.

        Time stamps of packets are not looked for one by one: some codecs have packets that show nothing.
        """
        start = int(self._footage.times[first])
        key = int(self._footage.keys[max(0, int(np.searchsorted(self._footage.keys, start, side="right")) - 1)])
        if self._position is None or not key <= self._position < start:
            self._seek(key)
        found = 0
        for frame in self._frames:
            if frame.pts is None:
                continue
            self._position = frame.pts
            if frame.pts < start:
                continue
            yield frame
            found += 1
            if found == count:
                return
        self._position = None  # the end

    def _seek(self, time: int) -> None:
        if self._container is None:
            self._container = av.open(as_url(self._footage.path))
            # Processes work side by side, and one thread gives the same frames every time, damage included.
            self._container.streams.video[0].codec_context.thread_count = 1
        stream = self._container.streams.video[0]
        self._container.seek(time, stream=stream)
        self._frames = self._container.decode(stream)
