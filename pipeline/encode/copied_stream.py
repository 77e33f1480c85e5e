"""One stream that is copied to an output: the times of its packets, and what became of them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from network.counting import count_of, were
from pipeline.encode.avi_times import PacketTimes, counts_packets
from pipeline.encode.container import MOV_FAMILY
from pipeline.encode.silence import Silence
from pipeline.media.stream_names import describe
from pipeline.media.timestamps import Timeline
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    import av
    from av.stream import Stream

    from pipeline.encode.stream_copy import StreamCopy


class CopiedStream:
    """A stream of the input and its copy in the output.

    Attributes:
        plan: How it is copied.
        stream: Stream of the output.
        index: Its number.
        is_proven: Whether the container has shown that it takes its packets.
        refused: Number of packets that the container refused.
        written: Number of packets that it took.
        silence: What fills gaps of the sound; None where it needs nothing.
        times: Times of the packets, where the container has to be told them at the end; else None.
    """

    def __init__(self, plan: StreamCopy, stream: Stream, format_name: str) -> None:
        """Prepares for the first packet.

        Args:
            plan: How the stream is copied.
            stream: Stream of the output.
            format_name: FFmpeg's name of the output's container.
        """
        source = plan.stream
        self.plan, self.stream = plan, stream
        self.index = stream.index  # PyAV tells it of open files alone
        # A sample of streams of other types was tried by the plan.
        self.is_proven = source.type not in ("audio", "video")
        self.refused = self.written = 0
        self.silence = Silence(source) if Silence.is_needed(format_name, source) else None
        self.times = PacketTimes() if counts_packets(format_name, source) else None
        self._timeline = Timeline(1, round(10 / source.time_base) if source.time_base else 10**6)
        # A track of these would end where its last packet begins.
        self._needs_durations = source.type == "audio" and format_name in MOV_FAMILY

    @property
    def source(self) -> Stream:
        """Stream of the input."""
        return self.plan.stream

    def place(self, packet: av.Packet[Any]) -> None:
        """Repairs the times of a packet."""
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None:
            return
        before, placed = self._timeline.last, self._timeline.place(packet.dts, duration=packet.duration)
        if not packet.duration and self._needs_durations:
            packet.duration = self._usual_duration() if before is None else placed - before
        if packet.pts is not None and placed != packet.dts:
            # The presentation time moves along, so that a repair never turns it before the decoding time.
            packet.pts = max(packet.pts + placed - packet.dts, placed)
        packet.dts = placed

    @property
    def notes(self) -> list[Note]:
        """What became of the packets, one line each. Complete after the last one."""
        name, rows = describe(self.source), []
        if self.refused:
            text = f"{count_of(self.refused, 'packet')} of {name} {were(self.refused)} refused by the container"
            rows.append((NoteCode.PACKETS_REFUSED, text))
        if self.silence and self.silence.added:
            text = f"{float(self.silence.added):.2f} s of silence fill the gaps of {name}"
            rows.append((NoteCode.SILENCE_ADDED, text))
        if self._timeline.jumps:
            rows.append((NoteCode.CLOCK_JUMPED, f"the clock of {name} jumped back; the rest was moved up"))
        return [Note(code, text, self.source.index) for code, text in rows]

    def _usual_duration(self) -> int:
        """How long a packet is, in ticks, by the codec; 0 if that has no usual length."""
        context: Any = self.source.codec_context
        seconds = Fraction(context.frame_size or 0, context.sample_rate or 1)
        return round(seconds / self.source.time_base) if self.source.time_base else 0
