"""By which camera response were frames averaged into blur?

    python benchmarks/response.py EVAL/reds

Over an area much larger than the blur, an exposure holds as much light as the sharp frame in its middle. So codes were
made from light by the response under which both sides have the same light there. Looked for is a steepness: the power
that sRGB's light is raised to. The remaining difference is given in codes of 255.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import cv2
import numpy as np
from measure import table
from strokes import light_of

from network.data.datasets import find_pairs
from network.data.pairs import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

AREA = 30.0
"""Standard deviation in pixels of the Gaussian that weighs an area."""
STEEPNESSES = tuple(round(1 + 0.1 * step, 1) for step in range(16))


def difference(blurred: Picture, sharp: Picture, steepness: float) -> float:
    """Root mean square difference in light between the areas of a pair, in codes of the blurred side.

    Args:
        blurred: RGB, (H, W, 3).
        sharp: RGB, (H, W, 3), of the same size.
        steepness: Steepness of the camera response that both are taken to have.
    """
    before, after = (
        cv2.GaussianBlur(light_of(side) ** np.float32(steepness), (0, 0), AREA) for side in (blurred, sharp)
    )
    codes = np.arange(256, dtype=np.uint8)
    light = light_of(codes) ** np.float32(steepness)
    return float(np.sqrt(np.mean((np.interp(after, light, codes) - np.interp(before, light, codes)) ** 2)))


def main(words: Sequence[str] | None = None) -> float:
    """Prints the difference for every steepness; returns the one where it is least."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "pairs", type=Path, help="a folder of pairs whose blur is averaged frames, as deblur evaluate takes it"
    )
    options = parser.parse_args(words)
    pairs = [tuple(map(read_picture, (pair.blurred, pair.sharp))) for pair in find_pairs(options.pairs)]
    means = {steepness: fmean(difference(*pair, steepness) for pair in pairs) for steepness in STEEPNESSES}
    rows = [("steepness", "difference in codes"), *((f"{key:.1f}", f"{mean:.2f}") for key, mean in means.items())]
    best = min(means, key=means.__getitem__)
    print(f"{table(rows)}\nleast at {best:.1f}, mean of {len(pairs)} pairs")
    return best


if __name__ == "__main__":
    main()
