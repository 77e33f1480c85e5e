"""Video planes as every layer of the project passes them on: their description, and batches of them.

This module needs numpy alone, so that the pipeline can use it without PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_STRENGTH = 1.5
"""Greatest strength of a network's correction. Beyond it, the network's mistakes become visible."""

SCALES = (1.0, 0.5)
"""Scales of the size at which a correction can be computed; it is added at full size."""


class Layout(StrEnum):
    """Layout of the samples of one frame in planes."""

    YUV420P = "yuv420p"
    """Three planes, chroma halved in width and height."""
    YUV422P = "yuv422p"
    """Three planes, chroma halved in width."""
    YUV444P = "yuv444p"
    """Three planes of the same size. With ``Matrix.RGB`` they are green, blue, red (FFmpeg's ``gbrp``)."""
    NV12 = "nv12"
    """Luma, and one plane of interleaved half-size chroma. At over 8 bits this is P010 and its family:
    the code sits in the high bits of a 16-bit word."""
    GRAY = "gray"
    """Luma alone."""


class Matrix(StrEnum):
    """Matrix that turns RGB into the planes (ITU-T H.273, MatrixCoefficients)."""

    BT601 = "bt601"
    BT709 = "bt709"
    BT2020 = "bt2020"
    """The non-constant-luminance system."""
    RGB = "rgb"
    """The identity: the planes are green, blue and red."""


@dataclass(frozen=True, slots=True)
class PlaneSpec:
    """Size, layout, depth and colours of the planes of a frame.

    Attributes:
        width: Width of the picture, in pixels, at least 1, odd values included.
        height: Height of the picture, in pixels, at least 1, odd values included.
        layout: Layout of the samples in planes.
        depth: Number of bits of a code: 8 (planes are uint8), or 9 to 16 (uint16).
        matrix: The matrix between RGB and the planes.
        full_range: True where codes 0 to 2^depth - 1 are all in use, False for the limited ("video") range.

    Raises:
        ValueError: If a value is outside its range, or RGB planes are not 4:4:4.
    """

    width: int
    height: int
    layout: Layout = Layout.YUV420P
    depth: int = 8
    matrix: Matrix = Matrix.BT709
    full_range: bool = False

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a frame has at least one pixel, not {self.width}x{self.height}")
        if not 8 <= self.depth <= 16:
            raise ValueError(f"depth must be 8 to 16 bits, not {self.depth}")
        if self.matrix is Matrix.RGB and self.layout is not Layout.YUV444P:
            raise ValueError(f"RGB planes are 4:4:4, not {self.layout}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the planes: uint8 at 8 bits, else uint16 (native byte order)."""
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    @property
    def code_shift(self) -> int:
        """Number of low bits of a stored word below the code (P010: 6)."""
        return 16 - self.depth if self.layout is Layout.NV12 and self.depth > 8 else 0

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Height and width of a chroma plane in samples, rounded up; (0, 0) for grey."""
        half_width, half_height = -(-self.width // 2), -(-self.height // 2)
        match self.layout:
            case Layout.GRAY:
                return 0, 0
            case Layout.YUV444P:
                return self.height, self.width
            case Layout.YUV422P:
                return self.height, half_width
            case _:
                return half_height, half_width

    @property
    def plane_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each plane of one frame: (height, width), or (height, width, 2) for NV12's chroma."""
        luma = (self.height, self.width)
        match self.layout:
            case Layout.GRAY:
                return (luma,)
            case Layout.NV12:
                return luma, (*self.chroma_size, 2)
            case _:
                return luma, self.chroma_size, self.chroma_size


@dataclass(frozen=True, slots=True)
class PlaneBatch:
    """A batch of frames, plane by plane.

    Attributes:
        spec: Kind and size of each frame.
        planes: Arrays, one for each plane, shaped (batch, ...plane shape), of ``spec.dtype``, C-contiguous.

    Raises:
        ValueError: If number, shape, or dtype of the planes is not what ``spec`` says.
    """

    spec: PlaneSpec
    planes: tuple[NDArray[Any], ...]

    def __post_init__(self) -> None:
        expected = self.spec.plane_shapes
        if len(self.planes) != len(expected):
            raise ValueError(f"{self.spec.layout} has {len(expected)} planes, not {len(self.planes)}")
        for plane, shape in zip(self.planes, expected, strict=True):
            if plane.shape != (self.planes[0].shape[0], *shape) or plane.dtype != self.spec.dtype:
                raise ValueError(
                    f"a plane is {plane.dtype}{plane.shape}, not {self.spec.dtype}(batch, {shape}) of {self.spec}"
                )

    @property
    def size(self) -> int:
        """Number of frames that fit in the batch."""
        return int(self.planes[0].shape[0])

    def has_equal(self, first: int, second: int) -> bool:
        """Whether two frames, by their places, are equal in every sample."""
        return all(np.array_equal(plane[first], plane[second]) for plane in self.planes)

    @classmethod
    def empty(cls, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """A batch of ``batch`` frames of memory that is not initialised."""
        return cls(spec, tuple(np.empty((batch, *shape), spec.dtype) for shape in spec.plane_shapes))

    def __repr__(self) -> str:
        shapes = ", ".join(str(plane.shape) for plane in self.planes)
        return f"PlaneBatch({self.spec.layout}, {self.spec.dtype}, {shapes})"
