"""The record of a packed pool, by which packing goes on where it stopped: ``pool.json``."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from network.errors import DataError
from network.files import discard_partials, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from network.data.pairs import Pair

RECORD = "pool.json"
"""Name of the record in the folder of a pool, whoever made it."""


class Manifest:
    """Which pairs are in which shard.

    Args:
        path: File of the record.
        source: What is packed.
        shards: Indices of the pairs in each finished shard, by the shard's name.
    """

    def __init__(self, path: Path, source: dict[str, Any], shards: dict[str, list[int]]) -> None:
        self._path, self._source = path, source
        self.shards = shards

    @classmethod
    def begin(cls, out: Path, pairs: Sequence[Pair], kind: str, size: int) -> Manifest:
        """Reads the record of an earlier call, or starts one.

        Args:
            out: Folder of the pool; made if missing.
            pairs: Pairs to pack.
            kind: What the shards hold, ``pairs`` or ``windows``, which their names begin with.
            size: Height and width of the tiles; 0 for whole pictures.

        Raises:
            DataError: If the folder holds another pool.
        """
        names = hashlib.sha256()
        for pair in pairs:
            names.update(f"{pair.name}\n{pair.blurred.stat().st_size} {pair.sharp.stat().st_size}\n".encode())
        source = {"kind": kind, "pairs": len(pairs), "size": size, "digest": names.hexdigest()}
        path = out / RECORD
        shards: dict[str, list[int]] = {}
        if path.exists():
            try:
                before = json.loads(path.read_text(encoding="utf-8"))
                same = before["packed"] == source
                shards = {name: indices for name, indices in before["shards"].items() if (out / name).is_file()}
            except (ValueError, KeyError, TypeError, AttributeError):
                same = False  # the record of another kind of pool
            if not same:
                raise DataError(f"{out} holds a pool of other pairs or tiles; delete it or choose another folder")
        elif any(out.glob("*.npy")):
            raise DataError(f"{out} holds shards, but no {RECORD} of theirs; choose another folder")
        out.mkdir(parents=True, exist_ok=True)
        discard_partials(out)
        manifest = cls(path, source, shards)
        manifest.write(complete=False)
        return manifest

    def left(self, count: int) -> list[int]:
        """Indices of ``count`` pairs that are in no finished shard."""
        packed = {index for indices in self.shards.values() for index in indices}
        return [index for index in range(count) if index not in packed]

    def write(self, *, complete: bool) -> None:
        """Replaces the file atomically."""
        write_json(self._path, {"packed": self._source, "complete": complete, "shards": self.shards})
