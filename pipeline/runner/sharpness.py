"""How blurred a frame is, estimated from a few of its samples: cheap enough to decide whether a network runs at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.planes import PlaneSpec

BLOCK = 32
"""Height and width of a block, in samples."""

SHARE = 12
"""Ratio of all samples to those that are looked at; small pictures are sampled more densely."""

_LEAST_DETAIL = 40.0
"""Mean square difference, in 8-bit codes, of samples two apart below which a block is flat: sky says nothing."""

_BLOCKS = 64
"""Least number of blocks that are looked at, where the picture has as many."""

_SPEAKING = 4
"""Number of blocks with detail that an estimate needs; of a small picture, all blocks."""

_QUANTILE = 0.25
_SHARP, _BLURRED = 0.5, 0.25
"""Ratio of neighbours' mean square difference to that of samples two apart: at a step, and on a long ramp."""

_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def blur_estimate(luma: NDArray[Any], depth: int = 8) -> float:
    """How blurred a picture is, in the direction in which it is most so, in the parts where it is most so.

    Blur turns steps into ramps: along a ramp, samples two apart differ twice as much as neighbours do, at a step no
    more. The ratio of both is taken in four directions, because motion blurs along its path alone, in blocks spread
    over the picture, because an object may move before a background that does not; the quarter of the detail that is
    most blurred counts.

    Args:
        luma: Codes, (H, W), unsigned; the sample at each place, with no bits below the code.
        depth: Bits of a code.

    Returns:
        From 0 (every edge is a step) to 1 (long ramps alone); 1 where there is too little detail to tell, because
        strong blur leaves little.
    """
    blocks = _blocks(luma)
    if depth > 8:
        blocks *= np.float32(1 / (1 << (depth - 8)))
    near, far = np.empty((2, len(_DIRECTIONS), len(blocks)), np.float32)
    for number, (down, right) in enumerate(_DIRECTIONS):
        near[number] = _mean_square_difference(blocks, down, right)
        far[number] = _mean_square_difference(blocks, 2 * down, 2 * right)
    detail = far.max(0)
    speaks = detail > _LEAST_DETAIL
    if speaks.sum() < min(_SPEAKING, len(blocks)):
        return 1.0
    worst = (near / np.maximum(far, np.float32(1e-6))).min(0)[speaks]
    order = np.argsort(worst)
    weight = np.cumsum(np.sqrt(detail[speaks])[order])
    ratio = worst[order][np.searchsorted(weight, _QUANTILE * weight[-1])]
    return float(np.clip((_SHARP - ratio) / (_SHARP - _BLURRED), 0, 1))


def blur_of(luma: NDArray[Any], spec: PlaneSpec) -> float:
    """:func:`blur_estimate` of a luma plane as it is stored.

    Args:
        luma: The plane, (H, W).
        spec: What the planes of the frame are.
    """
    return blur_estimate(luma >> spec.code_shift if spec.code_shift else luma, spec.depth)


def _blocks(luma: NDArray[Any]) -> NDArray[np.float32]:
    """Blocks on a regular grid, (N, height, width); the whole picture where it is smaller than a block."""
    height, width = luma.shape
    size = min(BLOCK, height), min(BLOCK, width)
    available = height * width // (size[0] * size[1])
    number = max(min(_BLOCKS, available), available // SHARE)
    rows = max(1, round((number * height / width) ** 0.5))
    columns = -(-number // rows)
    top = np.linspace(0, height - size[0], rows).astype(int)
    left = np.linspace(0, width - size[1], columns).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(luma, size)
    blocks: NDArray[np.float32] = windows[top[:, None], left].reshape(-1, *size).astype(np.float32)
    return blocks


def _mean_square_difference(blocks: NDArray[np.float32], down: int, right: int) -> NDArray[np.float32]:
    """Mean square difference of samples that far apart, one value a block; 0 where a block is too small for it."""
    height, width = blocks.shape[1] - down, blocks.shape[2] - abs(right)
    if height < 1 or width < 1:
        return np.zeros(len(blocks), np.float32)
    left = max(-right, 0)
    first = blocks[:, :height, left : left + width]
    second = blocks[:, down:, left + right : left + right + width]
    difference = np.subtract(first, second).reshape(len(blocks), -1)
    squares: NDArray[np.float32] = np.einsum("ni,ni->n", difference, difference)
    return squares / np.float32(height * width)
