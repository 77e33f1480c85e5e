"""Training batches from pools of pairs on disk."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from network.errors import DataError
from network.synth.fresh import fresh_pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

SHARDS = "pairs_*.npy"


def holds_pool(folder: Path) -> bool:
    """Whether a folder looks like what ``deblur synth`` and ``deblur pack`` write."""
    return any(folder.glob(SHARDS))


class Pool:
    """Shards of pairs, memory-mapped.

    Args:
        folders: Each made by ``deblur synth`` or ``deblur pack``.

    Raises:
        DataError: If a folder has no shard, is not complete, or a shard is damaged or can't be opened.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.shards: list[NDArray[np.uint8]] = []
        self._paths: list[Path] = []
        for folder in folders:
            paths = sorted(folder.glob(SHARDS))
            if not _is_complete(folder):
                raise DataError(f"{folder} was not packed to the end; run 'deblur pack' again to go on")
            if not paths:
                raise DataError(f"{folder} holds no pool of pairs; make one with 'deblur synth' or 'deblur pack'")
            for path in paths:
                try:
                    shard = np.load(path, mmap_mode="r")
                except (ValueError, EOFError) as error:
                    raise DataError(f"{path} is damaged ({error}); delete it and make the pool again") from error
                except OSError as error:  # a whole shard, perhaps one more than the process may have open
                    raise DataError(f"{path} can't be opened: {error.strerror or error}") from error
                if shard.ndim != 5 or shard.shape[1] != 2 or shard.shape[4] != 3 or shard.dtype != np.uint8:
                    raise DataError(f"{path} holds {shard.dtype}{shard.shape}, not pairs; delete it")
                self.shards.append(shard)
                self._paths.append(path)
        self._ends = np.cumsum([len(shard) for shard in self.shards])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the SHA-256 of every shard file, in order: it names the very pixels, wherever they lie.

        Reads every file once, on several cores; whoever does not ask does not pay.
        """
        with ThreadPoolExecutor() as executor:
            return hashlib.sha256(b"".join(executor.map(_file_digest, self._paths))).hexdigest()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def pair(self, index: int) -> NDArray[np.uint8]:
        """One pair, not copied from the disk: uint8 RGB (2, H, W, 3), the blurred side first.

        Raises:
            IndexError: If there is no such pair.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"there is no pair {index} among {len(self)}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        pair: NDArray[np.uint8] = self.shards[shard][index - int(self._ends[shard])]
        return pair

    def batch(self, rngs: Sequence[Generator], patch: int, fresh: float = 0.0) -> tuple[Tensor, Tensor]:
        """Random patches, flipped and turned at random.

        Args:
            rngs: A source of randomness for each patch, which decides it alone: whoever makes a part of a batch gets
                the same patches as whoever makes all of it.
            patch: Height and width in pixels.
            fresh: Share of the patches that get a new blur, see :func:`network.synth.fresh.fresh_pair`.

        Returns:
            Blurred and sharp patches in [0, 1], each float32 (rngs, 3, patch, patch).

        Raises:
            DataError: If the pairs are smaller than a patch, or, with ``fresh``, not larger.
        """
        pairs = np.empty((len(rngs), 2, patch, patch, 3), np.uint8)
        for slot, rng in enumerate(rngs):
            pair = self.pair(int(rng.integers(len(self))))
            height, width = pair.shape[1:3]
            if height < patch or width < patch:
                raise DataError(f"pairs of {width}x{height} are too small for patches of {patch}; set a smaller patch")
            if fresh and rng.random() < fresh:
                pair = fresh_pair(rng, pair[1], patch)
                height = width = patch
            top, left = rng.integers(height - patch + 1), rng.integers(width - patch + 1)
            crop = pair[:, top : top + patch, left : left + patch]
            crop = np.rot90(crop, int(rng.integers(4)), axes=(1, 2))
            pairs[slot] = crop[:, :, ::-1] if rng.integers(2) else crop
        # All in numpy: operations of PyTorch in a loader's thread start threads of their own, which fight those of the
        # training for the cores. On two cores that cost half the speed.
        blurred, sharp = np.ascontiguousarray(pairs.transpose(1, 0, 4, 2, 3)) / np.float32(255)
        return torch.from_numpy(blurred), torch.from_numpy(sharp)


def _is_complete(folder: Path) -> bool:
    """False where an interrupted ``deblur pack`` left its record."""
    record = folder / "pool.json"
    if not record.exists():
        return True
    try:
        return json.loads(record.read_text(encoding="utf-8")).get("complete", True) is True
    except (ValueError, AttributeError) as error:
        raise DataError(f"{record} is damaged; make the pool again in another folder") from error


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
