"""The encoder: it takes frames and returns coded frames with the exact times of the frames."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, Self

import av
import av.error
import numpy as np
from av.video.frame import PictureType

from pipeline.encode.colours import Colours, convert_colours
from pipeline.encode.constant_rate import slots_of
from pipeline.encode.container import keeps_times, shift_of
from pipeline.encode.orientation import Turner
from pipeline.encode.palette import PaletteFitter
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED, plane_count, plane_rows
from pipeline.media.pyav18 import fraction
from pipeline.media.reformatter import Reformatter
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from fractions import Fraction

    from av.container import OutputContainer
    from av.video.codeccontext import VideoCodecContext

    from network.planes import PlaneSpec
    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.slots import Slots
    from pipeline.media.source_info import SourceInfo

_DEEPEST_REORDERING = 64
"""Largest number of frames by which a decoding time may lie before the first frame; encoders stay far below."""


class VideoEncoder:
    """Encodes the frames of one source, in the format, size and clock that a plan gives.

    It is the encoder of an output's video stream, or a separate encoder with the same settings (see :meth:`alone`).
    """

    def __init__(self, container: OutputContainer, stream: av.VideoStream, plan: EncoderPlan, info: SourceInfo) -> None:
        """Takes over the encoder of a stream.

        Args:
            container: Container of the output that the stream belongs to.
            stream: Video stream, configured by ``plan``.
            plan: Encoder and settings of the video.
            info: Description of the input that the frames come from.
        """
        self._container, self._stream = container, stream
        self._fitter = FrameFitter(plan, info.spec)
        name = container.format.name
        slots = None if keeps_times(name) else slots_of(plan, info, shift_of(info, name))
        self._clock = FrameClock(plan, info.time_base, slots)

    @classmethod
    def alone(cls, plan: EncoderPlan, info: SourceInfo, format_name: str) -> Self:
        """Opens an encoder that belongs to no output. Close it at the end.

        Args:
            plan: Encoder and settings of the video.
            info: Description of the input that the frames come from.
            format_name: FFmpeg's name of the container that the coded frames are written to later.

        Raises:
            FFmpegError: If the encoder can't be opened.
        """
        container = av.open(io.BytesIO(), "w", format=format_name)
        try:
            stream: Any = container.add_stream(plan.encoder, rate=plan.rate)
            plan.configure(stream.codec_context, info)
            encoder = cls(container, stream, plan, info)
            with ordinary_scheduling():
                stream.codec_context.open()
        except BaseException:
            _close(container)
            raise
        return encoder

    @property
    def header(self) -> bytes:
        """Codec header that a decoder needs first, such as the parameter sets of H.264; empty for some codecs."""
        return bytes(self._stream.codec_context.extradata or b"")

    def describe(self, context: VideoCodecContext) -> None:
        """Says of another stream's context what decoders need to know of this encoder's frames."""
        encoder = self._stream.codec_context
        context.extradata, context.level = encoder.extradata, encoder.level
        context.profile, context.bit_rate = encoder.profile, encoder.bit_rate or 0

    def encode(self, frame: av.VideoFrame) -> list[av.Packet[Any]]:
        """Encodes a frame at its own time.

        Args:
            frame: Frame in the source's native format and size, with ``pts`` and ``time_base`` set. Only its picture
                type is changed.

        Returns:
            Coded frames that are complete now, with the times of their frames.

        Raises:
            FFmpegError: If the encoder fails.
        """
        fitted = self._fitter.fit(frame)
        fitted.pict_type = PictureType.NONE
        times = (fitted.pts, fitted.duration, fitted.time_base)
        self._clock.enter(fitted)
        packets = self._stream.encode(fitted)
        fitted.pts, fitted.duration, fitted.time_base = times
        return self._at_their_times(packets)

    def flush(self) -> list[av.Packet[Any]]:
        """Returns the coded frames that are still inside the encoder. Call it once, after the last frame.

        Raises:
            FFmpegError: If the encoder fails.
        """
        return self._at_their_times(self._stream.encode(None))

    def close(self) -> None:
        """Closes an encoder that belongs to no output; the encoder of an output is closed with the output."""
        _close(self._container)

    def _at_their_times(self, packets: list[av.Packet[Any]]) -> list[av.Packet[Any]]:
        for packet in packets:
            self._clock.leave(packet)
        return packets


def _close(container: OutputContainer) -> None:
    # A container of which no header was written has nothing to close properly.
    with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
        container.close()


class FrameClock:
    """Remembers the times of the frames that are inside the encoder.

    Some encoders drop durations, and some can't count in the input's time base. These get the number of each frame
    as its time, and the clock translates back. Where the container has a constant frame rate, the encoder gets the
    number of the interval in which the frame comes, and so does the container.
    """

    def __init__(self, plan: EncoderPlan, time_base: Fraction, slots: Slots | None = None) -> None:
        """Prepares for the first frame.

        Args:
            plan: Plan of the encoder.
            time_base: Unit of the frames' time stamps, in seconds.
            slots: Intervals of a container with a constant rate; None where the packets get the frames' times back.
        """
        self._counts = plan.counts_frames
        self._slots = slots
        self._time_base = time_base
        self._encoder_base = plan.time_base
        self._number = 0
        self._is_first = True
        self._inside: dict[int, tuple[int, int]] = {}
        self._begin = 0
        self._last_time = 0
        self._longest = 1
        self._last_dts: int | None = None

    def enter(self, frame: av.VideoFrame) -> None:
        """Records a frame on its way into the encoder, and sets the time that the encoder sees."""
        if frame.pts is None:
            raise ValueError("a frame without a time stamp can't be written")
        if self._is_first:
            self._begin = self._last_time = frame.pts
        self._longest = max(self._longest, frame.duration, frame.pts - self._last_time)
        self._last_time = frame.pts
        if self._slots:
            slot = self._slots.of(frame.pts * (fraction(frame.time_base) or self._time_base))
            self._number = slot if self._is_first else max(slot, self._number)
        self._is_first = False
        if self._counts:
            self._inside[self._number] = (frame.pts, frame.duration)
            frame.pts, frame.duration = self._number, 1
            frame.time_base = self._encoder_base
        else:
            self._inside[frame.pts] = (frame.pts, frame.duration)
        self._number += 1

    def leave(self, packet: av.Packet[Any]) -> None:
        """Sets the final times of a packet on its way out of the encoder."""
        if packet.pts is None or packet.pts not in self._inside:
            return
        number = packet.pts
        time, duration = self._inside.pop(number)
        # Encoders that count frames put out as many packets as frames, a fixed number of frames late.
        delay = 0 if packet.dts is None else number - packet.dts
        if self._counts and not 0 <= delay <= _DEEPEST_REORDERING:
            packet.dts, delay = number, 0  # x265 gives any for a video of one or two frames
        if not self._counts:
            packet.duration = duration
            if packet.dts is None or not self._plausible(packet.dts, time):
                packet.dts = time if self._last_dts is None else min(self._last_dts + 1, time)
        elif self._slots is None:
            packet.pts, packet.duration = time, duration
            packet.dts = time - round(delay * self._encoder_base / self._time_base)
            packet.time_base = self._time_base
        self._last_dts = packet.dts

    def _plausible(self, dts: int, time: int) -> bool:
        """Whether a decoding time can be right; x265 returns any for a video of one or two frames."""
        return self._begin - _DEEPEST_REORDERING * self._longest <= dts <= time


class FrameFitter:
    """Converts frames of the source to the format and size that the encoder takes; most pass unchanged."""

    def __init__(self, plan: EncoderPlan, spec: PlaneSpec) -> None:
        """Prepares for frames with the planes of ``spec``."""
        self._plan = plan
        self._source = Colours(spec.matrix, spec.full_range)
        self._target = plan.colours(spec)
        self._palette = PaletteFitter() if av.VideoFormat(plan.pixel_format).has_palette else None
        self._turner = Turner(plan.turn, spec) if plan.turn else None
        self._reformatter = Reformatter()

    def fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns the frame in the encoder's format and size, with the same time."""
        plan = self._plan
        if self._turner is not None:
            frame = self._turner.turn(frame)
        if frame.format.name != plan.pixel_format or self._source != self._target:
            frame = self._convert(frame)
        if (frame.width, frame.height) != (plan.width, plan.height):
            frame = pad_frame(frame, plan.width, plan.height)
        return frame

    def _convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        plan = self._plan
        planar = "bgra" if self._palette else plan.pixel_format
        converted = convert_colours(frame, planar, self._source, self._target, self._reformatter)
        if self._palette:
            converted = self._palette.fit(converted)
            converted.pts, converted.duration, converted.time_base = frame.pts, frame.duration, frame.time_base
        converted.color_primaries, converted.color_trc = frame.color_primaries, frame.color_trc
        converted.colorspace = plan.colorspace
        converted.color_range = {None: frame.color_range, True: RANGE_FULL, False: RANGE_LIMITED}[plan.full_range]
        return converted


def pad_frame(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """Enlarges a frame by repeating its last column and row; the picture stays at the top left.

    Args:
        frame: Frame in a planar or NV12-like format.
        width: New width, in pixels; at least that of the frame.
        height: New height, in pixels; at least that of the frame.
    """
    padded = av.VideoFrame(width, height, frame.format.name)
    for index in range(plane_count(frame)):
        source, target = plane_rows(frame, index), plane_rows(padded, index)
        group = 2 if index == 1 and len(frame.planes) == 2 else 1  # NV12's chroma samples come in pairs
        columns = np.minimum(np.arange(target.shape[1] // group), source.shape[1] // group - 1)
        rows = np.minimum(np.arange(target.shape[0]), source.shape[0] - 1)
        pixels = source.reshape(source.shape[0], -1, group)
        target[...] = pixels[rows][:, columns].reshape(target.shape)
    padded.pts, padded.duration, padded.time_base = frame.pts, frame.duration, frame.time_base
    padded.colorspace, padded.color_range = frame.colorspace, frame.color_range
    padded.color_primaries, padded.color_trc = frame.color_primaries, frame.color_trc
    return padded
