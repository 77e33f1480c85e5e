"""What a network is trained on, whether pictures or windows."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from network.data.manifest import RECORD
from network.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.random import Generator
    from torch import Tensor

    from network.window.windows import Window

SLIGHT = 2e-4
"""Mean squared error, of the full scale, below which a patch counts as sharp already: 37 dB."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """A batch on the device.

    Attributes:
        inputs: Arguments of the network's ``forward_scales``.
        start: What the finest result would be if the network did nothing, (N, C, H, W).
        target: What the finest result should be, of the same shape.
        scored: Number of channels, from the first one, that :meth:`gain` is of.
        to_rgb: Function that turns a result into RGB pictures, float (N, 3, H, W), nominally in [0, 1].
    """

    inputs: tuple[Tensor, ...]
    start: Tensor
    target: Tensor
    scored: int
    to_rgb: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def gain(self, result: Tensor) -> float:
        """Mean gain in PSNR over the blurred patches, in dB; NaN where none is blurred.

        Those that are all but sharp are left out: their ratio of errors would drown the others'.

        Args:
            result: The network's finest result.
        """
        target = self.target[:, : self.scored]
        before, after = (
            (side[:, : self.scored] - target).square().mean((1, 2, 3)).clamp_min(1e-7) for side in (self.start, result)
        )
        gains = (10 * torch.log10(before / after))[before > SLIGHT]
        return float(gains.mean()) if len(gains) else math.nan


class TrainingPool(Protocol):
    """A pool of pairs or of windows.

    Attributes:
        is_ring: Whether it changes while training goes on.
    """

    is_ring: bool

    @property
    def digest(self) -> str:
        """What names the very pixels."""

    def __len__(self) -> int:
        """Number of pairs or windows."""

    def refresh(self) -> None:
        """Looks which shards there are."""

    def batch(self, rngs: Sequence[Generator], patch: int) -> Any:
        """Random patches, one for each source of randomness, which decides it alone; without any work by PyTorch."""

    def examples(self, batch: Any, window: Window, device: torch.device) -> Examples:
        """A batch on a device, for a network that sees a window."""


def file_digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def record_of(folder: Path) -> dict[str, Any]:
    """What ``deblur synth`` or ``deblur pack`` wrote down of a pool.

    Raises:
        DataError: If the record is damaged.
    """
    record = folder / RECORD
    if not record.exists():
        return {}
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError("no record")
    except (ValueError, TypeError) as error:
        raise DataError(f"{record} is damaged; make the pool again in another folder") from error
    return content
