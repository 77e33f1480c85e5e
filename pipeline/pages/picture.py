"""Pictures inside a page: encoded as JPEG, the ones to compare alike, in a number of bytes that is known before."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_QUALITIES = (92, 85, 75)
_SMALLER = 0.75
LARGEST = 1920
"""Greatest width and height of a picture in a page, in pixels; a larger one is made smaller."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One picture of a page.

    Attributes:
        data: The picture as JPEG.
        width: Width in pixels.
        height: Height in pixels.
    """

    data: bytes
    width: int
    height: int

    @property
    def address(self) -> str:
        """Address of the picture that holds the picture itself."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.data).decode()}"


def is_padded(size: tuple[int, int], to: tuple[int, int]) -> bool:
    """Whether a size, (width, height), is another one made even, as encoders need it."""
    return size != to and size == (to[0] + to[0] % 2, to[1] + to[1] % 2)


def fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture in the size of the one to compare it with.

    Args:
        picture: RGB, uint8 (H, W, 3).
        size: Width and height in pixels. Padding that made it even is cut off; from any other size it is scaled.
    """
    own = picture.shape[1], picture.shape[0]
    made: Any = picture
    if is_padded(own, size):
        made = np.ascontiguousarray(picture[: size[1], : size[0]])
    elif own != size:
        made = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    return made  # type: ignore[no-any-return]


def encode(pictures: Sequence[NDArray[np.uint8]], limit: int, largest: int = LARGEST) -> list[Encoded]:
    """Encodes pictures that are to be compared: all with the same quality and size.

    Args:
        pictures: RGB, uint8 (H, W, 3), all of one size.
        limit: Bytes that each may take; quality falls until it fits, and then size.
        largest: Greatest width and height in pixels.
    """
    height, width = pictures[0].shape[:2]
    scale = min(1.0, largest / max(height, width))
    while True:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        resized = [_resized(picture, size) for picture in pictures]
        for quality in _QUALITIES:
            encoded = [_jpeg(picture, quality) for picture in resized]
            if max(map(len, encoded)) <= limit or max(size) < 32:
                return [Encoded(data, *size) for data in encoded]
        scale *= _SMALLER


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> Any:
    if picture.shape[1::-1] == size:
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _jpeg(picture: Any, quality: int) -> bytes:
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    assert done, "OpenCV's wheels have JPEG, and a picture in memory of 1920 pixels has no other way to fail"
    return bytes(data)
