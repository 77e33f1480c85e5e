"""The beginning of a stream: pictures that a cut has left without those they refer to, and frames without a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.stream import Stream

MOST_PACKETS = 600
"""Largest number of video packets in which the first keyframe and the first time stamp are sought."""

_MOST_BYTES = 1 << 26
"""Largest size in bytes of the packets that are held meanwhile."""

_REORDERED = 16
"""Number of video packets behind the first time stamp that may hold a frame shown before it."""

_STEADY = 4
"""Number of video packets with a time stamp, one after the other, from which on all are taken to have one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first packets of a video stream say.

    Attributes:
        has_keyframe: Whether a keyframe is among them.
        unstamped: Number of frames without a time stamp that are shown before the first one with a time stamp.
        first_stamp: The earliest time stamp, in ticks of the stream; None if there is none.
    """

    has_keyframe: bool = True
    unstamped: int = 0
    first_stamp: int | None = None


def look_ahead(packets: Iterator[av.Packet[Stream]], video: int) -> tuple[Opening, Iterator[av.Packet[Stream]]]:
    """Reads as far as the first keyframe and the first time stamp of the video; mostly that is one packet of it.

    Args:
        packets: Packets of all streams.
        video: Index of the video stream.

    Returns:
        What was found, and all packets.
    """
    read: list[av.Packet[Stream]] = []
    stamps: list[int | None] = []
    has_keyframe, size, known_at = False, 0, None
    for packet in packets:
        read.append(packet)
        size += packet.size
        if packet.stream.index == video and packet.size:
            stamp = packet.dts if packet.pts is None else packet.pts
            stamps.append(stamp)
            has_keyframe = has_keyframe or packet.is_keyframe
            if stamp is not None and known_at is None:
                known_at = len(stamps) - 1
            is_timed = known_at is not None and (known_at == 0 or len(stamps) > known_at + _REORDERED)
            if has_keyframe and is_timed:
                break
        if len(stamps) >= MOST_PACKETS or size > _MOST_BYTES:
            break
    return _opening(stamps, known_at, has_keyframe=has_keyframe), chain(read, packets)


def _opening(stamps: list[int | None], known_at: int | None, *, has_keyframe: bool) -> Opening:
    if not known_at:  # none is known, or the very first one
        return Opening(has_keyframe)
    behind = stamps[known_at:]
    # A picture decoded after the first one with a stamp may be shown before it. Where stamps stay rare, none is told
    # from those that are shown later.
    is_steady = len(behind) >= _STEADY and None not in behind[-_STEADY:]
    unstamped = known_at + (behind.count(None) if is_steady else 0)
    return Opening(has_keyframe, unstamped, min(stamp for stamp in behind if stamp is not None))


class LeadIn:
    """Tells pictures that can't be decoded because of a cut from damage.

    A recording that is cut anywhere begins with pictures that refer to some before the cut: those in front of the first
    keyframe, those shown before it although they come after it (open groups of pictures), and those of a gradual
    refresh until it is complete. Standards have decoders skip them, and no player shows them.

    Attributes:
        skipped: Number of pictures that were left out so far.
    """

    def __init__(self, codec: str, header: bytes, opening: Opening) -> None:
        """Prepares for the first packet.

        Args:
            codec: FFmpeg's name of the decoder.
            header: Codec header of the stream.
            opening: What the first packets say. Without a keyframe among them, nothing is left out.
        """
        self._links = _BrokenLinks(header) if codec == "hevc" else None
        # These decode what they can, and mark it; only the parameters of the stream may be missing.
        self._fails_without_key = not header or codec not in ("h264", "hevc")
        self._is_open = opening.has_keyframe
        self._key_seen = False
        self._key_stamp: int | None = None
        self._is_gradual = False
        self._without_picture = self._faults = 0
        self.skipped = 0

    def leads(self, packet: av.Packet[av.VideoStream]) -> bool:
        """Whether a packet of the stream, asked in order, can't be expected to give a picture."""
        unlinked = self._links is not None and self._links.unlinks(packet)
        if self._is_open:
            if packet.is_keyframe and not self._key_seen:
                self._key_seen, self._key_stamp = True, packet.pts
            elif unlinked or self._is_before_key(packet.pts):
                self._without_picture += not packet.is_discard
                return True
        elif unlinked:
            self.skipped += 1
        return unlinked

    def excuses_fault(self) -> bool:
        """Whether an error of the decoder is that of a packet that leads; threads report it some packets later."""
        self._faults += 1
        return self._is_open and self._fails_without_key and self._faults <= self._without_picture

    def give_up(self) -> int:
        """Takes a stream that is damaged before its first keyframe for damaged, and not for cut.

        Returns:
            Number of packets that were taken to lead and are expected to give a picture after all.
        """
        if self._key_seen or not self._is_open:
            return 0
        expected, self._without_picture = self._without_picture, 0
        self.close()
        return expected

    def shows_before(self, frame: av.VideoFrame) -> bool:
        """Whether a decoded frame is one of a packet that leads."""
        return self._is_open and not frame.key_frame and self._is_before_key(frame.pts)

    def leaves_out(self, frame: av.VideoFrame) -> bool:
        """Whether a decoded frame, asked in order, has to be left out."""
        if not self._is_open:
            return False
        if self.shows_before(frame):
            self._without_picture -= not frame.is_corrupt
            return frame.is_corrupt
        # Decoders mark a frame as a keyframe only where it stands for itself.
        begins_refresh = frame.pts == self._key_stamp and frame.pts is not None
        self._is_gradual = frame.is_corrupt and not frame.key_frame and (self._is_gradual or begins_refresh)
        if self._is_gradual and self.skipped < MOST_PACKETS:
            self.skipped += 1
            return True
        self.close()
        return False

    def close(self) -> None:
        """Ends the beginning."""
        if self._is_open:
            self.skipped += max(self._without_picture, 0)
        self._without_picture = 0
        self._is_open = False

    def _is_before_key(self, stamp: int | None) -> bool:
        if not self._key_seen:
            return True
        return stamp is not None and self._key_stamp is not None and stamp < self._key_stamp


