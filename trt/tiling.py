"""A frame in tiles, for devices whose memory does not hold the network's features of a whole one.

Tiles overlap by as much as the network can see, so that every pixel that is kept was computed from what the whole frame
would have shown it: the result differs by nothing but the rounding of sums, which is at most one code. All tiles have
one shape, since an engine is compiled for one shape.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from network.models.layers import fold_for_inference
from network.planes import Layout

if TYPE_CHECKING:
    from torch import Tensor

    from network.planes import PlaneSpec
    from trt.compiled import Compiled


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis, in pixels.

    Attributes:
        start: First pixel that the network gets.
        length: How many it gets.
        keep_start: First pixel of its result that is used.
        keep_stop: One past the last one.
    """

    start: int
    length: int
    keep_start: int
    keep_stop: int


@dataclass(frozen=True, slots=True)
class Grid:
    """How a frame is cut: every row with every column.

    Attributes:
        rows: Spans of the height.
        columns: Spans of the width.
    """

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a tile in pixels."""
        return self.rows[0].length, self.columns[0].length


def grid_step(network: nn.Module) -> int:
    """What starts of tiles must be a multiple of, in pixels: what the network halves by, and chroma by 2."""
    return math.lcm(int(getattr(network, "multiple", 1)), 2)


def overlap_of(network: nn.Module) -> int:
    """Pixels at the inner border of a tile that are no good, a multiple of :func:`grid_step`.

    The reach of the network, and one step more for the chroma samples that the planar graph interpolates beside the
    border.
    """
    step = grid_step(network)
    return -(-reach(network) // step) * step + step


def reach(network: nn.Module) -> int:
    """How far from a pixel the farthest one lies that can change it, in pixels, for borders on the network's own grid.

    It follows from the layers alone, and is found by asking them: in a copy, every weight is made positive, so that
    nothing cancels out, and the spread of a single spot on black is measured.

    Args:
        network: Maps RGB (N, 3, H, W) to the same shape; left as it is.

    Raises:
        ValueError: If the reach is over 4096 pixels, or unlimited, as with pooling over the whole picture.
    """
    probe = fold_for_inference(copy.deepcopy(network)).cpu().float()
    with torch.no_grad():
        for parameter in probe.parameters():
            parameter.fill_(float(parameter.dim() > 1))
    convolutions = [module for module in probe.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    for convolution in convolutions:
        convolution.register_forward_hook(_light)
    is_square = all(layer.kernel_size[0] == layer.kernel_size[1] for layer in convolutions)
    return max(_spread(probe, grid_step(network), axis) for axis in ((3,) if is_square else (2, 3)))


def _light(_module: nn.Module, _inputs: object, features: Tensor) -> Tensor:
    """1 where anything arrived, else 0: as they are, a hundred layers would leave what floating point can hold."""
    return (features != 0).to(features)


def _spread(probe: nn.Module, step: int, axis: int) -> int:
    room = 4 * step
    while room <= 4096 + 4 * step:
        shape = [1, 3, step, step]
        shape[axis] = 2 * room + step
        picture = torch.zeros(shape)
        with torch.no_grad():
            dark = probe(picture).clone()  # a network may give back what it got
            picture.narrow(axis, room, step).fill_(1.0)
            lit = (probe(picture) != dark).any(dim=1).any(dim=5 - axis - 1)[0].nonzero()
        first, last = int(lit.min()), int(lit.max())
        if first > 0 and last < shape[axis] - 1:
            return max(room - first, last - (room + step - 1), 0)
        room *= 2
    raise ValueError("the network sees too far to be run in tiles: over 4096 pixels, or all of the picture")


def grid(height: int, width: int, rows: int, columns: int, overlap: int, step: int) -> Grid:
    """Cuts a frame into at most ``rows`` by ``columns`` tiles of one shape.

    Args:
        height: Of the frame, in pixels.
        width: Of the frame, in pixels.
        rows: At most.
        columns: At most.
        overlap: See :func:`overlap_of`.
        step: See :func:`grid_step`.
    """
    return Grid(_spans(height, rows, overlap, step), _spans(width, columns, overlap, step))


def _spans(length: int, parts: int, overlap: int, step: int) -> tuple[Span, ...]:
    # The last tile ends with the frame and starts on the grid, so all tiles have the frame's remainder to it.
    rest = length % step
    size = min(length, rest + 2 * overlap + step)
    while size < length and _advance(size, overlap, step) * (parts - 1) + size < length:
        size += step
    size = min(size, length)
    advance = _advance(size, overlap, step)
    starts = [*range(0, length - size, advance), length - size] if size < length else [0]
    # Each tile counts from where it has left its own border behind; up to there, the one before still does.
    cuts = [0, *(start + overlap for start in starts[1:]), length]
    return tuple(Span(start, size, *cut) for start, cut in zip(starts, pairwise(cuts), strict=True))


def _advance(size: int, overlap: int, step: int) -> int:
    """From one start to the next: beyond the grid's last line, a tile is padded, so its rest counts for nothing."""
    return size // step * step - 2 * overlap


