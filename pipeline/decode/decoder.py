"""Decoding the packets of the video stream to frames in a native format, and counting the faults of the stream."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.codec.context import Flags
from av.video.reformatter import VideoReformatter

from network.counting import count_of
from pipeline.decode.deinterlace import Deinterlacer
from pipeline.decode.lead_in import LeadIn, Opening
from pipeline.errors import InputError
from pipeline.media.alpha import decoder_with_alpha, is_with_alpha
from pipeline.media.dolby_vision import DolbyVisionKeeper
from pipeline.media.frames import convert_frame, format_of, on_host, spec_of
from pipeline.media.native_formats import depth_of
from pipeline.media.pyav18 import fraction
from pipeline.media.timestamps import Timeline
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.planes import PlaneSpec
    from pipeline.decode.limits import LimitGuard

_DAMAGE_LINES = 20
"""Largest number of faults that are listed with their time; further faults are only counted."""

_REPLAY_PACKETS = 600
"""Largest number of packets since the last keyframe that are kept to decode the end of a damaged file again."""

_EXPORTED = {"nv12", "p010le", "p016le"}
"""Pixel formats of frames on a GPU that PyAV can export."""

_COMPLETED = "frames without Dolby Vision metadata take that of the frame before"

_PICTURE_PER_PACKET = {"h264", "hevc", "mjpeg"}
"""Names of the decoders for codecs where each packet of a progressive video holds one visible picture."""


_COUNTS_PACKETS = {"avi"}
"""Containers that say only when a packet is decoded: times of display are FFmpeg's guess, and wrong for some codecs."""


