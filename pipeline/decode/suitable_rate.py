"""The constant frame rate that suits an input, for a container that has no other."""

from __future__ import annotations

import heapq
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error

from pipeline.decode.demuxer import Demuxer
from pipeline.errors import DeblurError
from pipeline.media.pyav18 import fraction
from pipeline.media.slots import FASTEST, Slots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.job import SourceOptions

_USUAL = (
    *map(Fraction, (24, 25, 30, 50, 60, 100, 120)),
    *(Fraction(1000 * whole, 1001) for whole in (24, 30, 60, 120)),
    FASTEST,
)

_REORDERED = 64
"""Largest number of packets by which a frame is decoded earlier than it is shown."""


def suitable_rate(paths: Sequence[Path], options: SourceOptions) -> Fraction | None:
    """Finds the least usual rate at which each frame comes in its own interval, half of one off at most.

    Reads the files whole, and decodes nothing. With ``isolation`` another process does so.

    Args:
        paths: Files that continue each other.
        options: Options for reading them.

    Returns:
        Frames a second. It is at most :data:`pipeline.media.slots.FASTEST`, or twice the average rate if that is more:
        where frames are closer together now and then, some can't come in their own interval. None if no file can be
        read.
    """
    if options.isolation is None:
        return _suitable_rate(paths, options)
    # Only this needs them, and to start takes time.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    apart = replace(options, isolation=None)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_suitable_rate, paths, apart).result()
        except Exception:  # noqa: BLE001 - the process has crashed: so will the one that decodes, which tells
            return None


def _suitable_rate(paths: Sequence[Path], options: SourceOptions) -> Fraction | None:
    rates = []
    for path in paths:
        try:
            demuxer = Demuxer(path, options)
        except DeblurError:
            continue
        try:
            rates.append(_rate_of(demuxer))
        finally:
            demuxer.close()
    return max(rates, default=None)


def _rate_of(demuxer: Demuxer) -> Fraction:
    average, guessed = demuxer.average_rate, fraction(demuxer.video.guessed_rate)
    stated = [rate for rate in (guessed, average) if rate]
    fastest = max(FASTEST, 2 * (average or Fraction(0)))
    least = min(stated, default=Fraction(1)) * Fraction(999, 1000)
    # The rate of which FFmpeg takes the first times to be multiples comes first: where it fits, no frame is moved.
    wanted = [rate for rate in (*stated[:1], *sorted({*stated, *_USUAL})) if least <= rate <= fastest]
    candidates: dict[Slots, int] = {}
    for time in _times(demuxer):
        if not candidates:
            candidates = dict.fromkeys((Slots(rate, time) for rate in wanted), -1)
        candidates = {slots: slot for slots, last in candidates.items() if (slot := slots.of(time)) > last}
        if not candidates:
            return fastest
    return next((slots.rate for slots in candidates), fastest)


def _times(demuxer: Demuxer) -> Iterator[Fraction]:
    """Yields the times of the video's frames in the order in which they are shown, as far as they are known."""
    has_pts = demuxer.container.format.name != "avi"
    waiting: list[int] = []
    last: int | None = None
    try:
        for packet in demuxer.container.demux(demuxer.video):
            stamp = packet.pts if has_pts and packet.pts is not None else packet.dts
            if stamp is None or packet.is_discard or not packet.size:
                continue
            heapq.heappush(waiting, stamp)
            if len(waiting) > _REORDERED and (stamp := heapq.heappop(waiting)) != last:
                yield stamp * demuxer.time_base
                last = stamp
    except (av.error.FFmpegError, OSError, ValueError):
        pass  # a damaged file: what is behind can't be read later either
    for stamp in sorted(waiting):
        if stamp != last:
            yield stamp * demuxer.time_base
            last = stamp
