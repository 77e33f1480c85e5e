"""The arithmetic between plane codes and RGB, as numbers: formulas of ITU-T H.273, and nothing else.

This module needs numpy alone. The modules of :mod:`network.planar` and the graphs exported from them take these numbers
as inputs, so that one graph serves every matrix, range and bit depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from network.planes import Layout, Matrix, PlaneSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    Matrix.BT601: (0.299, 0.114),
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.BT2020: (0.2627, 0.0593),
}
"""K_R and K_B of H.273, Table 4; K_G is what is left of 1."""


@dataclass(frozen=True, slots=True)
class CodeRanges:
    """Codes of the nominal range. They are plain integers, so that arithmetic with them leaves float32 what it is.

    Attributes:
        luma_zero: Code of black; also of an RGB component at 0.
        luma_range: Codes from black to white; also from 0 to 1 of an RGB component.
        chroma_zero: Code of no colour.
        chroma_range: Codes from the least to the greatest chroma.
    """

    luma_zero: int
    luma_range: int
    chroma_zero: int
    chroma_range: int


def code_ranges(depth: int, *, full_range: bool) -> CodeRanges:
    """The codes of planes.

    Args:
        depth: Number of bits of a code, 8 to 16.
        full_range: Whether the planes use every code; else they have the limited range.
    """
    unit = 1 << (depth - 8)
    if full_range:
        return CodeRanges(0, (1 << depth) - 1, 128 * unit, (1 << depth) - 1)
    return CodeRanges(16 * unit, 219 * unit, 128 * unit, 224 * unit)


@dataclass(frozen=True, slots=True, eq=False)
class ColourCoefficients:
    """Coefficients that turn stored words into RGB, and a change of RGB into a change of words.

    C is the number of components: 1 for grey, else 3 in the order of the planes (Y, Cb, Cr, or G, B, R).
    A *word* is what a plane stores, a *code* what it means; they differ only for P010 and its family, where the word
    is the code shifted to the high bits.

    Attributes:
        to_rgb: (3, C) float32; RGB in [0, 1] = ``to_rgb`` times the words, plus ``offset``.
        offset: (3,) float32; value that is added to each colour.
        from_rgb: (C, 3) float32; change in codes = ``from_rgb`` times the change of RGB.
        step: () float32; words from one code to the next, 1 or 2^shift.
        maximum: () float32; the highest word.
    """

    to_rgb: NDArray[np.float32]
    offset: NDArray[np.float32]
    from_rgb: NDArray[np.float32]
    step: NDArray[np.float32]
    maximum: NDArray[np.float32]


def coefficients(spec: PlaneSpec) -> ColourCoefficients:
    """The numbers for planes of ``spec``, worked out in double precision."""
    scale, zero = _quantisation(spec)
    forward = forward_matrix(spec.matrix)  # components in [0, 1] or [-0.5, 0.5] = forward @ RGB
    backward = np.linalg.inv(forward)
    if spec.layout is Layout.GRAY:
        # Grey is Y alone: all three colours equal Y, and Y weighs them.
        scale, zero, forward, backward = scale[:1], zero[:1], forward[:1], np.ones((3, 1))
    step = float(1 << spec.code_shift)
    to_rgb = backward / (scale * step)
    return ColourCoefficients(
        to_rgb=to_rgb.astype(np.float32),
        offset=(-(backward / scale) @ zero).astype(np.float32),
        from_rgb=(scale[:, None] * forward).astype(np.float32),
        step=np.asarray(step, np.float32),
        maximum=np.asarray(step * ((1 << spec.depth) - 1), np.float32),
    )


def luma_and_chroma(green: Any, blue: Any, red: Any) -> tuple[Any, Any, Any]:
    """BT.709's luma in [0, 1] and chroma in [-0.5, 0.5], blue and red, of RGB in [0, 1]: arrays or tensors."""
    of_red, of_blue = LUMA_WEIGHTS[Matrix.BT709]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    return luma, (blue - luma) / (2 * (1 - of_blue)), (red - luma) / (2 * (1 - of_red))


def green_blue_red(luma: Any, blue_difference: Any, red_difference: Any) -> tuple[Any, Any, Any]:
    """RGB of BT.709's luma and chroma, as :func:`luma_and_chroma` gives them: arrays or tensors."""
    of_red, of_blue = LUMA_WEIGHTS[Matrix.BT709]
    red, blue = luma + 2 * (1 - of_red) * red_difference, luma + 2 * (1 - of_blue) * blue_difference
    return (luma - of_red * red - of_blue * blue) / (1 - of_red - of_blue), blue, red


def forward_matrix(matrix: Matrix) -> NDArray[np.float64]:
    """(3, 3): components in the order of the planes, in [0, 1] or [-0.5, 0.5], from red, green, blue in [0, 1]."""
    if matrix is Matrix.RGB:
        return np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    red, blue = LUMA_WEIGHTS[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    return np.stack((luma, ([0, 0, 1] - luma) / (2 * (1 - blue)), ([1, 0, 0] - luma) / (2 * (1 - red))))


def _quantisation(spec: PlaneSpec) -> tuple[NDArray[Any], NDArray[Any]]:
    """(3,) codes per unit of each component, and (3,) the code of zero."""
    codes = code_ranges(spec.depth, full_range=spec.full_range)
    if spec.matrix is Matrix.RGB:
        return np.full(3, float(codes.luma_range)), np.full(3, float(codes.luma_zero))
    return (
        np.array([codes.luma_range, codes.chroma_range, codes.chroma_range], float),
        np.array([codes.luma_zero, codes.chroma_zero, codes.chroma_zero], float),
    )
