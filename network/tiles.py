"""How a picture is cut into tiles that overlap, along one axis at a time.

There are two ways. Tiles of one shape are for engines, which are compiled for one shape; each pixel of the result comes
from one tile. Tiles of a given size may end with a smaller one; neighbours fade into each other, so that no seam
appears where they overlap by less than the network sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis, in pixels of the picture.

    Attributes:
        start: First pixel that the network gets.
        length: Number of pixels that the network gets.
        keep_start: First pixel of the network's result that is used.
        keep_stop: One past the last pixel that is used.
    """

    start: int
    length: int
    keep_start: int
    keep_stop: int

    @property
    def stop(self) -> int:
        """One past the last pixel that the network gets."""
        return self.start + self.length


def equal_spans(length: int, parts: int, overlap: int, step: int) -> tuple[Span, ...]:
    """Tiles of one length; what is kept of them covers the axis, every pixel once.

    Args:
        length: Length of the axis in pixels.
        parts: Most tiles along the axis.
        overlap: Pixels at the inner border of a tile that are not kept, a multiple of ``step``.
        step: Number of which every start is a multiple, but for that of the last tile, which ends with the axis.
    """
    # The last tile ends with the axis and starts on the grid, so all tiles have the axis's remainder to it.
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


def fading_spans(length: int, size: int, margin: int, fade: int, step: int) -> tuple[Span, ...]:
    """Tiles of a given length, the last one at most as long; what is kept of neighbours overlaps by ``fade``.

    Args:
        length: Length of the axis in pixels.
        size: Length of a tile in pixels.
        margin: Pixels at the inner border of a tile that are not kept.
        fade: Pixels over which one tile fades into the next.
        step: Number of which every start is a multiple.

    Raises:
        ValueError: If the tiles are so small that they can't cover the axis.
    """
    if length <= size:
        return (Span(0, length, 0, length),)
    advance = (size - 2 * margin - fade) // step * step
    if advance <= 0:
        raise ValueError(f"tiles of {size} pixels are too small, at least {2 * margin + fade + step} are needed")
    starts = range(0, length - size + advance, advance)
    begins = [0, *(start + margin for start in starts[1:])]
    ends = [*(begin + fade for begin in begins[1:]), length]
    return tuple(
        Span(start, min(size, length - start), begin, end)
        for start, begin, end in zip(starts, begins, ends, strict=True)
    )


def _advance(size: int, overlap: int, step: int) -> int:
    """From one start to the next: beyond the grid's last line, a tile is padded, so its rest counts for nothing."""
    return size // step * step - 2 * overlap
