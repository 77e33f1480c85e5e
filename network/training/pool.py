"""Training batches from pools of pairs on disk."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from network.errors import DataError
from network.training.examples import Examples, file_digest, record_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from network.window.windows import Window

SHARDS = "pairs_*.npy"


def holds_pool(folder: Path) -> bool:
    """Whether a folder looks like a pool of pairs."""
    return any(folder.glob(SHARDS))


class Pool:
    """Shards of pairs, memory-mapped.

    Args:
        folders: Folders of pools, each made by ``deblur pack --pairs``.

    Raises:
        DataError: If a folder has no shard, is not complete, or a shard is damaged or can't be opened.
    """

    is_ring = False

    def __init__(self, folders: Sequence[Path]) -> None:
        self.shards: list[NDArray[np.uint8]] = []
        self._paths: list[Path] = []
        for folder in folders:
            paths = sorted(folder.glob(SHARDS))
            if record_of(folder).get("complete", True) is not True:
                raise DataError(f"{folder} was not packed to the end; run 'deblur pack' again to go on")
            if not paths:
                raise DataError(f"{folder} holds no pool of pairs; make one with 'deblur pack --pairs'")
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
            return hashlib.sha256(b"".join(executor.map(file_digest, self._paths))).hexdigest()

    def refresh(self) -> None:
        """Does nothing: a pool of pairs does not change."""

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

    def batch(self, rngs: Sequence[Generator], patch: int) -> Tensor:
        """Random patches, flipped and turned at random.

        Args:
            rngs: Sources of randomness, one for each patch, which decides it alone: whoever makes a part of a batch
                gets the same patches as whoever makes all of it.
            patch: Height and width of a patch in pixels.

        Returns:
            Pairs, uint8 RGB (rngs, 2, patch, patch, 3), the blurred side first: a quarter of the bytes that
            :func:`images` makes of them, which counts on the way to a GPU.

        Raises:
            DataError: If the pairs are smaller than a patch.
        """
        pairs = np.empty((len(rngs), 2, patch, patch, 3), np.uint8)
        for slot, rng in enumerate(rngs):
            pair = self.pair(int(rng.integers(len(self))))
            height, width = pair.shape[1:3]
            if height < patch or width < patch:
                raise DataError(f"pairs of {width}x{height} are too small for patches of {patch}; set a smaller patch")
            top, left = rng.integers(height - patch + 1), rng.integers(width - patch + 1)
            turns, is_flipped = int(rng.integers(4)), bool(rng.integers(2))
            # No operation of PyTorch here: in a loader's thread it starts threads of its own, which fight those of the
            # training for the cores. On two cores that cost half the speed.
            for side, picture in enumerate(pair[:, top : top + patch, left : left + patch]):
                pairs[slot, side] = _turned(picture, turns, is_flipped=is_flipped)
        return torch.from_numpy(pairs)

    def examples(self, batch: Tensor, window: Window, device: torch.device) -> Examples:  # noqa: ARG002
        """What a network sees and should give, on a device.

        Args:
            batch: Pairs from :meth:`batch`.
            window: Not used: pictures have no neighbours.
            device: Device to train on.
        """
        blurred, sharp = images(batch, device)
        return Examples((blurred,), blurred, sharp, blurred.shape[1], lambda pictures: pictures)


_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


def _turned(picture: NDArray[np.uint8], turns: int, *, is_flipped: bool) -> NDArray[np.uint8]:
    """Turned by quarters to the left, then mirrored, by OpenCV: NumPy copies such views one pixel at a time."""
    turn = _TURNS[turns]
    result: Any = picture if turn is None else cv2.rotate(picture, turn)
    result = cv2.flip(result, 1) if is_flipped else result
    return np.asarray(result, np.uint8)


def images(pairs: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images that a network is trained on.

    Args:
        pairs: Pairs of :meth:`Pool.batch`, uint8 (N, 2, H, W, 3).
        device: Device of the images.

    Returns:
        Blurred and sharp images in [0, 1], each float32 (N, 3, H, W), the channels last in memory.
    """
    planes = pairs.to(device).permute(1, 0, 4, 2, 3)
    return planes[0] / 255, planes[1] / 255


def add_noise(blurred: Tensor, rngs: Sequence[Generator], spread: float) -> None:
    """Gaussian noise of a strength of its own on every image, in place; on the images' device, which draws it soonest.

    Args:
        blurred: Images, float (N, 3, H, W).
        rngs: Sources of randomness, one for each image.
        spread: Standard deviation of the normal distribution from which an image's standard deviation is drawn.
    """
    for image, rng in zip(blurred, rngs, strict=True):
        generator = torch.Generator(image.device).manual_seed(int(rng.integers(2**63)))
        noise = torch.randn(image.shape, generator=generator, device=image.device)
        image.add_(noise, alpha=abs(rng.normal(0, spread)))