class FrameDecoder:
    """Decodes one video stream.

    A packet that can't be decoded is counted and left out. A frame that the decoder marked as damaged is counted and
    kept. A picture that can't be decoded because of a cut is left out, and is no damage. All frames have the size and
    format of the first frame, and strictly increasing time stamps.

    Attributes:
        interlaced: Whether the first frame was interlaced.
        first: The first frame, in its native format and in the processor's memory; None until it is decoded.
        plain_first: The first frame without its alpha, where the decoder that reads the alpha does not know what the
            container says of the picture, such as its rotation; else None.
        is_on_device: Whether frames are decoded on a GPU and stay there.
        spec: Layout of the planes of every frame; None until the first frame is decoded.
        corrupt_packets: Number of packets that could not be decoded.
        corrupt_frames: Number of frames that came out damaged.
        damage: Faults with their time, one line each; at most 20 lines.
        notes: Notes for the user on conversions and surprises, one line each.
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
        self._deinterlace = deinterlace
        self._counts_packets = stream.container.format.name in _COUNTS_PACKETS
        self._waits = waits and not self._counts_packets
        self._time_base = fraction(stream.time_base) or Fraction(1, 90000)
        self._reformatter = VideoReformatter()
        self._deinterlacer: Deinterlacer | None = None
        self._pixel_format = ""
        self._dolby_vision = DolbyVisionKeeper()
        step = round(1 / (rate * self._time_base)) if rate else round(Fraction(1, 25) / self._time_base)
        self._interval = 1 / (rate * self._time_base) if rate else Fraction(step)
        self._timeline = Timeline(step, jump=round(10 / self._time_base))
        self._lead_in = LeadIn(self._name, b"", Opening(has_keyframe=False))
        self._interlaced_frames = 0
        self.interlaced = False
        self._noted: set[str] = set()
        self._first_format = ""
        self._first_size = (0, 0)
        self._recent: list[av.Packet[av.VideoStream]] = []
        self._recent_faults = 0
        self._durations: dict[int, int] = {}
        self._without_picture = 0
        self._last_pts: int | None = None
        self._dts: int | None = None
        self._least_step: int | None = None
        self._held: av.VideoFrame | None = None
        self.first: av.VideoFrame | None = None
        self.plain_first: av.VideoFrame | None = None
        self.is_on_device = False
        self.spec: PlaneSpec | None = None
        self.corrupt_packets = 0
        self.corrupt_frames = 0
        self.damage: list[str] = []
        self.notes: list[Note] = []

    def begin(self, opening: Opening) -> None:
        """Prepares for the first packet.

        Args:
            opening: What the first packets say.
        """
        self._lead_in = LeadIn(self._name, bytes(self._stream.codec_context.extradata or b""), opening)
        if opening.first_stamp is not None:
            self._timeline.count_back(opening.unstamped, opening.first_stamp, max(self._interval, Fraction(1)))

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
            self._damaged("the container marks a packet as damaged", packet.pts, packet.dts)
        self._remember(packet)
        if is_with_alpha(packet, self._codec):
            self._read_alpha(packet)
        try:
            frames = self._codec.decode(packet)
        except (av.error.FFmpegError, ValueError) as error:  # ValueError: the decoder could not be opened before
            if self.first is None:
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
        if packet.pts is not None and packet.duration:
            self._durations[packet.pts] = packet.duration
            if len(self._durations) > _REPLAY_PACKETS:
                del self._durations[next(iter(self._durations))]
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
        timeline = self._timeline
        self._lead_in.close()
        if is_whole and self._lead_in.skipped:
            count = count_of(self._lead_in.skipped, "picture")
            text = f"{count} at a cut can't be decoded, because others before it are missing; left out"
            self._note(NoteCode.PICTURES_SKIPPED, text)
        if is_whole and self._without_picture > 0 and self._name in _PICTURE_PER_PACKET and not self.interlaced:
            self.damage.append(f"{count_of(self._without_picture, 'packet')} gave no picture")
        if timeline.repaired:
            text = f"{count_of(timeline.repaired, 'frame')} had no time stamp or one out of order; repaired"
            self._note(NoteCode.TIMES_REPAIRED, text)
        if timeline.jumps:
            text = f"the video's clock jumped back {count_of(timeline.jumps, 'time')}; the rest was moved up"
            self._note(NoteCode.CLOCK_JUMPED, text)
        if self._interlaced_frames and not self._deinterlacer:
            self._note(
                NoteCode.INTERLACED_FRAMES,
                f"{count_of(self._interlaced_frames, 'interlaced frame')} in a progressive stream; kept as they are",
            )

    def _drain(self, end: av.Packet[av.VideoStream]) -> Iterator[av.VideoFrame]:
        try:
            for frame in self._codec.decode(end):
                yield from self._finish(frame)
        except av.error.EOFError:
            pass
        except (av.error.FFmpegError, ValueError):
            yield from self._replay()
        held, self._held = self._held, None
        if held is not None:
            yield from self._release(held)
        if self._deinterlacer:
            for frame in self._deinterlacer.flush():
                yield self._to_native(frame)

    def _replay(self) -> Iterator[av.VideoFrame]:
        """Decodes the packets since the last keyframe again, and yields the frames that are still missing.

        A decoder that works on several frames at once reports the faults of the last packets only when it is drained.
        PyAV can't go on draining it after the first fault. The decoder used here works on one frame at a time and
        reports each fault with its packet.
        """
        if len(self._recent) == _REPLAY_PACKETS or self._last_pts is None:
            self._damaged("the last frames could not be decoded")
            self.corrupt_packets += 1
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
        if self.first is not None:
            text = "transparency is dropped, because the first frame has none"
            self._note_once(NoteCode.ALPHA_DROPPED, text, text)
            return
        self.plain_first = _first_frame(self._codec, packet)
        self._codec = decoder_with_alpha(self._codec, self._guard.limits.decoder_options)

    def _fault(self, error: av.error.FFmpegError | ValueError, packet: av.Packet[av.VideoStream]) -> None:
        self.corrupt_packets += 1
        self._without_picture -= 1
        context = self._codec
        excess = self._guard.limits.picture_excess(context.width, context.height)
        words = getattr(error, "strerror", "") or str(error)
        reason = f"its picture is {excess}" if excess else words.lower()
        self._damaged(f"a packet could not be decoded ({reason})", packet.pts, packet.dts)

    def _to_native(self, frame: av.VideoFrame) -> av.VideoFrame:
        assert self.spec is not None, "the first frame has set it"
        if frame.sw_format is not None and not _is_handed_over(frame):
            what = f"frames of {frame.width}x{frame.height} in {format_of(frame)} can't stay on the GPU"
            self._note_once(NoteCode.HARDWARE, what, f"{what}; they go through the memory of the processor")
            frame = on_host(frame)
        return convert_frame(frame, self.spec, self._pixel_format, self._reformatter)

    def _finish(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        if not frame.time_base:
            frame.time_base = self._time_base
        self._without_picture -= not self._lead_in.shows_before(frame)
        if self._lead_in.leaves_out(frame):
            return
        if frame.is_corrupt:
            self.corrupt_frames += 1
            self._damaged("a frame is damaged", frame.pts, frame.dts)
        self._last_pts = frame.pts
        if frame.pts is not None:
            # Some decoders (VP9's) drop the duration.
            frame.duration = frame.duration or self._durations.pop(frame.pts, 0)
        if self._is_too_large(frame):
            return
        held, self._held = self._held, None
        if held is not None:
            yield from self._release(held, self._replacement(held.pts, frame.pts))
        if self._timeline.leaps(frame.pts) or (self._waits and self._timeline.strides(frame.pts)):
            self._held = frame
        else:
            yield from self._release(frame)

    def _replacement(self, held: int | None, following: int | None) -> int | None:
        """A better stamp for a frame that was held; None if its own is right.

        A stamp that leaps is wrong if the frame behind it goes on where the one before it was.
        """
        if held is None or following is None or not self._timeline.continues(following):
            return None
        is_between = held <= following and not self._timeline.leaps(held)
        return None if is_between else self._timeline.midway(following)

    def _is_too_large(self, frame: av.VideoFrame) -> bool:
        """Whether a frame is over the limits, to be counted and left out; raises LimitError for the first frame."""
        if self.spec is None:
            self._guard.check_picture(frame.width, frame.height)
        excess = self._guard.limits.picture_excess(frame.width, frame.height)
        if excess:
            self.corrupt_frames += 1
            self._damaged(f"a frame is {excess}; left out", frame.pts, frame.dts)
        return bool(excess)

    def _release(self, frame: av.VideoFrame, instead: int | None = None) -> Iterator[av.VideoFrame]:
        """Yields a frame in its native format, with a repaired time stamp; ``instead`` replaces one that is wrong."""
        stamps = (frame.pts, frame.dts)
        if instead is not None:
            stamps = (None, instead)
        elif self._counts_packets:
            stamps = (self._decoded_at(frame.dts), frame.pts)
        frame.pts = self._timeline.place(*stamps, frame.duration)
        self._guard.count(frame)
        if self.spec is None:
            self._start(frame)
        self._interlaced_frames += frame.interlaced_frame
        self._note_change(frame)
        native, was_completed = self._dolby_vision.complete(self._to_native(frame))
        if was_completed:
            self._note_once(NoteCode.FRAMES_CHANGED, _COMPLETED, _COMPLETED)
        if self.first is None:
            self.first = on_host(native)
            self.is_on_device = native is not self.first
        if self._deinterlacer is None:
            yield native
            return
        for progressive in self._deinterlacer.push(native):
            yield self._to_native(progressive)

    def _decoded_at(self, stamp: int | None) -> int | None:
        """The decoding time of a frame; the last ones come out when there is no packet left to have one."""
        if stamp is None:
            stamp = None if self._dts is None else self._dts + (self._least_step or 1)
        elif self._dts is not None:
            step = max(stamp - self._dts, 1)
            self._least_step = min(step, self._least_step or step)
        self._dts = stamp
        return stamp

    def _start(self, frame: av.VideoFrame) -> None:
        if frame.interlaced_frame and not self._deinterlace:
            raise InputError(
                "the video is interlaced: each frame holds two moments, which can't be deblurred as one picture; "
                "add `deinterlace` to turn it into progressive frames first",
                field="deinterlace",
            )
        self.interlaced = frame.interlaced_frame
        self.spec, self._pixel_format = spec_of(frame)
        name = format_of(frame)
        self._first_size = (frame.width, frame.height)
        self._first_format = name
        if name != self._pixel_format and not name.startswith("yuvj"):
            self._note(NoteCode.PIXEL_FORMAT, f"pixel format {name} is processed as {self._pixel_format}")
        if depth_of(name) > 16:
            self._note(NoteCode.DEPTH_REDUCED, f"{name} has more than 16 bits; reduced to 16")
        if self._deinterlace:
            self._deinterlacer = Deinterlacer(self._to_native(frame), self._time_base)

    def _note_change(self, frame: av.VideoFrame) -> None:
        if (frame.width, frame.height) != self._first_size:
            what, done = f"frames of {frame.width}x{frame.height}", "scaled"
        elif format_of(frame) != self._first_format:
            what, done = f"frames in {format_of(frame)}", "converted"
        else:
            return
        text = f"{what} from {frame.time or 0:.3f} s on are {done} to those of the first frame"
        self._note_once(NoteCode.FRAMES_CHANGED, what, text)

    def _note(self, code: NoteCode, text: str) -> None:
        self.notes.append(Note(code, text))

    def _note_once(self, code: NoteCode, what: str, text: str) -> None:
        if what not in self._noted:
            self._noted.add(what)
            self._note(code, text)

    def _damaged(self, what: str, *stamps: int | None) -> None:
        if len(self.damage) < _DAMAGE_LINES:
            stamp = next((value for value in stamps if value is not None), None)
            place = "at an unknown time" if stamp is None else f"at {float(stamp * self._time_base):.3f} s"
            self.damage.append(f"{place}: {what}")


def _first_frame(decoder: av.VideoCodecContext, packet: av.Packet[av.VideoStream]) -> av.VideoFrame | None:
    """The frame of the first packet of a stream; None if it can't be decoded."""
    try:
        return next(iter([*decoder.decode(packet), *decoder.decode(None)]), None)
    except av.error.FFmpegError:
        return None
    finally:
        decoder.flush_buffers()  # another decoder of the same stream may ask once more


def _is_handed_over(frame: av.VideoFrame) -> bool:
    """Whether PyAV exports the planes of a frame on a GPU in full; it cuts the chroma planes of frames of odd size."""
    return format_of(frame) in _EXPORTED and frame.width % 2 == 0 and frame.height % 2 == 0
