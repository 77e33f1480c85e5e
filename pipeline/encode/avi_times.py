"""Times of copied streams in AVI, which stores none: it counts packets, each as long as the header says.

FFmpeg writes a length that is right for what its own encoders made. Of copied sound it may be off by any factor, and
what begins late begins at zero. So the header of sound is corrected when the file is complete. What is still off then
is named.
"""

from __future__ import annotations

import math
import statistics
import struct
from array import array
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from network.names import as_url
from pipeline.media.pyav18 import fraction, open_media
from pipeline.media.stream_names import codec_name, describe
from pipeline.media.timestamps import COUNTING_PACKETS
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from av.stream import Stream

_ROUGH = 0.0015
"""Seconds by which the time between two packets may differ from the usual one without a gap."""

_HEADERS = 1 << 20
"""Bytes at the beginning of a file that hold the headers of its streams."""

_FINEST = Fraction(1, 1000)
"""Least length of a packet of sound, in seconds. Where FFmpeg takes it for shorter, it does not know the codec's."""

_MP3 = 0x55
"""AVI's code of MPEG sound of layer 3."""


def counts_packets(format_name: str, stream: Stream) -> bool:
    """Whether a container places a stream by counting its packets.

    Args:
        format_name: FFmpeg's name of the container.
        stream: Stream of the input.
    """
    is_timed = stream.type in ("audio", "video") and not codec_name(stream).startswith("pcm_")
    return format_name in COUNTING_PACKETS and is_timed


def is_untimed(format_name: str, stream: Stream, written: Stream) -> bool:
    """Whether FFmpeg can't count a stream's packets, and would write thousands of empty ones between them.

    Args:
        format_name: FFmpeg's name of the container.
        stream: Stream of the input.
        written: Its copy, in a container whose header is written.
    """
    is_sound = stream.type == "audio" and counts_packets(format_name, stream)
    return is_sound and (fraction(written.time_base) or 1) < _FINEST


class PacketTimes:
    """Times and sizes of the packets of one stream; FFmpeg's own index takes more memory."""

    def __init__(self) -> None:
        """Prepares for the first packet."""
        self.times = array("d")
        self._sizes = array("I")

    def add(self, time: Fraction, size: int) -> None:
        """Records a packet: its time in the output, in seconds, and its size, in bytes."""
        self.times.append(float(time))
        self._sizes.append(size)

    def header(self, rate: int, align: int, size: int, tick: Fraction) -> tuple[Fraction, int, int, int, int]:
        """What the header of sound should say.

        Args:
            rate: Samples a second.
            align: Bytes of a block, as the muxer has written it.
            size: Bytes of a unit, as the muxer has written it; 0 if a packet is one.
            tick: Seconds of one unit, as the muxer has written it.

        Returns:
            Seconds of one unit, the first unit, the number of units, the bytes of a unit if all have as many, else 0,
            and the bytes of a block. A packet takes a unit, or one for each of its blocks.
        """
        full = math.gcd(*self._sizes[:-1]) or self._sizes[0]
        has_blocks = size > 1 and full % size == 0
        steps = [b - a for a, b in pairwise(self.times)]
        usual = statistics.median(steps) if steps else 0.0
        steady = [place for place, step in enumerate(steps) if abs(step - usual) <= _ROUGH]
        if steady:
            seconds = math.fsum(steps[place] for place in steady)
            units = sum(self._sizes[place] for place in steady) / size if has_blocks else len(steady)
            tick = Fraction(max(round(seconds / units * rate), 1), rate)
        begin = max(round(Fraction(self.times[0]) / tick), 0)
        if has_blocks:
            return tick, begin, -(-sum(self._sizes) // size), size, align
        return tick, begin, len(self.times), 0, max(align, *self._sizes)


def place_sound(file: BinaryIO, sounds: Mapping[int, PacketTimes]) -> dict[int, int]:
    """Writes into a complete AVI file how long the packets of sound are, and when the first one begins.

    Args:
        file: File that can be read, written and sought.
        sounds: Times of the packets, by the number of the stream.

    Returns:
        Bytes of a unit of each stream whose units all have as many.

    Raises:
        OSError: If the file can't be read or written.
    """
    file.seek(0)
    data = file.read(_HEADERS)
    sizes: dict[int, int] = {}
    for number, (header, form) in enumerate(_streams(data)):
        packets = sounds.get(number)
        if packets is None or not packets.times or data[header : header + 4] != b"auds":
            continue
        scale, units = struct.unpack_from("<2I", data, header + 20)
        (size,) = struct.unpack_from("<I", data, header + 44)
        code, _, rate, _, align = struct.unpack_from("<2H2IH", data, form)
        if not (scale and units and rate):
            continue
        if code == _MP3:  # of which FFmpeg counts packets whatever is said
            size = 0
        tick, begin, length, size, block = packets.header(rate, align, size, Fraction(scale, units))
        for place, layout, values in (
            (header + 20, "<4I", (tick.numerator, tick.denominator, begin, length)),
            (header + 44, "<I", (size,)),
            (form + 12, "<H", (min(block, 0xFFFF),)),
        ):
            file.seek(place)
            file.write(struct.pack(layout, *values))
        if size:
            sizes[number] = size
    return sizes


def moved(path: Path, streams: Mapping[int, tuple[Stream, PacketTimes]], sizes: Mapping[int, int]) -> list[Note]:
    """Names what is not where it was, from the index of a complete AVI file.

    Args:
        path: The file.
        streams: Stream of the input and times of the packets, by the number of the stream in the file.
        sizes: What :func:`place_sound` has returned.
    """
    notes = []
    with open_media(as_url(path)) as output:
        for number, (stream, packets) in streams.items():
            written = output.streams[number]
            entries, tick = written.index_entries, fraction(written.time_base) or Fraction(0)
            if not packets.times or len(entries) != len(packets.times):
                continue
            unit = 1000 * tick / sizes.get(number, 1)  # of those, the index counts bytes
            off = [float(e.timestamp * unit) - 1000 * time for e, time in zip(entries, packets.times, strict=True)]
            if max(map(abs, off)) <= 1000 * max(tick / 2, _FINEST):
                continue
            worst = max(off, key=abs)
            text = (
                f"avi stores no times: {describe(stream)} comes up to {abs(worst):.0f} ms too "
                f"{'early' if worst < 0 else 'late'}, at its begin {abs(off[0]):.0f} ms; mkv and mp4 keep its times"
            )
            notes.append(Note(NoteCode.SYNC_CHANGED, text, stream.index))
    return notes


def _streams(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields for each stream where its header and its format begin."""
    header = None
    for kind, begin in _chunks(data, 12, len(data)):
        if kind == b"strh":
            header = begin
        elif kind == b"strf" and header is not None:
            yield header, begin
            header = None


def _chunks(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yields the kind and the begin of the content of each chunk in front of the packets."""
    while begin + 12 <= end:
        kind, size = data[begin : begin + 4], int.from_bytes(data[begin + 4 : begin + 8], "little")
        if kind == b"LIST":
            if data[begin + 8 : begin + 12] == b"movi":
                return
            yield from _chunks(data, begin + 12, min(begin + 8 + size, end))
        else:
            yield kind, begin + 8
        begin += 8 + size + size % 2
