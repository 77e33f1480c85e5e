"""An open input: its container, the stream that is decoded, and the streams that are copied."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.stream import Discard

from pipeline.decode.container import choose_video, open_container
from pipeline.decode.limits import LimitGuard
from pipeline.media.places import Place, name_of
from pipeline.media.pyav18 import fraction

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.stream import Stream

    from pipeline.job import SourceOptions


class Demuxer:
    """An open container and its streams. It decodes nothing.

    Attributes:
        name: Name of the input, for messages.
        path: Path of the input; None if it is an address or a file object.
        is_address: Whether the input is an address.
        is_seekable: Whether the input supports seeking.
        container: The container. It has one read position, so it must have one reader.
        video: The video stream that is decoded.
        copied: All other streams, in the order of the file.
        time_base: Unit of the video's time stamps, in seconds.
        average_rate: Average frame rate, in frames a second; None if unknown.
        origin: Time of the beginning of the input, in seconds.
    """

    def __init__(self, path: Place, options: SourceOptions, accelerator: HWAccel | None = None) -> None:
        """Opens the container and chooses the streams.

        Args:
            path: Path of a file, an address, or a file object (which may be a pipe, and is not closed).
            options: Options for reading the input.
            accelerator: Hardware decoder; None to decode on the processor.

        Raises:
            InputError: If the input is missing, unreadable, not a video or has no video stream.
            LimitError: If the input has too many streams or attachments.
        """
        self.path = path if isinstance(path, Path) else None
        self.is_address = isinstance(path, str)
        self.name = name_of(path)
        self.container = open_container(path, self.name, options.format, options.limits, accelerator)
        if isinstance(path, Path):
            self.is_seekable = path.is_file()
        else:
            self.is_seekable = not isinstance(path, str) and path.seekable()
        try:
            LimitGuard(self.name, options.limits).check_container(self.container)
            self.video = choose_video(self.container, self.name, options.limits)
        except BaseException:
            self.close()
            raise
        self.copied = tuple(
            stream
            for stream in self.container.streams
            if stream.index != self.video.index and not self._is_chapter_track(stream)
        )
        for stream in self.copied:
            stream.discard = Discard.default  # else the demuxer leaves out some tracks of cameras' own data
        self.time_base = fraction(self.video.time_base) or Fraction(1, 90000)
        self.average_rate = fraction(self.video.average_rate) or fraction(self.video.guessed_rate)
        self.origin = Fraction(self.container.start_time or 0, av.time_base)

    def close(self) -> None:
        """Closes the container; a file object stays open."""
        self.container.close()

    def _is_chapter_track(self, stream: Stream) -> bool:
        """Whether a track holds the titles of the chapters; these are copied as chapters, so the track is left out."""
        return stream.discard is Discard.all and stream.type == "data" and bool(self.container.chapters())