_RASL = (8, 9)
_BLA = (16, 17, 18)
_IRAP = range(16, 24)
_CRA = 21
_END_OF_SEQUENCE = (36, 37)
_SLICES = range(32)


class _BrokenLinks:
    """Finds the pictures of HEVC that are skipped by rule: RASL, where the picture that they follow begins anew."""

    def __init__(self, header: bytes) -> None:
        # The header has this form where units are preceded by their length, and not by a start code.
        self._length_size = (header[21] & 3) + 1 if len(header) > 22 and header[0] == 1 else 0
        self._begins_anew = self._is_unlinked = True

    def unlinks(self, packet: av.Packet[av.VideoStream]) -> bool:
        """Whether a packet, asked in order, holds a picture to be skipped."""
        kinds = self._kinds(bytes(packet))
        at = next((place for place, kind in enumerate(kinds) if kind in _SLICES), len(kinds))
        begins_anew = self._begins_anew or any(kind in _END_OF_SEQUENCE for kind in kinds[:at])
        if at == len(kinds):
            self._begins_anew = begins_anew
            return False
        self._begins_anew = any(kind in _END_OF_SEQUENCE for kind in kinds[at:])
        if kinds[at] in _IRAP:
            self._is_unlinked = kinds[at] in _BLA or (kinds[at] == _CRA and begins_anew)
        return kinds[at] in _RASL and self._is_unlinked

    def _kinds(self, data: bytes) -> list[int]:
        kinds, place = [], 0
        if not self._length_size:
            while (place := data.find(b"\0\0\1", place)) >= 0 and place + 3 < len(data):
                kinds.append(data[place + 3] >> 1 & 63)
                place += 3
            return kinds
        while place + self._length_size < len(data):
            start = place + self._length_size
            kinds.append(data[start] >> 1 & 63)
            place = start + int.from_bytes(data[place:start], "big")
        return kinds
