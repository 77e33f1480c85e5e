"""Text: signs that move with the scene, and captions that cameras burn in, which stay in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    FloatArray = NDArray[np.float32]

_CHARACTERS = np.array(list("ABCDEFGHJKLMNPRSTUVWXYZabcdefghikmnoprstuvxyz0123456789 -:/."))
_FACES = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def write_signs(rng: Generator, picture: Picture) -> Picture:
    """A picture with three to eight words on it, most of them on boards.

    Args:
        rng: Source of randomness.
        picture: Picture, uint8 (H, W, 3).
    """
    picture = picture.copy()
    for _ in range(int(rng.integers(3, 9))):
        words, face, place = _words(rng), _FACES[int(rng.integers(len(_FACES)))], _place(rng, picture)
        size, thickness = rng.uniform(0.35, 1.8), int(rng.integers(1, 4))
        if rng.random() < 0.6:
            (width, height), below = cv2.getTextSize(words, face, size, thickness)
            corners = (place[0] - 4, place[1] - height - 4), (place[0] + width + 4, place[1] + below + 2)
            cv2.rectangle(picture, *corners, _colour(rng), cv2.FILLED)
        cv2.putText(picture, words, place, face, size, _colour(rng), thickness, cv2.LINE_AA)
    return picture


def write_caption(rng: Generator, picture: FloatArray) -> FloatArray:
    """A picture with two lines burnt in, black or white with a rim.

    Args:
        rng: Source of randomness; the same state writes the same lines at the same places.
        picture: Picture in [0, 1], float32 (H, W, 3).
    """
    codes = np.rint(picture * 255).astype(np.uint8)
    for _ in range(2):
        words, place, size, thickness = _words(rng), _place(rng, codes), rng.uniform(0.4, 0.9), int(rng.integers(1, 4))
        ink = 255.0 * int(rng.integers(2))
        for colour, width in ((255 - ink, thickness + 2), (ink, thickness)):
            cv2.putText(codes, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, [colour] * 3, width, cv2.LINE_AA)
    return codes.astype(np.float32) * np.float32(1 / 255)


def _words(rng: Generator) -> str:
    return "".join(rng.choice(_CHARACTERS, int(rng.integers(3, 14))))


def _place(rng: Generator, picture: Picture) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return int(rng.uniform(0, 0.8) * width), int(rng.uniform(0.05, 1) * height)


def _colour(rng: Generator) -> list[float]:
    return [float(code) for code in rng.uniform(0, 255, 3)]
