"""Compares the times of two files: of frames, and of all else relative to them. For ``odd_files.py``."""

from __future__ import annotations

import re
import statistics
from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odd_reading import Contents

    from pipeline.notes import Note

_MILLISECONDS = re.compile(r"(\d+(?:\.\d+)?) ms")
_REPAIRED = {NoteCode.TIMES_REPAIRED, NoteCode.CLOCK_JUMPED}


def intended_times(contents: Contents) -> list[Fraction | None]:
    """Times of the frames of a file. AVI states none: a frame is shown when the decoder gives it."""
    if contents.container == "avi":
        return [picture.given for picture in contents.pictures]
    return [picture.time for picture in contents.pictures]


def in_order(times: Sequence[Fraction | None]) -> set[int]:
    """Places of the times that are in order: the longest series that increases."""
    ends: list[Fraction] = []
    last: list[int] = []
    before: dict[int, int | None] = {}
    for place, time in enumerate(times):
        if time is None:
            continue
        rank = bisect_left(ends, time)
        before[place] = last[rank - 1] if rank else None
        if ends[rank : rank + 1] != [time]:  # of equal ones, the first keeps its time
            ends[rank : rank + 1], last[rank : rank + 1] = [time], [place]
    found: set[int] = set()
    place_now = last[-1] if last else None
    while place_now is not None:
        found.add(place_now)
        place_now = before[place_now]
    return found


def _ambiguous(wanted: Sequence[Fraction | None], kept: set[int]) -> int:
    """Number of times that may move instead of others: of two in the wrong order, either is wrong."""
    return sum(time is not None for time in wanted) - len(kept)


def time_faults(given: Contents, made: Contents, notes: Sequence[Note]) -> tuple[Fraction, list[tuple[str, str]]]:
    """By how much all is later in the output, in seconds, and area and text of what differs without a note."""
    wanted, got = intended_times(given), intended_times(made)
    if len(wanted) != len(got) or not got:
        return Fraction(0), []
    early = named_seconds(notes, NoteCode.FIRST_FRAME_EARLY, None)
    if early and wanted[0] is not None:  # it is named by how much
        wanted[0] -= early
    return _compare(wanted, got, _tolerance(given, made, notes), frozenset(str(note.code) for note in notes))


def named_seconds(notes: Sequence[Note], code: NoteCode, stream: int | None) -> Fraction:
    """The most milliseconds that notes of a kind name, in seconds; 0 if none does."""
    texts = [note.text for note in notes if note.code == code and note.stream == stream]
    found = [Fraction(number) for text in texts for number in _MILLISECONDS.findall(text)]
    return max(found, default=Fraction(0)) / 1000


def _tolerance(given: Contents, made: Contents, notes: Sequence[Note]) -> Fraction:
    """Seconds by which a frame may be off: nothing where the container can state the time."""
    codes = {note.code for note in notes}
    if NoteCode.CONSTANT_RATE in codes:
        moved = named_seconds(notes, NoteCode.CONSTANT_RATE, None)
        return max(made.video.tick * Fraction(11, 20), moved + Fraction(1, 10_000))  # it is named in 1/10 ms
    is_coarser = (given.video.tick / made.video.tick).denominator != 1
    return made.video.tick if is_coarser and NoteCode.TIMES_ROUNDED in codes else Fraction(0)


def _compare(
    wanted: list[Fraction | None], got: list[Fraction | None], tolerance: Fraction, codes: frozenset[str]
) -> tuple[Fraction, list[tuple[str, str]]]:
    faults = []
    if any(time is None for time in got):
        return Fraction(0), [("times", "frames of the output have no time")]
    if any(b <= a for a, b in pairwise(got)):  # type: ignore[operator]
        faults.append(("times", "times of the output do not increase"))
    kept = in_order(wanted)
    if len(kept) < len(wanted) and not _REPAIRED & codes:
        faults.append(("times", f"{len(wanted) - len(kept)} faulty times were repaired without a note"))
    late = {place: got[place] - wanted[place] for place in sorted(kept)}  # type: ignore[operator]
    if not late:
        return Fraction(0), faults
    is_early = NoteCode.FIRST_FRAME_EARLY in codes
    rest = [value for place, value in late.items() if place or not is_early] or list(late.values())
    # Frames that come in intervals lie in a band around the true time; else most are exact.
    usual = (min(rest) + max(rest)) / 2 if NoteCode.CONSTANT_RATE in codes else statistics.median_low(rest)
    off = [place for place, value in late.items() if abs(value - usual) > tolerance]
    if is_early and abs(late.get(0, usual) - usual) <= tolerance + Fraction(1, 1000):  # it is named in ms
        off = [place for place in off if place != 0]
    if len(off) > _ambiguous(wanted, kept) and NoteCode.CLOCK_JUMPED not in codes:
        worst = max(off, key=lambda place: abs(late[place] - usual))
        text = (
            f"{len(off)} of {len(got)} frames, the worst (number {worst}) {float((late[worst] - usual) * 1000):+.3f} ms"
        )
        faults.append(("times", text))
    return usual, faults


def sync_faults(
    name: str, given: Sequence[Fraction | None], made: Sequence[Fraction | None], late: Fraction, tolerance: Fraction
) -> Iterator[tuple[str, str]]:
    """Yields what is no longer together with the video.

    Args:
        name: What it is.
        given: Its times in the input, in seconds.
        made: Its times in the output.
        late: Seconds by which the video is later in the output.
        tolerance: Seconds by which it may be off.
    """
    pairs = [(a, b) for a, b in zip(given, made, strict=False) if a is not None and b is not None]
    off = [b - a - late for a, b in pairs if abs(b - a - late) > tolerance]
    if off:
        worst = max(off, key=abs)
        yield (
            "sync",
            f"{name}: {len(off)} of {len(pairs)} times, the worst {float(worst * 1000):+.3f} ms against the picture",
        )
