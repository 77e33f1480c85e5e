"""Training batches from pools of windows: three frames in the codec's own planes, aligned, with the motion."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from network.colour import green_blue_red
from network.data.planes import BLACK, CHROMA_RANGE, LUMA_RANGE, NO_COLOUR, split
from network.data.windows import SHARDS, flows_of, motion_told, open_shard
from network.errors import DataError
from network.models.plane_channels import CHANNELS, LUMA_STEP, as_channels, as_planes
from network.training.examples import Examples, file_digest, record_of
from network.window.working import MULTIPLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from network.data.windows import Flows, Frames
    from network.window.windows import Window

ALONE, ONE_SIDED = 0.10, 0.06
"""Shares of the patches that lose both neighbours, and one of them, besides those that lack them in the pool."""

_PLACE = 8
"""Multiple of a patch's place in its window: pixels to one of the motion."""

_SHARP = 3
"""Place of the sharp frame in a window."""


class WindowBatch(NamedTuple):
    """Patches of windows.

    Attributes:
        luma: Luma of the previous, the present, the next and the sharp frame, uint8 (N, 4, P, P).
        chroma: Both chroma planes of each, uint8 (N, 8, P / 2, P / 2).
        motion: Motion, float32 (N, 6, P / 8, P / 8), see :func:`network.window.motion.motion_of`.
    """

    luma: Tensor
    chroma: Tensor
    motion: Tensor


def holds_windows(folder: Path) -> bool:
    """Whether a folder looks like a pool of windows."""
    return any(folder.glob(SHARDS))


