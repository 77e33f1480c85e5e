"""Pools packed from sequences that exist: each frame with its neighbours, aligned."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from network.data.manifest import Manifest
from network.data.pack import tile_starts
from network.data.pairs import read_pair, read_picture
from network.data.planes import split, to_frame
from network.data.prefetch import made_ahead
from network.data.windows import WINDOWS, aligned, write_shard
from network.errors import DataError
from network.window.working import MULTIPLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from network.data.pack import PackOptions
    from network.data.pairs import Pair, Picture
    from network.data.planes import Frame
    from network.data.windows import Flows, Frames

SIZE = 320
"""Height and width in pixels of the tiles that frames are cut into, unless another is asked for."""


def pack_windows(pairs: Sequence[Pair], out: Path, options: PackOptions) -> Iterator[int]:
    """Writes windows as shards, see :mod:`network.data.windows`: tiles that cover each frame, with their neighbours.

    A tile's neighbours are the same tile of the frames before and after it in its sequence; pictures that belong to
    none, and the ends of sequences, have none, and their windows say so. A shard appears under its name only when it is
    complete; called again, the function goes on behind the last one.

    Args:
        pairs: Pairs to pack, from :func:`network.data.datasets.find_pairs`.
        out: Folder of the pool; made if missing.
        options: Size of tiles and shards; a size of 0 stands for :data:`SIZE`.

    Yields:
        Number of pairs packed so far, those of earlier calls included, after each pair.

    Raises:
        DataError: If ``out`` holds another pool, a picture can't be read, the sides of a pair differ in size, a
            picture is smaller than a tile, or the size is no multiple of 16.
        OSError: If ``out`` can't be written.
    """
    size = options.size or SIZE
    if size % MULTIPLE:
        raise DataError(f"size must be a multiple of {MULTIPLE}, not {size}")
    beside = neighbours(pairs)
    manifest = Manifest.begin(out, pairs, WINDOWS.rstrip("_"), size)
    todo = manifest.left(len(pairs))
    done = len(pairs) - len(todo)
    yield done

    # A frame is asked for three times, soon after each other: as neighbour, as the present one, as neighbour.
    @lru_cache(options.workers + 3)
    def frame_of(index: int) -> Frame:
        return _frame(read_picture(pairs[index].blurred))

    def windows_of(index: int) -> tuple[Frames, Flows]:
        before, after = (None if place is None else frame_of(place) for place in beside[index])
        blurred, sharp = (_frame(picture) for picture in read_pair(pairs[index]))
        return _windows((before, blurred, after, sharp), size, pairs[index].name)

    waiting: list[tuple[int, Frames, Flows]] = []
    for index, (windows, flows) in zip(todo, made_ahead(windows_of, todo, options.workers), strict=True):
        if waiting and sum(item[1].nbytes for item in waiting) + windows.nbytes > options.shard_bytes:
            _write(out, waiting, manifest)
        waiting.append((index, windows, flows))
        done += 1
        yield done
    if waiting:
        _write(out, waiting, manifest)
    manifest.write(complete=True)


def neighbours(pairs: Sequence[Pair]) -> list[tuple[int | None, int | None]]:
    """Indices of the frames before and after each frame; None where there is none.

    Frames follow each other if they are of one sequence, and if the numbers at the ends of their names are no further
    apart than those of any other two in it: where frames were left out, the next one is no neighbour.

    Args:
        pairs: Pairs, each sequence in the order of time.
    """
    steps: dict[str, int] = {}
    for first, second in pairwise(pairs):
        step = _step(first, second)
        if step:
            steps[first.sequence] = min(step, steps.get(first.sequence, step))

    def follows(index: int) -> bool:
        """Whether a frame follows on the one before it in the list."""
        if not 0 < index < len(pairs):
            return False
        step = _step(pairs[index - 1], pairs[index])
        return step is not None and step == steps.get(pairs[index].sequence, step)

    return [
        (index - 1 if follows(index) else None, index + 1 if follows(index + 1) else None)
        for index in range(len(pairs))
    ]


def _step(first: Pair, second: Pair) -> int | None:
    """By how much the number of a frame is above that of the one before; 0 without numbers, None in no sequence."""
    if not first.sequence or first.sequence != second.sequence:
        return None
    numbers = [re.search(r"(\d+)\D*$", pair.name) for pair in (first, second)]
    if numbers[0] is None or numbers[1] is None:
        return 0
    return int(numbers[1][1]) - int(numbers[0][1])


def _frame(picture: Picture) -> Frame:
    """Planes of a picture, of an even number of rows and columns."""
    height, width = (length // 2 * 2 for length in picture.shape[:2])
    return to_frame(picture[:height, :width].astype(np.float32) * np.float32(1 / 255))


def _windows(frames: tuple[Frame | None, Frame, Frame | None, Frame], size: int, name: str) -> tuple[Frames, Flows]:
    height, width = split(frames[1])[0].shape
    if min(height, width) < size:
        raise DataError(f"pair {name} is {width}x{height}, smaller than a tile of {size}; choose a smaller size")
    made = []
    for top in tile_starts(height, size):
        for left in tile_starts(width, size):
            before, present, after, sharp = (
                None
                if frame is None or frame.shape != frames[1].shape
                else _tile(frame, top // 2 * 2, left // 2 * 2, size)
                for frame in frames
            )
            assert present is not None, "the present frame is there"
            assert sharp is not None, "both sides of a pair are of one size"
            three, flows = aligned(before, present, after)
            made.append((np.concatenate((three, sharp[None])), flows))
    return np.stack([windows for windows, _ in made]), np.stack([flows for _, flows in made])


def _tile(frame: Frame, top: int, left: int, size: int) -> Frame:
    tile = np.empty((size * 3 // 2, size), np.uint8)
    for source, target, step in zip(split(frame), split(tile), (1, 2), strict=True):
        rows, columns = (slice(start // step, (start + size) // step) for start in (top, left))
        target[...] = source[..., rows, columns]
    return tile


def _write(out: Path, waiting: list[tuple[int, Frames, Flows]], manifest: Manifest) -> None:
    """Writes a shard of what waits, named after its first pair, and empties the list."""
    indices = [index for index, _, _ in waiting]
    windows = np.concatenate([item[1] for item in waiting])
    flows = np.concatenate([item[2] for item in waiting])
    path = write_shard(out, f"{indices[0]:08d}", windows, flows)
    manifest.shards[path.name] = indices
    manifest.write(complete=False)
    waiting.clear()
