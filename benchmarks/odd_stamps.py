"""Puts time stamps into a finished file that no muxer would write. For ``odd_files.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odd_boxes import boxes

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TS_PACKET = 188


@dataclass(frozen=True)
class Stamp:
    """The place of a stored time stamp, or of the time to the next one.

    Attributes:
        read: Function that reads it, in ticks.
        write: Function that overwrites it; None takes it away.
    """

    read: Callable[[], int]
    write: Callable[[int | None], None]


def patch_stamps(path: Path, container: str, fault: str, rng: random.Random) -> None:
    """Makes time stamps of the video faulty.

    Args:
        path: File that is changed. Its video is the first stream.
        container: Key of ``odd_recipes.CONTAINERS``.
        fault: One of ``odd_recipes.PATCHED``.
        rng: Random generator that decides which stamps.
    """
    data = bytearray(path.read_bytes())
    if container in ("mp4", "mov"):
        _patch_durations(data, fault, rng)
    else:
        stamps = list({"mkv": _matroska, "webm": _matroska, "ts": _transport, "flv": _flash}[container](data))
        _patch(stamps, fault, rng)
    path.write_bytes(data)


def _patch(stamps: list[Stamp], fault: str, rng: random.Random) -> None:
    if len(stamps) < 4:
        return
    place = rng.randrange(2, len(stamps) - 1)
    before, present = stamps[place - 1].read(), stamps[place].read()
    if fault == "repeated":
        stamps[place].write(before)
    elif fault == "backwards":
        stamps[place].write(stamps[place - 2].read() - 1 if place > 2 else before)
    elif fault == "leap":
        stamps[place].write(present + 30_000)
    elif fault == "missing":
        stamps[place].write(None)
    else:
        for stamp in stamps[: rng.randrange(1, 3)]:
            stamp.write(None)


def _patch_durations(data: bytearray, fault: str, rng: random.Random) -> None:
    """MP4 stores the time from each frame to the next: 0 repeats a stamp, a long one leaps."""
    table = next((begin for kind, begin, _ in boxes(data) if kind == b"stts"), None)
    count = int.from_bytes(data[table + 4 : table + 8], "big") if table is not None else 0
    if table is None or count < 3:
        return
    place = table + 8 + 8 * rng.randrange(count - 1) + 4
    delta = int.from_bytes(data[place : place + 4], "big")
    data[place : place + 4] = (0 if fault in ("repeated", "backwards") else delta * 50).to_bytes(4, "big")


def _number(data: bytearray, begin: int, size: int, *, signed: bool = False) -> Stamp:
    def read() -> int:
        return int.from_bytes(data[begin : begin + size], "big", signed=signed)

    def write(value: int | None) -> None:
        low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
        data[begin : begin + size] = min(max(value or 0, low), high).to_bytes(size, "big", signed=signed)

    return Stamp(read, write)


def _matroska(data: bytearray) -> Iterator[Stamp]:
    """Stamps of the blocks of track 1, counted from the beginning of their cluster."""

    def vint(place: int, *, keep: bool) -> tuple[int, int]:
        length = 9 - data[place].bit_length()
        value = int.from_bytes(data[place : place + length], "big")
        return (value if keep else value & ~(1 << 7 * length)), length

    def walk(place: int, end: int) -> Iterator[Stamp]:
        while place < end:
            kind, length = vint(place, keep=True)
            size, more = vint(place + length, keep=False)
            place += length + more
            unknown = size == (1 << 7 * more) - 1
            stop = end if unknown else min(place + size, end)
            if kind in (0x18538067, 0x1F43B675, 0xA0):  # segment, cluster, group of blocks
                yield from walk(place, stop)
            elif kind in (0xA1, 0xA3) and data[place] == 0x81:
                yield _number(data, place + 1, 2, signed=True)
            place = stop

    yield from walk(0, len(data))


def _flash(data: bytearray) -> Iterator[Stamp]:
    place = 9 + 4
    while place + 11 <= len(data):
        size = int.from_bytes(data[place + 1 : place + 4], "big")
        # Not a header of the codec (AVC), whose second byte is 0, nor the end of a sequence, where it is 2.
        codec, kind = data[place + 11] & 15, data[place + 12]
        if data[place] == 9 and (codec != 7 or kind == 1):
            yield _number(data, place + 4, 3)
        place += 11 + size + 4


def _transport(data: bytearray) -> Iterator[Stamp]:
    for packet in range(0, len(data) - _TS_PACKET + 1, _TS_PACKET):
        begins, adaptation = data[packet + 1] & 0x40, data[packet + 3] >> 4 & 3
        place = packet + 4 + (1 + data[packet + 4] if adaptation == 3 else 0)
        if (
            begins
            and data[place : place + 3] == b"\x00\x00\x01"
            and 0xE0 <= data[place + 3] <= 0xEF
            and data[place + 7] & 0x80
        ):
            yield _packetised(data, place)


def _packetised(data: bytearray, place: int) -> Stamp:
    """Stamp in the header of an elementary stream's packet."""
    field = place + 9

    def read() -> int:
        first, second, third = (
            data[field],
            int.from_bytes(data[field + 1 : field + 3], "big"),
            int.from_bytes(data[field + 3 : field + 5], "big"),
        )
        return (first >> 1 & 7) << 30 | (second >> 1) << 15 | third >> 1

    def write(value: int | None) -> None:
        if value is None:
            length = data[place + 8]
            data[place + 7] &= 0x3F
            data[field : field + length] = b"\xff" * length
            return
        value %= 1 << 33
        marker = 0x20 if data[place + 7] & 0x40 == 0 else 0x30
        data[field] = marker | value >> 29 & 0xE | 1
        data[field + 1 : field + 3] = ((value >> 15 & 0x7FFF) << 1 | 1).to_bytes(2, "big")
        data[field + 3 : field + 5] = ((value & 0x7FFF) << 1 | 1).to_bytes(2, "big")

    return Stamp(read, write)
