"""Pools of pairs on disk, so that training spends its cores on convolutions and not on blurring."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.pairs import read_picture
from network.errors import DataError
from network.files import discard_partials, replace_atomically, write_json
from network.synth.film import FLAT_SHARE, film_pairs
from network.synth.pair import blur_pair, margin
from network.synth.sharp_filter import is_sharp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.synth.film import Rejections
    from network.synth.footage import Footage
    from network.synth.profile import BlurProfile

    Picture = NDArray[np.uint8]

_log = logging.getLogger("deblur.synth")

SHARD_PAIRS = 512

_DETAIL_TRIES = 8


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Options to make a pool with.

    Attributes:
        pairs: Number of pairs.
        size: Height and width of each side in pixels, even.
        seed: Seed that decides every pixel, with the sources and the profile.
        workers: Number of processes. It changes the time that the work takes, and nothing else.
        detailed: Whether to leave out crops without fine detail, but for a small share.
        video_share: Share of the pairs that come from video, where there are both photographs and videos.
    """

    pairs: int = 2048
    size: int = 320
    seed: int = 0
    workers: int = 2
    detailed: bool = False
    video_share: float = 0.5


def make_pool(
    sources: list[Path],
    out: Path,
    profile: BlurProfile,
    options: PoolOptions,
    videos: Sequence[Footage] = (),
) -> Iterator[int]:
    """Writes pairs as ``.npy`` shards of (pairs, 2, size, size, 3), blurred side first.

    In the end, the logger `deblur.synth` says which windows of video were not used.

    Args:
        sources: Sharp photographs.
        out: Folder of the pool; shards of the same pool that are there already are kept.
        profile: Distribution of the blur.
        options: Size of the pool.
        videos: Sharp videos.

    Yields:
        Number of pairs written so far, after each shard.

    Raises:
        DataError: If there are no sources, the folder holds another pool, or a source can't be used.
    """
    if not sources and not videos:
        raise DataError("no sharp photographs or videos to make pairs of; add some")
    settings = asdict(options)
    description: dict[str, object] = {
        "profile": asdict(profile),
        "options": settings,
        "sources": [path.name for path in sources],
        "videos": [video.path.name for video in videos],
    }
    _describe(out, description)
    starts = range(0, options.pairs, SHARD_PAIRS)
    rejected: Rejections = Counter()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn"), initializer=_one_thread) as executor:
        jobs = [
            executor.submit(
                _write_shard, sources, videos, out, profile, options, start, min(SHARD_PAIRS, options.pairs - start)
            )
            for start in starts
        ]
        done = 0
        try:
            for job in jobs:
                count, shard_rejected = job.result()
                rejected += shard_rejected
                done += count
                yield done
        finally:
            executor.shutdown(cancel_futures=True)
    for line in _summary(rejected):
        _log.info(line)


def _describe(out: Path, description: dict[str, object]) -> None:
    """Writes what the pool is made of, unless the folder holds another pool."""
    record = out / "pool.json"
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    if record.exists() and any(out.glob("pairs_*.npy")):
        try:
            before = json.loads(record.read_text(encoding="utf-8"))
            before["options"].pop("workers")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise DataError(f"{record} is damaged; choose another folder, or delete this one") from error
        now = json.loads(json.dumps(description))
        now["options"].pop("workers")
        if any(before.get(name) != value for name, value in now.items()):
            raise DataError(f"{out} holds a pool of other pairs; choose another folder, or delete it")
    out.mkdir(parents=True, exist_ok=True)
    discard_partials(out)
    write_json(record, {**description, "digest": digest})


def _summary(rejected: Rejections) -> Iterator[str]:
    """Number of times that each reason occurred; damage with the name of the file."""
    reasons = Counter[str]()
    for (reason, name), count in sorted(rejected.items()):
        reasons[reason] += count
        if reason == "damaged":
            yield f"{name} has damaged frames: {count} windows there were not used"
    if reasons:
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        yield f"windows of video that were not used: {listed}"


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _write_shard(
    sources: list[Path],
    videos: Sequence[Footage],
    out: Path,
    profile: BlurProfile,
    options: PoolOptions,
    start: int,
    count: int,
) -> tuple[int, Rejections]:
    final = out / f"pairs_{start:07d}.npy"
    rejected: Rejections = Counter()
    if final.exists():
        return count, rejected
    pairs = np.empty((count, 2, options.size, options.size, 3), np.uint8)
    from_video: dict[int, Generator] = {}
    for offset in range(count):
        # Seeded by the pair's own number: the result does not depend on the number of workers.
        rng = np.random.default_rng([options.seed, start + offset])
        if videos and (not sources or rng.random() < options.video_share):
            from_video[offset] = rng
        else:
            pairs[offset] = _pair(rng, sources, profile, options)
    if from_video:
        made = film_pairs(from_video, videos, profile, options.size, detailed=options.detailed, rejected=rejected)
        for offset, pair in made:
            pairs[offset] = pair
    with replace_atomically(final) as partial, partial.open("wb") as file:
        np.save(file, pairs)
    return count, rejected


def _pair(rng: Generator, sources: list[Path], profile: BlurProfile, options: PoolOptions) -> Picture:
    size, border = options.size, margin(profile)
    scene = _crop(rng, sources, size + 2 * border)
    if options.detailed:
        for _ in range(_DETAIL_TRIES):
            if is_sharp(scene) or rng.random() < FLAT_SHARE:
                break
            scene = _crop(rng, sources, size + 2 * border)
    other = _crop(rng, sources, size + 2 * border) if profile.objects else None
    sides = blur_pair(rng, scene, profile, other)
    return np.stack([side[border : border + size, border : border + size] for side in sides])


@lru_cache(maxsize=64)
def _cached_photo(path: Path) -> Picture:
    return read_picture(path)


def _crop(rng: Generator, sources: list[Path], side: int, attempts: int = 4) -> Picture:
    """A random crop with something in it: flat sky teaches nothing, so the richest of a few draws is taken."""
    best, best_detail = None, -1.0
    for _ in range(attempts):
        photo = _cached_photo(sources[int(rng.integers(len(sources)))])
        height, width = photo.shape[:2]
        scale = max(rng.uniform(0.5, 1.0), side / min(height, width))
        source_side = min(int(side / scale), height, width)
        top, left = rng.integers(0, height - source_side + 1), rng.integers(0, width - source_side + 1)
        crop = photo[top : top + source_side, left : left + source_side]
        small = cv2.resize(crop[..., 1], (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = float(np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean())
        if detail > best_detail:
            best, best_detail = crop, detail
        if detail > rng.uniform(4, 16):
            break
    assert best is not None, "there is at least one attempt"
    if best.shape[0] != side:
        best = np.asarray(cv2.resize(best, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(best)
