"""The output that segments are joined into as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av

from pipeline.encode.muxer import Muxer
from pipeline.media.alpha import put_beside
from pipeline.resume.encoders import SegmentEncoders

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.job import SinkOptions
    from pipeline.media.source_info import SourceInfo
    from pipeline.resume.segment_file import CodedFrame


class JoinedSink(Muxer):
    """A muxer of frames that were coded segment by segment, each segment by an encoder of its own.

    Attributes:
        frames: Number of frames written so far.
        encoders: Factory of the segments' encoders.
    """

    def __init__(
        self, path: Path, info: SourceInfo, options: SinkOptions | None = None, folder: Path | None = None
    ) -> None:
        """Plans the output and opens it; see :class:`pipeline.encode.muxer.Muxer`."""
        super().__init__(path, info, options, folder)
        header = bytes(self.video.codec_context.extradata or b"")
        self.encoders = SegmentEncoders(self.name, info, self.plan, self.container.format.name, header)
        self.frames = 0
        self._base = info.time_base if self.keeps_times else self.plan.time_base
        self._last_dts: int | None = None

    def write_coded(self, frame: CodedFrame) -> None:
        """Writes one coded frame of the segment.

        Raises:
            OutputError: If the output can't be written.
        """
        self.frames += 1
        pts, dts = frame.pts, frame.dts
        if self._last_dts is not None:
            # An encoder that begins anew makes up the first decoding times, which may reach into the segment before.
            dts = min(max(dts, self._last_dts + 1), pts)
        self._last_dts = dts
        packet: av.Packet[Any] = av.Packet(frame.data)
        put_beside(packet, frame.beside)
        packet.pts, packet.dts, packet.duration = pts, dts, frame.duration
        packet.time_base = self._base
        packet.is_keyframe = frame.is_keyframe
        self.write_video(packet)
