"""The encoders of an output's segments: one for each, all with the same settings."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pipeline.encode.distinct_times import fitting
from pipeline.encode.output_file import writing_errors
from pipeline.encode.plan_video import plan_video
from pipeline.encode.video_encoder import VideoEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av
    from av.stream import Stream

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.job import SinkOptions
    from pipeline.media.source_info import SourceInfo


@dataclass(frozen=True, slots=True)
class SegmentEncoders:
    """Makes encoders.

    Attributes:
        name: Name of the output, for messages.
        info: What the frames come from.
        plan: How the video is encoded.
        format_name: FFmpeg's name of the output's container.
        header: What the output's video begins with; see :attr:`pipeline.encode.video_encoder.VideoEncoder.header`.
    """

    name: str
    info: SourceInfo
    plan: EncoderPlan
    format_name: str
    header: bytes

    @classmethod
    def planned(cls, path: Path, info: SourceInfo, options: SinkOptions) -> Self:
        """The encoders of an output that is written elsewhere.

        Args:
            path: Path of the output; nothing is written there.
            info: What the frames come from.
            options: How the output is written.

        Raises:
            UsageError: If the options fit neither each other nor the container.
            OutputError: If the encoder can't be opened.
        """
        plan, format_name = plan_video(info, path, str(path), options)
        with writing_errors(str(path)), contextlib.closing(VideoEncoder.alone(plan, info, format_name)) as encoder:
            return cls(str(path), info, plan, format_name, encoder.header)

    def events(
        self, events: Iterator[av.VideoFrame | av.Packet[Stream]]
    ) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Fits the frames to the output's container, as :meth:`pipeline.encode.muxer.Muxer.events` does."""
        fit = fitting(self.plan, self.info, self.format_name)
        return events if fit is None else fit.events(events)

    def make(self) -> VideoEncoder:
        """A new encoder, to be closed at the end.

        Raises:
            OutputError: If it can't be opened.
        """
        with writing_errors(self.name):
            return VideoEncoder.alone(self.plan, self.info, self.format_name)
