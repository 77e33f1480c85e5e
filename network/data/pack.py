"""Pools packed from pairs that exist, so that training on a data set reads memory-mapped pixels and decodes nothing."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from network.data.manifest import Manifest
from network.data.pairs import read_pair
from network.data.prefetch import made_ahead
from network.errors import DataError
from network.files import commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from network.data.pairs import Pair

    Picture = NDArray[np.uint8]

SHARD_BYTES = 256 * 2**20
_UNFINISHED = "partial"


@dataclass(frozen=True, slots=True)
class PackOptions:
    """Options to pack pairs with.

    Attributes:
        size: Height and width in pixels of the tiles that pairs are cut into; 0 for whole pictures.
        workers: Number of threads that decode pictures.
        shard_bytes: Greatest size of a shard in bytes, unless the tiles of a single pair are more.
    """

    size: int = 0
    workers: int = 2
    shard_bytes: int = SHARD_BYTES


def pack(pairs: Sequence[Pair], out: Path, options: PackOptions) -> Iterator[int]:
    """Writes pairs as ``.npy`` shards of (pairs, 2, H, W, 3) uint8 RGB, blurred side first.

    Whole pictures, or tiles that cover them (where the size does not divide the picture, neighbours overlap evenly).
    Those of one size share shards. A shard appears under its name only when it is complete; called again, the function
    goes on behind the last one, and redoes those that were deleted. Memory: a few
    pairs a worker, however many there are.

    Args:
        pairs: Pairs to pack, from :func:`network.data.datasets.find_pairs`.
        out: Folder of the pool; made if missing.
        options: Size of tiles and shards.

    Yields:
        Number of pairs packed so far, those of earlier calls included, after each pair.

    Raises:
        DataError: If ``out`` holds another pool, a picture can't be read, the sides of a pair differ in size, or a
            picture is smaller than a tile.
        OSError: If ``out`` can't be written.
    """
    manifest = Manifest.begin(out, pairs, "pairs", options.size)
    todo = manifest.left(len(pairs))
    done = len(pairs) - len(todo)
    yield done
    writer = _Writer(out, options.shard_bytes, manifest)
    try:
        decoded = made_ahead(read_pair, [pairs[index] for index in todo], options.workers)
        for index, sides in zip(todo, decoded, strict=True):
            writer.append(index, _tiles(sides, options.size, pairs[index].name))
            done += 1
            yield done
        writer.finish()
    finally:
        writer.discard_unfinished()
    manifest.write(complete=True)


class _Writer:
    """Collects pairs in one unfinished shard a size, on the disk, and finishes those that are full."""

    def __init__(self, out: Path, limit: int, manifest: Manifest) -> None:
        self._out = out
        self._limit = limit
        self._manifest = manifest
        self._open: dict[tuple[int, int], list[int]] = {}  # by height and width: the pairs of each
        self._unfinished = out / _UNFINISHED
        self.discard_unfinished()  # of a run that was killed
        self._unfinished.mkdir()

    def append(self, index: int, tiles: Picture) -> None:
        """Adds the tiles (tiles, 2, H, W, 3) of a pair."""
        shape = tiles.shape[2], tiles.shape[3]
        body = self._body(shape)
        if shape in self._open and body.stat().st_size + tiles.nbytes > self._limit:
            self._finish(shape)
        # Opened anew for each pair: a data set of cropped pictures has more sizes than a process may have open files.
        with body.open("ab") as file:
            file.write(tiles.data)
        self._open.setdefault(shape, []).append(index)

    def finish(self) -> None:
        """Finishes all shards that are left."""
        for shape in list(self._open):
            self._finish(shape)

    def discard_unfinished(self) -> None:
        """Removes unfinished shards."""
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def _body(self, shape: tuple[int, int]) -> Path:
        return self._unfinished / f"{shape[1]}x{shape[0]}"

    def _finish(self, shape: tuple[int, int]) -> None:
        height, width = shape
        body, shard = self._body(shape), self._unfinished / "shard.npy"
        count = body.stat().st_size // (2 * height * width * 3)
        header = BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|u1", "fortran_order": False, "shape": (count, 2, height, width, 3)}
        )
        with shard.open("wb") as file, body.open("rb") as pixels:
            file.write(header.getvalue())
            shutil.copyfileobj(pixels, file, 2**20)
        body.unlink()
        number = 0
        while (name := f"pairs_{width}x{height}_{number:05d}.npy") in self._manifest.shards:
            number += 1
        commit(shard, self._out / name)
        self._manifest.shards[name] = self._open.pop(shape)
        self._manifest.write(complete=False)


def _tiles(sides: tuple[Picture, Picture], size: int, name: str) -> Picture:
    """Both sides of a pair, whole or cut: contiguous (tiles, 2, H, W, 3)."""
    pair = np.stack(sides)
    if not size:
        return pair[None]
    height, width = pair.shape[1:3]
    if min(height, width) < size:
        raise DataError(f"pair {name} is {width}x{height}, smaller than a tile of {size}; choose a smaller size")
    return np.stack(
        [
            pair[:, top : top + size, left : left + size]
            for top in tile_starts(height, size)
            for left in tile_starts(width, size)
        ]
    )


def tile_starts(length: int, size: int) -> list[int]:
    """Starts of tiles of a size that cover a length with the least and most even overlap."""
    count = math.ceil(length / size)
    return [round(start) for start in np.linspace(0, length - size, count)]