class TiledCompiled:
    """A :class:`trt.compiled.Compiled` of whole frames that runs one of tiles.

    Args:
        tile: Compiled for the tiles.
        spec: What whole frames are.
        cut: How they are cut.

    Attributes:
        spec: What whole frames are.
        batch: Frames that every call takes.

    Raises:
        ValueError: If ``tile`` is not for the tiles of ``cut``.
    """

    def __init__(self, tile: Compiled, spec: PlaneSpec, cut: Grid) -> None:
        if tile.spec != tile_spec(spec, cut):
            raise ValueError(f"tiles are {tile_spec(spec, cut)}, not {tile.spec}")
        self._tile = tile
        self.spec = spec
        self.batch = tile.batch
        self._grid = cut

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Deblurs tile by tile, see :meth:`trt.compiled.Compiled.__call__`."""
        result = tuple(torch.empty_like(plane) for plane in planes)
        for row in self._grid.rows:
            for column in self._grid.columns:
                self._run_tile(planes, result, row, column)
        return result

    def _run_tile(self, planes: tuple[Tensor, ...], result: tuple[Tensor, ...], row: Span, column: Span) -> None:
        scales = [(1, 1), *[_chroma_scale(self.spec)] * (len(planes) - 1)]
        pieces = [
            _part(plane, scale, (row.start, row.start + row.length), (column.start, column.start + column.length))
            for plane, scale in zip(planes, scales, strict=True)
        ]
        computed = self._tile(tuple(piece.contiguous() for piece in pieces))
        rows, columns = (row.keep_start, row.keep_stop), (column.keep_start, column.keep_stop)
        inner_rows = (row.keep_start - row.start, row.keep_stop - row.start)
        inner_columns = (column.keep_start - column.start, column.keep_stop - column.start)
        for target, piece, scale in zip(result, computed, scales, strict=True):
            _part(target, scale, rows, columns).copy_(_part(piece, scale, inner_rows, inner_columns))


def tile_spec(spec: PlaneSpec, cut: Grid) -> PlaneSpec:
    """What the planes of a tile are."""
    height, width = cut.shape
    return replace(spec, height=height, width=width)


def _part(plane: Tensor, scale: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """The samples of a plane, (batch, height, width, ...), that cover some rows and columns of luma."""
    down, across = scale
    return plane[:, rows[0] // down : -(-rows[1] // down), columns[0] // across : -(-columns[1] // across)]


def _chroma_scale(spec: PlaneSpec) -> tuple[int, int]:
    """Rows and columns of luma for each of chroma."""
    match spec.layout:
        case Layout.YUV420P | Layout.NV12:
            return 2, 2
        case Layout.YUV422P:
            return 1, 2
        case _:
            return 1, 1
