"""A frame in tiles, for devices whose memory does not hold the network's features of a whole one.

Tiles overlap by as much as the network can see, so that every pixel that is kept was computed from what the whole frame
would have shown it: the result differs by nothing but the rounding of sums, which is at most one code. All tiles have
one shape, since an engine is compiled for one shape.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from network.models.layers import fold_for_inference, to_precision
from network.planes import PlaneSpec
from network.tiles import equal_spans
from trt.compiled import empty_for
from trt.signature import Port, Signature, window_of

if TYPE_CHECKING:
    from torch import Tensor, nn

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

    It follows from the layers alone, and is found by asking them: a spot of NaN turns all into NaN that it can change,
    whatever the weights are.

    Args:
        network: Network for RGB or over time; it is not changed.

    Raises:
        ValueError: If the reach is over 4096 pixels, or unlimited, as with pooling over the whole picture.
    """
    # In double precision, convolutions are computed as they are defined; faster ways may spread NaN farther.
    probe = to_precision(fold_for_inference(copy.deepcopy(network)).cpu(), torch.float64)
    with torch.no_grad():
        return max(_spread(probe, axis) for axis in (0, 1))


def _spread(probe: nn.Module, axis: int) -> int:
    step = grid_step(probe)
    room = 4 * step
    while room <= 4096 + 4 * step:
        size, spot = [step, step], [(0, step), (0, step)]
        size[axis], spot[axis] = 2 * room + step, (room, room + step)
        ports = _ports(probe, size[0], size[1])
        inputs = [torch.zeros(port.shape, dtype=torch.float64) for port in ports]
        for port, tensor in zip(ports, inputs, strict=True):
            port.part(tensor, *spot).fill_(math.nan)
        results = probe(*inputs)
        first, last = room, room + step - 1
        for port, result in zip(ports, (results,) if isinstance(results, torch.Tensor) else results, strict=False):
            other = {1, 2, 3} - {port.axis + axis}
            changed = result.isnan().any(dim=tuple(other))[0].nonzero() * port.step[axis]
            if changed.numel():
                first, last = min(first, int(changed.min())), max(last, int(changed.max()) + port.step[axis] - 1)
        if first > 0 and last < size[axis] - 1:
            return max(room - first, last - (room + step - 1))
        room *= 2
    raise ValueError("the network sees too far to be run in tiles: over 4096 pixels, or all of the picture")


def _ports(network: nn.Module, height: int, width: int) -> tuple[Port, ...]:
    """Inputs of a network itself; its outputs are like the first ones."""
    window = window_of(network)
    if window is None:
        return (Port("rgb", (1, 3, height, width), axis=2),)
    return Signature(PlaneSpec(width, height), 1, window).inputs


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
        signature: What goes in and comes out, of whole frames.
        cut: Tiles of a frame.

    Attributes:
        signature: What goes in and comes out, of whole frames.

    Raises:
        ValueError: If ``tile`` is not for the tiles of ``cut``.
    """

    def __init__(self, tile: Compiled, signature: Signature, cut: Grid) -> None:
        if tile.signature != signature.of_size(*cut.shape):
            raise ValueError(f"tiles are {signature.of_size(*cut.shape)}, not {tile.signature}")
        self._tile = tile
        self.signature = signature
        self._grid = cut

    @property
    def inputs(self) -> tuple[Port, ...]:
        """See :class:`trt.compiled.Program`."""
        return self.signature.inputs

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Deblurs tile by tile, see :class:`trt.compiled.Program`."""
        results = empty_for(self.signature.outputs, inputs[0].device)
        for row in self._grid.rows:
            for column in self._grid.columns:
                self._run_tile(inputs, results, row, column)
        return results

    def _run_tile(self, inputs: tuple[Tensor, ...], results: tuple[Tensor, ...], row: Span, column: Span) -> None:
        pieces = [
            port.part(tensor, (row.start, row.stop), (column.start, column.stop)).contiguous()
            for port, tensor in zip(self.signature.inputs, inputs, strict=True)
        ]
        rows, columns = (row.keep_start, row.keep_stop), (column.keep_start, column.keep_stop)
        inner_rows = (row.keep_start - row.start, row.keep_stop - row.start)
        inner_columns = (column.keep_start - column.start, column.keep_stop - column.start)
        for port, target, piece in zip(self.signature.outputs, results, self._tile(tuple(pieces)), strict=True):
            port.part(target, rows, columns).copy_(port.part(piece, inner_rows, inner_columns))
