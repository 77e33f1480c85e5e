"""Makes the picture of the README: a part of one frame of REDS before and after, by the shipped network.

    python benchmarks/before_after.py EVAL docs/images/before_after.png

The frame is seen with its neighbours. The part was chosen for a stranger to see what the network does; it gains more
than most.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

import deblur_stream
from network.data.pairs import pictures_in, read_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

BAR = 8
"""Width in pixels of the white bar between both."""


def before_and_after(sequence: Path, number: int) -> tuple[Picture, Picture]:
    """A frame of a sequence, and what the network makes of it with its neighbours.

    Args:
        sequence: Folder with consecutive blurred frames, in the order of their names.
        number: Place of the frame, from 0.
    """
    first = max(number - 1, 0)
    frames = [read_picture(path) for path in pictures_in(sequence)[first : number + 2]]
    results = list(deblur_stream.Deblurrer(precision="fp32").video(frames))
    return frames[number - first], results[number - first]


def side_by_side(before: Picture, after: Picture, zoom: int) -> Picture:
    """Both pictures, enlarged by repeating pixels, so that the network alone sharpens."""
    large = [np.kron(picture, np.ones((zoom, zoom, 1), np.uint8)) for picture in (before, after)]
    return np.concatenate([large[0], np.full((len(large[0]), BAR, 3), 255, np.uint8), large[1]], axis=1)


def main(arguments: list[str] | None = None) -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path, metavar="EVAL")
    parser.add_argument("out", type=Path)
    parser.add_argument("--sequence", default="reds/000")
    parser.add_argument("--frame", type=int, default=1, help="its place in the sequence, from 0")
    parser.add_argument("--box", default="690,70,400,280", help="left,top,width,height")
    parser.add_argument("--zoom", type=int, default=2)
    options = parser.parse_args(arguments)
    left, top, width, height = map(int, options.box.split(","))
    box = np.s_[top : top + height, left : left + width]
    before, after = before_and_after(options.evaluation / options.sequence / "blur", options.frame)
    picture = side_by_side(before[box], after[box], options.zoom)
    cv2.imwrite(str(options.out), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
