"""Opening a container, choosing its video stream, and detecting a file that ends early."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
from av.codec.context import Flags
from av.stream import Disposition

from network.counting import are, count_of
from pipeline.errors import InputError
from pipeline.media.places import Place, for_ffmpeg
from pipeline.media.pyav18 import open_media

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.stream import Stream

    from pipeline.job import Limits

_BOX_HEADER = 8
"""Length of the header of an MP4 box, in bytes: the box size, big-endian, and the four-letter type."""

_MOST_BOXES = 10_000
"""Largest number of top-level boxes that are read; a fragmented file has at least one for each fragment."""


def open_container(
    path: Place, name: str, format_name: str | None, limits: Limits, accelerator: HWAccel | None
) -> InputContainer:
    """Opens an input.

    Args:
        path: Path of a file, an address, or a file object.
        name: Name of the input, for messages.
        format_name: FFmpeg's name of the container format; None to detect it from the content.
        limits: Limits on the memory that decoders allocate while FFmpeg probes the streams.
        accelerator: Hardware decoder; None to decode on the processor.

    Raises:
        InputError: If the input is missing, unreadable or not a video.
    """
    try:
        if isinstance(path, Path) and path.is_dir():
            raise InputError(f"{path} is a folder, not a video file")
        is_file = isinstance(path, Path) and path.is_file()
        return open_media(
            for_ffmpeg(path),
            "r",
            format=format_name,
            # Else a file that is called so would be taken for the pattern of many.
            options={**limits.decoder_options, **({"pattern_type": "none"} if is_file else {})},
            hwaccel=accelerator,
        )
    except (FileNotFoundError, PermissionError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else "may not be read"
        raise InputError(f"{name} {reason}") from error
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise InputError(f"{name} {_why_unreadable(path)}") from error
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise InputError(f"{name} can't be opened: {getattr(error, 'strerror', None) or error}") from error


def choose_video(container: InputContainer, name: str, limits: Limits) -> av.VideoStream:
    """Chooses the video stream to decode, and prepares its decoder.

    It is the one with the largest picture; of several such, the one that FFmpeg takes for the best.

    Args:
        container: Container of the input.
        name: Name of the input, for messages.
        limits: Limits on the memory that the decoder allocates.

    Raises:
        InputError: If there is no video stream, or no decoder for its codec.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise InputError(f"{name} has no video stream")
    # FFmpeg goes by marks and by the number of frames first, so that its best one may be a preview or an inset.
    best = container.streams.best("video")
    first = next((s for s in moving if best is not None and s.index == best.index), moving[0])
    stream = max((first, *moving), key=_size)
    if stream.codec_context is None:
        raise InputError(f"{name}: FFmpeg has no decoder for its video stream")
    stream.codec_context.thread_type = "AUTO"
    stream.codec_context.options = limits.decoder_options
    # Frames with faults are delivered, and counted; FFmpeg's default would drop them in silence.
    stream.codec_context.flags |= Flags.output_corrupt
    return stream


def _size(stream: av.VideoStream) -> int:
    """Pixels of a picture; 0 where FFmpeg found no picture that it understands."""
    context = stream.codec_context
    return context.width * context.height if context is not None and context.pix_fmt else 0


def promised_length(container: InputContainer, stream: av.VideoStream) -> Fraction | None:
    """Length that the header states for a stream, or else for the whole input, in seconds; None if it states none."""
    if stream.duration and stream.time_base:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, av.time_base) if container.duration else None


def seek(container: InputContainer, stream: av.VideoStream, time: Fraction) -> bool:
    """Seeks to the keyframe at or before a time.

    Args:
        container: Container of the input.
        stream: Stream whose keyframe is sought.
        time: Time on the stream's own clock, in seconds.

    Returns:
        True on success. False if the seek failed; the position is unchanged then.
    """
    try:
        container.seek(round(time / (stream.time_base or Fraction(1, 90000))), stream=stream)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def _why_unreadable(path: Place) -> str:
    """Reason why FFmpeg can't read an input, in words."""
    if isinstance(path, Path):
        if not path.stat().st_size:
            return "is not a video: the file is empty"
        boxes = _top_boxes(path)
        if "mdat" in boxes and "moov" not in boxes:
            return (
                f"has no index (its moov box), as when a recording is cut off and its end is missing; "
                f"{boxes['mdat']} bytes of media data are there, but can't be told apart without it: "
                "let a repair tool such as untrunc restore it from an intact file of the same camera"
            )
    return "is not a video that FFmpeg can read (or its end is missing)"


def _top_boxes(path: Path) -> dict[str, int]:
    """Total size in bytes of the top-level boxes of an MP4 or MOV file, by box type; empty for other files."""
    boxes: dict[str, int] = {}
    length, place = path.stat().st_size, 0
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            file.seek(place)
            header = file.read(2 * _BOX_HEADER)
            if len(header) < _BOX_HEADER:
                break
            size, kind = int.from_bytes(header[:4], "big"), header[4:_BOX_HEADER].decode("latin-1")
            if not place and kind not in ("ftyp", "mdat", "wide", "free", "skip"):
                break
            if size == 1:  # the size follows, in eight bytes
                size = int.from_bytes(header[_BOX_HEADER:], "big")
            if size < _BOX_HEADER or place + size > length:  # to the end, or beyond it
                size = length - place
            boxes[kind] = boxes.get(kind, 0) + size
            place += size
    return boxes


_TOLERANCE = Fraction(1, 2)
"""Largest difference between the end that a header declares and the end of the last packet, in seconds."""


class EndWatch:
    """Detects that a file ends early, from all packets of an input that is read from beginning to end."""

    def __init__(self, container: InputContainer, video: av.VideoStream) -> None:
        """Prepares for the first packet."""
        self._container = container
        self._video = video
        self._end = Fraction(0)
        self._video_packets = 0

    def see(self, packet: av.Packet[Stream]) -> None:
        """Records a packet of any stream."""
        self._video_packets += packet.stream.index == self._video.index and packet.size > 0
        if packet.pts is not None and packet.time_base:
            self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)

    def damage(self) -> list[str]:
        """Lists what is missing, one line each. Call it after the last packet."""
        lines = []
        expected = len(self._video.index_entries) if self._video.frames else 0
        if self._video_packets < expected:
            packets = self._video_packets
            there = f"{packets} of {count_of(expected, 'video packet')} {are(packets)} there"
            lines.append(f"the file ends early: {there}")
        # Matroska has no count of packets, but its header says the end of the last one of all streams.
        declared = Fraction(self._container.duration or 0, av.time_base)
        missing = declared - self._end
        if "matroska" in self._container.format.name and missing > max(_TOLERANCE, declared / 100):
            lines.append(f"the file ends early: at {float(self._end):.3f} s of {float(declared):.3f} s")
        return lines
