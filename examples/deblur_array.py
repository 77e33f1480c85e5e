"""Deblurs pictures that are NumPy arrays: one, a stack, and pictures that follow each other.

python examples/deblur_array.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import deblur_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CLIP = Path(__file__).with_name("clip.mp4")


def pictures(number: int) -> Iterator[NDArray[np.uint8]]:
    """The first pictures of the clip, uint8 RGB (H, W, 3): in their place, yours come from wherever you like."""
    with deblur_stream.open_video(CLIP) as video:
        for _, frame in zip(range(number), video, strict=False):
            yield frame.rgb


if __name__ == "__main__":
    deblurrer = deblur_stream.Deblurrer()

    image = next(pictures(1))
    sharp = deblurrer(image)
    print(f"one picture: {sharp.shape} {sharp.dtype}, {(sharp != image).mean():.0%} of the values changed")

    stack = np.stack(list(pictures(3)))
    print(f"a stack: {deblurrer(stack).shape}")

    fine = image.astype(np.uint16) * 257  # 0 to 65535
    print(f"16 bits: {deblurrer(fine).dtype}")

    for number, result in enumerate(deblurrer.video(pictures(3))):
        print(f"picture {number} of a video: {result.shape}")
