"""A frame in tiles, for devices whose memory does not hold the network's features of a whole one.

Tiles overlap by as much as the network can see, so that every pixel that is kept was computed from what the whole frame
would have shown it: the result differs by nothing but the rounding of sums, which is at most one code. All tiles have
one shape, since an engine is compiled for one shape.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from network.models.layers import fold_for_inference
from network.planes import Layout
from network.tiles import equal_spans

if TYPE_CHECKING:
    from torch import Tensor

    from network.planes import PlaneSpec
    from network.tiles import Span
    from trt.compiled import Compiled


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of a frame: every row with every column.

    Attributes:
        rows: Spans of the height, in pixels.
        columns: Spans of the width, in pixels.
    """

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a tile in pixels."""
        return self.rows[0].length, self.columns[0].length


def grid_step(network: nn.Module) -> int:
    """Multiple in pixels at which tiles must start, from how the network and the chroma halve the picture."""
    return math.lcm(int(getattr(network, "multiple", 1)), 2)


def overlap_of(network: nn.Module) -> int:
    """Width of the border inside a tile that is not used, in pixels; a multiple of :func:`grid_step`.

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
        network: Network that maps RGB (N, 3, H, W) to the same shape; it is not changed.

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
        height: Height of the frame, in pixels.
        width: Width of the frame, in pixels.
        rows: Most rows of tiles.
        columns: Most columns of tiles.
        overlap: Overlap of tiles in pixels, as :func:`overlap_of` returns it.
        step: Multiple in pixels at which tiles start, as :func:`grid_step` returns it.
    """
    return Grid(equal_spans(height, rows, overlap, step), equal_spans(width, columns, overlap, step))


class TiledCompiled:
    """A :class:`trt.compiled.Compiled` of whole frames that runs one of tiles.

    Args:
        tile: Network compiled for one tile.
        spec: Layout, depth, matrix and size of whole frames.
        cut: Tiles of a frame.

    Attributes:
        spec: Layout, depth, matrix and size of whole frames.
        batch: Number of frames that every call takes.

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
        """Deblurs a batch tile by tile, see :meth:`trt.compiled.Compiled.__call__`."""
        result = tuple(torch.empty_like(plane) for plane in planes)
        for row in self._grid.rows:
            for column in self._grid.columns:
                self._run_tile(planes, result, row, column)
        return result

    def _run_tile(self, planes: tuple[Tensor, ...], result: tuple[Tensor, ...], row: Span, column: Span) -> None:
        scales = [(1, 1), *[_chroma_scale(self.spec)] * (len(planes) - 1)]
        pieces = [
            _part(plane, scale, (row.start, row.stop), (column.start, column.stop))
            for plane, scale in zip(planes, scales, strict=True)
        ]
        computed = self._tile(tuple(piece.contiguous() for piece in pieces))
        rows, columns = (row.keep_start, row.keep_stop), (column.keep_start, column.keep_stop)
        inner_rows = (row.keep_start - row.start, row.keep_stop - row.start)
        inner_columns = (column.keep_start - column.start, column.keep_stop - column.start)
        for target, piece, scale in zip(result, computed, scales, strict=True):
            _part(target, scale, rows, columns).copy_(_part(piece, scale, inner_rows, inner_columns))


def tile_spec(spec: PlaneSpec, cut: Grid) -> PlaneSpec:
    """Layout, depth, matrix and size of the planes of a tile."""
    height, width = cut.shape
    return replace(spec, height=height, width=width)


def _part(plane: Tensor, scale: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """The samples of a plane, (batch, height, width, ...), that cover some rows and columns of luma."""
    down, across = scale
    return plane[:, rows[0] // down : -(-rows[1] // down), columns[0] // across : -(-columns[1] // across)]


def _chroma_scale(spec: PlaneSpec) -> tuple[int, int]:
    """Number of luma rows and luma columns for each row and column of chroma."""
    match spec.layout:
        case Layout.YUV420P | Layout.NV12:
            return 2, 2
        case Layout.YUV422P:
            return 1, 2
        case _:
            return 1, 1