class WindowPool:
    """Shards of windows, memory-mapped.

    Args:
        folders: Folders of pools, each made by ``deblur synth`` or ``deblur pack``. One may be a ring, whose shards are
            replaced while training goes on.

    Raises:
        DataError: If a folder has no shard, is not complete, or a shard is damaged, can't be opened, or is of another
            size.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self.is_ring = False
        for folder in folders:
            record = record_of(folder)
            self.is_ring |= record.get("ring") is True
            if record.get("complete", True) is not True:
                raise DataError(f"{folder} was not packed to the end; run 'deblur pack' again to go on")
            if not holds_windows(folder):
                raise DataError(f"{folder} holds no windows; make some with 'deblur synth' or 'deblur pack'")
        self.refresh()

    def refresh(self) -> None:
        """Looks which shards there are; whoever reads a batch meanwhile reads those of before."""
        paths, shards = [], []
        for folder in self._folders:
            for path in sorted(folder.glob(SHARDS)):
                with suppress(FileNotFoundError):  # replaced by a newer one since it was listed
                    try:
                        shards.append(open_shard(path))
                        paths.append(path)
                    except FileNotFoundError:
                        raise
                    except OSError as error:  # a whole shard, perhaps one more than the process may have open
                        raise DataError(f"{path} can't be opened: {error.strerror or error}") from error
        if not shards:
            raise DataError(f"{self._folders[0]} holds no windows; make some with 'deblur synth' or 'deblur pack'")
        if len({windows.shape[2:] for windows, _ in shards}) > 1:
            raise DataError("the pools hold windows of different sizes; make them of one size")
        self._shards = _Shards(paths, shards)

    def __len__(self) -> int:
        return len(self._shards)

    @property
    def digest(self) -> str:
        """SHA-256 over the SHA-256 of every file, in order: it names the very pixels. Of a ring, ``ring``."""
        if self.is_ring:
            return "ring"
        files = [file for path in self._shards.paths for file in (path, flows_of(path))]
        with ThreadPoolExecutor() as executor:
            return hashlib.sha256(b"".join(executor.map(file_digest, files))).hexdigest()

    def window(self, index: int) -> tuple[Frames, Flows]:
        """One window, not copied from the disk: uint8 (4, 3 H / 2, W) and float16 (4, H / 4, W / 4).

        Raises:
            IndexError: If there is no such window.
        """
        return self._shards[index]

    def batch(self, rngs: Sequence[Generator], patch: int) -> WindowBatch:
        """Random patches, mirrored, turned, reversed in time, and robbed of neighbours at random.

        Args:
            rngs: Sources of randomness, one for each patch, which decides it alone.
            patch: Height and width of a patch in pixels.

        Raises:
            DataError: If the windows are smaller than a patch, or the patch is no multiple of 16.
        """
        shards = self._shards
        side = min(shards.height, shards.width)
        if side < patch or patch % MULTIPLE:
            raise DataError(
                f"patches of {patch} can't be cut from windows of {shards.width}x{shards.height}; set a smaller patch, "
                f"a multiple of {MULTIPLE}"
            )
        luma = np.empty((len(rngs), 4, patch, patch), np.uint8)
        chroma = np.empty((len(rngs), 8, patch // 2, patch // 2), np.uint8)
        motion = np.empty((len(rngs), 6, patch // _PLACE, patch // _PLACE), np.float32)
        for slot, rng in enumerate(rngs):
            frames, flows = shards[int(rng.integers(len(shards)))]
            _fill(rng, frames, flows, patch, (luma[slot], chroma[slot], motion[slot]))
        return WindowBatch(*map(torch.from_numpy, (luma, chroma, motion)))

    def examples(self, batch: WindowBatch, window: Window, device: torch.device) -> Examples:
        """What a network sees and should give, on a device.

        Args:
            batch: Patches from :meth:`batch`.
            window: Neighbours that the network looks at.
            device: Device to train on.

        Returns:
            Inputs of ``forward_scales``: the window as channels and, where the network sees neighbours, the motion. The
            target is the correction of the present frame, and what the network starts from is none.
        """
        luma = (batch.luma.to(device).float() - BLACK) * (1 / LUMA_RANGE)
        chroma = (batch.chroma.to(device).float() - NO_COLOUR) * (1 / CHROMA_RANGE)
        frames = as_channels(luma, chroma)
        seen = frames[:, (1 - window.before) * CHANNELS : (2 + window.after) * CHANNELS]
        present = frames[:, CHANNELS : 2 * CHANNELS]
        target = frames[:, _SHARP * CHANNELS :] - present
        inputs = [seen.contiguous(memory_format=torch.channels_last)]
        if window.frames > 1:
            inputs.append(batch.motion.to(device))
        return Examples(
            tuple(inputs),
            torch.zeros_like(target),
            target,
            LUMA_STEP**2,
            lambda correction: _pictures(present + correction),
        )


def _pictures(channels: Tensor) -> Tensor:
    """Channels of planes, (N, 24, h, w), as RGB by BT.709, (N, 3, 4 h, 4 w)."""
    luma, chroma = as_planes(channels)
    enlarged = F.interpolate(chroma, scale_factor=2.0, mode="bilinear")
    green, blue, red = green_blue_red(luma[:, 0], *enlarged.unbind(1))
    return torch.stack((red, green, blue), 1)


class _Shards:
    """The shards of one moment."""

    def __init__(self, paths: list[Path], shards: list[tuple[Frames, Flows]]) -> None:
        self.paths, self._shards = paths, shards
        self._ends = np.cumsum([len(windows) for windows, _ in shards])
        _, _, rows, self.width = shards[0][0].shape
        self.height = rows * 2 // 3

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> tuple[Frames, Flows]:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no window {index} among {len(self)}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        windows, flows = self._shards[shard]
        place = index - int(self._ends[shard])
        return windows[place], flows[place]


_Patch = tuple["NDArray[np.uint8]", "NDArray[np.uint8]", "NDArray[np.float32]"]


def _fill(rng: Generator, frames: Frames, flows: Flows, patch: int, out: _Patch) -> None:
    """Puts a random patch of a window into a batch."""
    luma, chroma = split(frames)
    height, width = luma.shape[1:]
    top, left = (_PLACE * int(rng.integers((length - patch) // _PLACE + 1)) for length in (height, width))
    draw, turns = rng.random(), int(rng.integers(4))
    is_mirrored, is_reversed = bool(rng.integers(2)), bool(rng.integers(2))
    # Reversed in time, one side that is lost is either.
    lost = (draw < ALONE + ONE_SIDED, draw < ALONE)
    motion = motion_told(flows, lost=lost)
    rows, columns = slice(top // _PLACE, (top + patch) // _PLACE), slice(left // _PLACE, (left + patch) // _PLACE)
    out[2][...] = changed_motion(motion[:, rows, columns], turns, is_mirrored=is_mirrored, is_reversed=is_reversed)
    order = [1 if lost[0] else 0, 1, 1 if lost[1] else 2, _SHARP]
    order[0], order[2] = (order[2], order[0]) if is_reversed else (order[0], order[2])
    for place, frame in enumerate(order):
        seen = luma[frame, top : top + patch, left : left + patch]
        _turn(seen, turns, out[0][place], is_mirrored=is_mirrored)
        for plane in (0, 1):
            seen = chroma[frame, plane, top // 2 : (top + patch) // 2, left // 2 : (left + patch) // 2]
            _turn(seen, turns, out[1][2 * place + plane], is_mirrored=is_mirrored)


_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


def _turn(plane: NDArray[np.uint8], turns: int, out: NDArray[np.uint8], *, is_mirrored: bool) -> None:
    """Mirrors a plane across, then turns it by quarters to the left; by OpenCV, since NumPy copies pixel by pixel."""
    turn = _TURNS[turns]
    source = cv2.flip(plane, 1) if is_mirrored else plane
    out[...] = source if turn is None else cv2.rotate(source, turn)


def changed_motion(
    motion: NDArray[np.float32], turns: int, *, is_mirrored: bool, is_reversed: bool
) -> NDArray[np.float32]:
    """The motion of a window whose frames were mirrored, turned and put into reverse order.

    Args:
        motion: Motion, (6, h, w), see :func:`network.window.motion.motion_of`.
        turns: Quarter turns to the left.
        is_mirrored: Whether left and right are exchanged, before the turns.
        is_reversed: Whether the next frame has become the previous one.
    """
    if is_reversed:
        motion = motion[[2, 3, 0, 1, 5, 4]]
    if is_mirrored:
        motion = motion[:, :, ::-1] * np.array([-1, 1, -1, 1, 1, 1], np.float32)[:, None, None]
    for _ in range(turns):
        # A quarter turn to the left makes right up, and down right.
        right, down, other_right, other_down, *marks = np.rot90(motion, 1, (1, 2))
        motion = np.stack((down, -right, other_down, -other_right, *marks))
    return motion
