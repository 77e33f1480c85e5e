"""A picture through a network piece by piece, for machines whose memory does not hold it whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from network.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

BLEND = 16
"""Pixels over which one tile fades into the next."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut.

    Attributes:
        size: Height and width of what the network gets at a time, in pixels.
        margin: Pixels at a tile's inner borders that the network sees and nobody else: they are thrown away.
    """

    size: int
    margin: int = 64

    def __post_init__(self) -> None:
        if self.margin < 0 or self.size < 2 * self.margin + 2 * BLEND:
            raise NetworkError(
                f"tiles of {self.size} pixels leave nothing between margins of {self.margin}; "
                f"set tiles of at least {2 * max(self.margin, 0) + 2 * BLEND}, or a margin from 0 up"
            )


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis.

    Attributes:
        start: First pixel.
        weights: (length,) float32, from 0 to 1: the tile's share in each of its pixels.
    """

    start: int
    weights: Tensor

    @property
    def stop(self) -> int:
        """One past the last pixel."""
        return self.start + len(self.weights)


def spans(length: int, tiling: Tiling, multiple: int) -> list[Span]:
    """Tiles along one axis, whose weights add up to 1 in every pixel.

    Args:
        length: Of the axis, in pixels.
        tiling: Size and margin.
        multiple: Of which every start is one, so that a network that halves sees the grid of the whole picture.

    Raises:
        NetworkError: If the tiles are too small for that.
    """
    overlap = 2 * tiling.margin + BLEND
    step = (tiling.size - overlap) // multiple * multiple
    if length <= tiling.size:
        return [Span(0, torch.ones(length))]
    if step <= 0:
        raise NetworkError(
            f"tiles of {tiling.size} pixels are too small for this network with margins of {tiling.margin}; "
            f"set tiles of at least {overlap + multiple}"
        )
    starts = list(range(0, length - tiling.size + step, step))
    pieces = [Span(start, torch.ones(min(tiling.size, length - start))) for start in starts]
    # Both sides have seen `margin` pixels beyond wherever they count for something.
    rise = (torch.arange(BLEND) + 0.5) / BLEND
    for before, after in pairwise(pieces):
        fade = after.start + tiling.margin
        before.weights[fade - before.start :] = 0
        before.weights[fade - before.start : fade - before.start + BLEND] = 1 - rise
        after.weights[: tiling.margin] = 0
        after.weights[tiling.margin : tiling.margin + BLEND] = rise
    return pieces


def in_tiles(process: Callable[[Tensor], Tensor], image: Tensor, tiling: Tiling, multiple: int = 1) -> Tensor:
    """Processes a picture tile by tile.

    Neighbours fade into each other, so no seam appears. Where ``tiling.margin`` is at least the reach of ``process``
    (how far from an output pixel the farthest input pixel is that changes it), the result is that of the whole picture
    but for the rounding of float32 sums. For ``idc-rt`` that is 203 pixels; for ``idc`` 924, of which most hardly
    count, and 132 with one scale. With less margin, pixels near the middle of an overlap differ a little.

    Args:
        process: Maps (N, 3, H, W) to the same shape.
        image: Float (N, 3, H, W).
        tiling: Size and margin.
        multiple: What the network pads to; starts of tiles are multiples of it.

    Returns:
        Float32 (N, 3, H, W) on the device of ``image``.

    Raises:
        NetworkError: If the tiles are too small.
    """
    height, width = image.shape[-2:]
    rows, columns = spans(height, tiling, multiple), spans(width, tiling, multiple)
    result = torch.zeros(image.shape, dtype=torch.float32, device=image.device)
    for row in rows:
        for column in columns:
            box = (..., slice(row.start, row.stop), slice(column.start, column.stop))
            weights = (row.weights[:, None] * column.weights).to(image.device)
            result[box] += process(image[box]) * weights
    return result
