"""Pools of pairs on disk, so that training spends its cores on convolutions and not on blurring."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.pairs import read_picture
from network.synth.pair import blur_pair, margin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.synth.profile import BlurProfile

    Picture = NDArray[np.uint8]

SHARD_PAIRS = 512


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How a pool is made.

    Attributes:
        pairs: Number of pairs.
        size: Height and width of each side in pixels, even.
        seed: With the sources and the profile it decides every pixel.
        workers: Processes.
    """

    pairs: int = 4096
    size: int = 160
    seed: int = 0
    workers: int = 2


def make_pool(sources: list[Path], out: Path, profile: BlurProfile, options: PoolOptions) -> Iterator[int]:
    """Writes pairs as ``.npy`` shards of (pairs, 2, size, size, 3), blurred side first.

    Args:
        sources: Sharp photographs.
        out: Folder to make; shards that are there already are kept.
        profile: Distribution of the blur.
        options: Size of the pool.

    Yields:
        Number of pairs written so far, after each shard.
    """
    out.mkdir(parents=True, exist_ok=True)
    description = {
        "profile": asdict(profile),
        "options": asdict(options),
        "sources": [path.name for path in sources],
    }
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    (out / "pool.json").write_text(json.dumps({**description, "digest": digest}, indent=1), encoding="utf-8")
    starts = range(0, options.pairs, SHARD_PAIRS)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn"), initializer=_one_thread) as executor:
        jobs = [
            executor.submit(
                _write_shard, sources, out, profile, options, start, min(SHARD_PAIRS, options.pairs - start)
            )
            for start in starts
        ]
        done = 0
        for job in jobs:
            done += job.result()
            yield done


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _write_shard(
    sources: list[Path], out: Path, profile: BlurProfile, options: PoolOptions, start: int, count: int
) -> int:
    final = out / f"pairs_{start:07d}.npy"
    if final.exists():
        return count
    pairs = np.empty((count, 2, options.size, options.size, 3), np.uint8)
    for offset in range(count):
        # Seeded by the pair's own number: the result does not depend on the number of workers.
        rng = np.random.default_rng([options.seed, start + offset])
        pairs[offset] = _pair(rng, sources, profile, options.size)
    partial = final.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, pairs)
    partial.replace(final)
    return count


def _pair(rng: Generator, sources: list[Path], profile: BlurProfile, size: int) -> Picture:
    border = margin(profile)
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
    assert best is not None  # noqa: S101 - attempts is at least 1
    if best.shape[0] != side:
        best = np.asarray(cv2.resize(best, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(best)
