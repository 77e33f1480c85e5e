"""A picture through a network piece by piece, for machines whose memory does not hold it whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from network.errors import NetworkError
from network.tiles import fading_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from network.tiles import Span

BLEND = 16
"""Pixels over which one tile fades into the next."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """Size and margin of the tiles of a picture.

    Attributes:
        size: Height and width of a tile, in pixels.
        margin: Width of the border inside a tile whose results are thrown away, in pixels.
    """

    size: int
    margin: int = 64

    def __post_init__(self) -> None:
        if self.margin < 0 or self.size < 2 * self.margin + 2 * BLEND:
            raise NetworkError(
                f"tiles of {self.size} pixels leave nothing between margins of {self.margin}; "
                f"set tiles of at least {2 * max(self.margin, 0) + 2 * BLEND}, or a margin from 0 up"
            )


def spans(length: int, tiling: Tiling, multiple: int) -> tuple[Span, ...]:
    """Tiles along one axis.

    Args:
        length: Length of the axis in pixels.
        tiling: Size and margin.
        multiple: Number of which every start is a multiple, so that a network that halves sees the grid of the whole
            picture.

    Raises:
        NetworkError: If the tiles are too small for that.
    """
    try:
        return fading_spans(length, tiling.size, tiling.margin, BLEND, multiple)
    except ValueError as error:
        raise NetworkError(
            f"tiles of {tiling.size} pixels are too small for this network with margins of {tiling.margin}; "
            f"set tiles of at least {2 * tiling.margin + BLEND + multiple}"
        ) from error


def shares(pieces: Sequence[Span]) -> list[Tensor]:
    """Each tile's share in each of its pixels, (length,) float32 from 0 to 1; they add up to 1 in every pixel.

    Args:
        pieces: Tiles of an axis, in order.
    """
    weights = []
    for piece in pieces:
        weight = torch.zeros(piece.length)
        weight[piece.keep_start - piece.start : piece.keep_stop - piece.start] = 1
        weights.append(weight)
    for index, (before, after) in enumerate(pairwise(pieces)):
        fade = before.keep_stop - after.keep_start
        rise = (torch.arange(fade) + 0.5) / fade
        begin = after.keep_start
        weights[index][begin - before.start : begin - before.start + fade] = 1 - rise
        weights[index + 1][begin - after.start : begin - after.start + fade] = rise
    return weights


def in_tiles(process: Callable[[Tensor], Tensor], image: Tensor, tiling: Tiling, multiple: int = 1) -> Tensor:
    """Processes a picture tile by tile.

    Neighbours fade into each other, so no seam appears. Where ``tiling.margin`` is at least the reach of ``process``
    (how far from an output pixel the farthest input pixel is that changes it), the result is that of the whole picture
    but for the rounding of float32 sums. For ``idc`` that is 924 pixels, of which most hardly count, and 132 with one
    scale. With less margin, pixels near the middle of an overlap differ a little.

    Args:
        process: Function that maps (N, 3, H, W) to the same shape.
        image: Picture, float (N, 3, H, W).
        tiling: Size and margin.
        multiple: Multiple that the network pads to, in pixels; tiles start at multiples of it.

    Returns:
        Float32 (N, 3, H, W) on the device of ``image``.

    Raises:
        NetworkError: If the tiles are too small.
    """
    height, width = image.shape[-2:]
    rows, columns = spans(height, tiling, multiple), spans(width, tiling, multiple)
    result = torch.zeros(image.shape, dtype=torch.float32, device=image.device)
    for row, down in zip(rows, shares(rows), strict=True):
        for column, across in zip(columns, shares(columns), strict=True):
            box = (..., slice(row.start, row.stop), slice(column.start, column.stop))
            result[box] += process(image[box]) * (down[:, None] * across).to(image.device)
    return result
