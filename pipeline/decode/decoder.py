"""Decoding the packets of the video stream to frames, and counting the faults of the stream."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.codec.context import Flags

from network.counting import count_of
from pipeline.decode.faults import FaultLog
from pipeline.decode.frame_times import FrameTimes
from pipeline.decode.lead_in import LeadIn, Opening
from pipeline.decode.native_frames import NativeFrames
from pipeline.media.alpha import decoder_with_alpha, is_with_alpha
from pipeline.media.pyav18 import fraction
from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.decode.limits import LimitGuard

_REPLAY_PACKETS = 600
"""Largest number of packets since the last keyframe that are kept to decode the end of a damaged file again."""

_PICTURE_PER_PACKET = {"h264", "hevc", "mjpeg"}
"""Names of the decoders for codecs where each packet of a progressive video holds one visible picture."""


class FrameDecoder:
    """Decodes one video stream.

    A packet that can't be decoded is counted and left out. A frame that the decoder marked as damaged is counted and
    kept. A picture that can't be decoded because of a cut is left out, and is no damage. All frames have the size and
    format of the first frame, and strictly increasing time stamps.

    Attributes:
        faults: Damage and surprises so far.
        frames: The frames' native format, and the first one.
        plain_first: The first frame without its alpha, where the decoder that reads the alpha does not know what the
            container says of the picture, such as its rotation; else None.
    """

    def __init__(
        self,
        stream: av.VideoStream,
        rate: Fraction | None,
        guard: LimitGuard,
        *,
        deinterlace: bool,
        waits: bool = False,
    ) -> None:
        """Prepares the decoder.

        Args:
            stream: Video stream of an open input.
            rate: Frame rate in frames a second, used for frames without a time stamp; None if unknown.
            guard: Checker that refuses frames over the limits.
            deinterlace: Whether to turn interlaced frames into progressive frames; if not, interlaced video is refused.
            waits: Whether a frame after a gap may wait for the next one, which shows whether the gap is one.

        Raises:
            LimitError: If the header says that pictures are larger than the limits.
        """
        guard.check_picture(stream.codec_context.width, stream.codec_context.height)
        self._stream = stream
        self._codec = stream.codec_context
        self._name = stream.codec_context.name
        self._guard = guard
        time_base = fraction(stream.time_base) or Fraction(1, 90000)
        self._time_base = time_base
        self._times = FrameTimes(time_base, rate, stream.container.format.name, waits=waits)
        self._lead_in = LeadIn(self._name, b"", Opening(has_keyframe=False))
        self._recent: list[av.Packet[av.VideoStream]] = []
        self._recent_faults = 0
        self._without_picture = 0
        self._last_pts: int | None = None
        self.plain_first: av.VideoFrame | None = None
        self.faults = FaultLog(time_base)
        self.frames = NativeFrames(time_base, self.faults, deinterlace=deinterlace)

    def begin(self, opening: Opening) -> None:
        """Prepares for the first packet.

        Args:
            opening: What the first packets say.
        """
        self._lead_in = LeadIn(self._name, bytes(self._stream.codec_context.extradata or b""), opening)
        self._times.begin(opening)

    def decode(self, packet: av.Packet[av.VideoStream]) -> Iterator[av.VideoFrame]:
        """Yields the frames that a packet completes; an empty packet ends the stream.

        Raises:
            InputError: If the video is interlaced and was not to be deinterlaced.
        """
        if packet.size == 0:
            yield from self._drain(packet)
            return
        leads = self._lead_in.leads(packet)
        self._without_picture += not (packet.is_discard or leads)
        if packet.is_corrupt:
            self.faults.damaged("the container marks a packet as damaged", packet.pts, packet.dts)
        self._remember(packet)
        if is_with_alpha(packet, self._codec):
            self._read_alpha(packet)
        try:
            frames = self._codec.decode(packet)
        except (av.error.FFmpegError, ValueError) as error:  # ValueError: the decoder could not be opened before
            if self.frames.first is None:
                self._guard.check_picture(self._codec.width, self._codec.height)
            self._recent_faults += 1
            if not self._lead_in.excuses_fault():
                self._without_picture += self._lead_in.give_up()
                self._fault(error, packet)
            return
        for frame in frames:
            yield from self._finish(frame)

    def _remember(self, packet: av.Packet[av.VideoStream]) -> None:
        """Keeps what later packets and frames may need of a packet."""
        self._times.remember(packet)
        if packet.is_keyframe:
            self._recent.clear()
            self._recent_faults = 0
        if len(self._recent) < _REPLAY_PACKETS:
            self._recent.append(packet)

    def close(self, *, is_whole: bool) -> None:
        """Adds the notes and the damage that are known only at the end. Call it once, after the last packet.

        Args:
            is_whole: Whether every packet of the stream was read and the decoder was drained. Only then is a packet
                without a picture reported as damage.
        """
        self._lead_in.close()
        if is_whole and self._lead_in.skipped:
            count = count_of(self._lead_in.skipped, "picture")
            text = f"{count} at a cut can't be decoded, because others before it are missing; left out"
            self.faults.note(NoteCode.PICTURES_SKIPPED, text)
        if is_whole and self._without_picture > 0 and self._name in _PICTURE_PER_PACKET and not self.frames.interlaced:
            self.faults.damage.append(f"{count_of(self._without_picture, 'packet')} gave no picture")
        self._times.tell(self.faults)
        self.frames.tell()

    def _drain(self, end: av.Packet[av.VideoStream]) -> Iterator[av.VideoFrame]:
        try:
            for frame in self._codec.decode(end):
                yield from self._finish(frame)
        except av.error.EOFError:
            pass
        except (av.error.FFmpegError, ValueError):
            yield from self._replay()
        yield from self._native(self._times.flush())
        yield from self.frames.flush()

    def _replay(self) -> Iterator[av.VideoFrame]:
        """Decodes the packets since the last keyframe again, and yields the frames that are still missing.

        A decoder that works on several frames at once reports the faults of the last packets only when it is drained.
        PyAV can't go on draining it after the first fault. The decoder used here works on one frame at a time and
        reports each fault with its packet.
        """
        if len(self._recent) == _REPLAY_PACKETS or self._last_pts is None:
            self.faults.damaged("the last frames could not be decoded")
            self.faults.corrupt_packets += 1
            return
        original = self._codec
        decoder: Any = av.CodecContext.create(original.codec.name, "r")
        decoder.extradata = original.extradata
        decoder.options = self._guard.limits.decoder_options
        decoder.thread_type = "SLICE"
        decoder.flags |= Flags.output_corrupt
        last_pts, faults = self._last_pts, 0
        for packet in (*self._recent, None):
            try:
                frames = decoder.decode(packet)
            except av.error.FFmpegError as error:
                faults += 1
                if packet is not None and faults > self._recent_faults:
                    self._fault(error, packet)
                continue
            for frame in frames:
                if frame.pts is not None and frame.pts > last_pts:
                    frame.time_base = self._time_base
                    yield from self._finish(frame)

    def _read_alpha(self, packet: av.Packet[av.VideoStream]) -> None:
        """Changes to a decoder that reads the alpha, if the stream begins with it."""
        if self.frames.first is not None:
            text = "transparency is dropped, because the first frame has none"
            self.faults.note_once(NoteCode.ALPHA_DROPPED, text, text)
            return
        self.plain_first = _first_frame(self._codec, packet)
        self._codec = decoder_with_alpha(self._codec, self._guard.limits.decoder_options)

    def _fault(self, error: av.error.FFmpegError | ValueError, packet: av.Packet[av.VideoStream]) -> None:
        self.faults.corrupt_packets += 1
        self._without_picture -= 1
        context = self._codec
        excess = self._guard.limits.picture_excess(context.width, context.height)
        words = getattr(error, "strerror", "") or str(error)
        reason = f"its picture is {excess}" if excess else words.lower()
        self.faults.damaged(f"a packet could not be decoded ({reason})", packet.pts, packet.dts)

    def _finish(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        if not frame.time_base:
            frame.time_base = self._time_base
        self._without_picture -= not self._lead_in.shows_before(frame)
        if self._lead_in.leaves_out(frame):
            return
        if frame.is_corrupt:
            self.faults.corrupt_frames += 1
            self.faults.damaged("a frame is damaged", frame.pts, frame.dts)
        self._last_pts = frame.pts
        if not self._is_too_large(frame):
            yield from self._native(self._times.push(frame))

    def _native(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for frame in frames:
            self._guard.count(frame)
            yield from self.frames.push(frame)

    def _is_too_large(self, frame: av.VideoFrame) -> bool:
        """Whether a frame is over the limits, to be counted and left out; raises LimitError for the first frame."""
        if self.frames.spec is None:
            self._guard.check_picture(frame.width, frame.height)
        excess = self._guard.limits.picture_excess(frame.width, frame.height)
        if excess:
            self.faults.corrupt_frames += 1
            self.faults.damaged(f"a frame is {excess}; left out", frame.pts, frame.dts)
        return bool(excess)


def _first_frame(decoder: av.VideoCodecContext, packet: av.Packet[av.VideoStream]) -> av.VideoFrame | None:
    """The frame of the first packet of a stream; None if it can't be decoded."""
    try:
        return next(iter([*decoder.decode(packet), *decoder.decode(None)]), None)
    except av.error.FFmpegError:
        return None
    finally:
        decoder.flush_buffers()  # another decoder of the same stream may ask once more
