"""Pools of windows on disk, so that training spends its cores on convolutions and not on blurring."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.manifest import RECORD
from network.data.windows import FLOWS, SHARDS, WINDOWS, flows_of, write_shard
from network.errors import DataError
from network.files import discard_partials, write_json
from network.synth.crops import KEPT
from network.synth.film import film_windows
from network.synth.photo import photo_window
from network.window.motion import STEP
from network.window.working import MULTIPLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.random import Generator

    from network.data.windows import Flows, Frames
    from network.synth.film import Rejections
    from network.synth.footage import Footage
    from network.synth.profile import BlurProfile

_log = logging.getLogger("deblur.synth")

SHARD_WINDOWS = 256
"""Windows in a shard: 170 MB at 320x320."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Options to make a pool with.

    Attributes:
        windows: Number of windows; of a ring, those that it holds at a time.
        size: Height and width of a window in pixels, a multiple of 16.
        seed: Seed that decides every pixel, with the sources and the profile.
        workers: Number of processes. It changes the time that the work takes, and nothing else.
        detailed: Whether to leave out crops of video without fine detail, but for a small share.
        video_share: Share of the windows that come from video, where there are both photographs and videos.

    Raises:
        DataError: If the size is no multiple of 16.
    """

    windows: int = 4096
    size: int = 320
    seed: int = 0
    workers: int = 2
    detailed: bool = False
    video_share: float = 0.5

    def __post_init__(self) -> None:
        if self.size % MULTIPLE:
            raise DataError(f"size must be a multiple of {MULTIPLE}, not {self.size}")


@dataclass(frozen=True, slots=True)
class _Work:
    """What all shards of a pool are made of."""

    photos: Sequence[Path]
    videos: Sequence[Footage]
    out: Path
    profile: BlurProfile
    options: PoolOptions


def make_pool(
    photos: Sequence[Path],
    out: Path,
    profile: BlurProfile,
    options: PoolOptions,
    videos: Sequence[Footage] = (),
) -> Iterator[int]:
    """Writes windows as shards, see :mod:`network.data.windows`.

    In the end, the logger `deblur.synth` says which runs of video were not used.

    Args:
        photos: Sharp photographs.
        out: Folder of the pool; shards of the same pool that are there already are kept.
        profile: Distribution of the blur.
        options: Size of the pool.
        videos: Sharp videos.

    Yields:
        Number of windows written so far, after each shard.

    Raises:
        DataError: If there are no sources, the folder holds another pool, or a source can't be used.
        OSError: If the folder can't be written.
    """
    work = _begin(_Work(photos, videos, out, profile, options), is_ring=False)
    rejected: Rejections = Counter()
    with _processes(options.workers) as executor:
        starts = range(0, options.windows, SHARD_WINDOWS)
        counts = [min(SHARD_WINDOWS, options.windows - start) for start in starts]
        jobs = [executor.submit(_write, work, start, count) for start, count in zip(starts, counts, strict=True)]
        done = 0
        for job, count in zip(jobs, counts, strict=True):
            rejected += job.result()
            done += count
            yield done
    for line in _summary(rejected):
        _log.info(line)


def keep_ring(
    photos: Sequence[Path],
    out: Path,
    profile: BlurProfile,
    options: PoolOptions,
    videos: Sequence[Footage] = (),
    *,
    pause: float = 0.0,
) -> Iterator[int]:
    """Keeps a pool fresh: fills it, then goes on making shards and removes the oldest ones, without end.

    One process keeps a folder; where it is ended, the next one goes on.

    Args:
        photos: Sharp photographs.
        out: Folder of the pool.
        profile: Distribution of the blur.
        options: Size of the pool.
        videos: Sharp videos.
        pause: Seconds between two rounds of new shards once the pool is full, so that training has the cores.

    Yields:
        Number of windows in the folder, after each shard.

    Raises:
        DataError: If there are no sources, the folder holds another pool, or a source can't be used.
        OSError: If the folder can't be written.
    """
    work = _begin(_Work(photos, videos, out, profile, options), is_ring=True)
    count = min(SHARD_WINDOWS, options.windows)
    limit = -(-options.windows // count)
    number = max((int(path.stem.removeprefix(WINDOWS)) for path in _shards(out)), default=-count)
    with _processes(options.workers) as executor:
        while True:
            room = limit - len(_shards(out))
            if room <= 0:
                time.sleep(pause)
            round_ = [number + count * (step + 1) for step in range(min(options.workers, max(room, 1)))]
            jobs = [executor.submit(_write, work, start, count) for start in round_]
            number = round_[-1]
            for job in jobs:
                job.result()
                _remove_oldest(out, limit)
                yield count * len(_shards(out))


def _begin(work: _Work, *, is_ring: bool) -> _Work:
    """Writes what the pool is made of, unless the folder holds another pool."""
    if not work.photos and not work.videos:
        raise DataError("no sharp photographs or videos to make windows of; add some")
    options = asdict(work.options)
    description: dict[str, object] = {
        "profile": asdict(work.profile),
        "options": options,
        "photos": [path.name for path in work.photos],
        "videos": [video.path.name for video in work.videos],
        "ring": is_ring,
    }
    # What may change while a pool stays what it is.
    free = ("workers", "windows") if is_ring else ("workers",)
    record, out = work.out / RECORD, work.out
    if record.exists() and _shards(out):
        try:
            before = json.loads(record.read_text(encoding="utf-8"))
            kept = {name: value for name, value in before["options"].items() if name not in free}
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise DataError(f"{record} is damaged; choose another folder, or delete this one") from error
        now = json.loads(json.dumps(description))
        now["options"] = {name: value for name, value in now["options"].items() if name not in free}
        if any((before | {"options": kept}).get(name) != value for name, value in now.items()):
            raise DataError(f"{out} holds a pool of other windows; choose another folder, or delete it")
    out.mkdir(parents=True, exist_ok=True)
    discard_partials(out)
    # Of shards whose processes were killed before they were whole.
    for flows in set(out.glob(f"{FLOWS}*.npy")) - {flows_of(path) for path in _shards(out)}:
        flows.unlink()
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    write_json(record, {**description, "digest": digest})
    return work


@contextmanager
def _processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are not waited for any longer than the work that they are at."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as executor:
        try:
            yield executor
        finally:
            executor.shutdown(cancel_futures=True)


def _summary(rejected: Rejections) -> Iterator[str]:
    """Number of times that each reason occurred; damage with the name of the file."""
    reasons = Counter[str]()
    for (reason, name), count in sorted(rejected.items()):
        reasons[reason] += count
        if reason == "damaged":
            yield f"{name} has damaged frames: {count} runs there were not used"
    if reasons:
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        yield f"runs of video that were not used: {listed}"


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _shards(out: Path) -> list[Path]:
    """Shards by age: later ones have higher numbers."""
    return sorted(out.glob(SHARDS))


def _remove_oldest(out: Path, limit: int) -> None:
    for path in _shards(out)[:-limit]:
        path.unlink(missing_ok=True)
        flows_of(path).unlink(missing_ok=True)


def _write(work: _Work, start: int, count: int) -> Rejections:
    """Writes the shard of the windows from ``start`` on, if it is not there."""
    rejected: Rejections = Counter()
    name = f"{start:08d}"
    if not (work.out / f"{WINDOWS}{name}.npy").exists():
        windows, flows = _make(work, start, count, rejected)
        write_shard(work.out, name, windows, flows)
    return rejected


def _make(work: _Work, start: int, count: int, rejected: Rejections) -> tuple[Frames, Flows]:
    options, size = work.options, work.options.size
    windows = np.empty((count, 4, size * 3 // 2, size), np.uint8)
    flows = np.empty((count, 4, size // STEP, size // STEP), np.float16)
    # A shard draws on as many photographs as a process keeps decoded.
    chosen = np.random.default_rng([options.seed, start]).permutation(len(work.photos))[:KEPT]
    photos = [work.photos[index] for index in np.sort(chosen)]
    from_video: dict[int, Generator] = {}
    for place in range(count):
        # Seeded by the window's own number: the result does not depend on the number of workers.
        rng = np.random.default_rng([options.seed, start, place])
        if work.videos and (not photos or rng.random() < options.video_share):
            from_video[place] = rng
        else:
            windows[place], flows[place] = photo_window(rng, photos, work.profile, size).packed()
    if from_video:
        made = film_windows(from_video, work.videos, work.profile, size, detailed=options.detailed, rejected=rejected)
        for place, window in made:
            windows[place], flows[place] = window.packed()
    return windows, flows
