"""Makes a before/after picture from one frame of a clip, through the shipped network.

python examples/before_after.py CLIP OUT.png --time 2.0 --box 300,200,320,180 --zoom 2
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

import deblur_stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

CLIP = Path(__file__).with_name("clip.mp4")


def side_by_side(left: NDArray[np.uint8], right: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    """Both pictures enlarged by repeating pixels, so that the network alone sharpens, with a white bar between."""
    enlarged = [np.kron(picture, np.ones((zoom, zoom, 1), np.uint8)) for picture in (left, right)]
    bar = np.full((enlarged[0].shape[0], 8, 3), 255, np.uint8)
    return np.concatenate([enlarged[0], bar, enlarged[1]], axis=1)


def frame_at(time: float, frames: Iterable[deblur_stream.Frame]) -> NDArray[np.uint8]:
    """Samples of the first frame that is shown at a time in seconds, or later."""
    return next(frame for frame in frames if frame.time >= time - 0.001).rgb


def write_png(picture: NDArray[np.uint8], out: Path) -> None:
    """Writes uint8 RGB (H, W, 3) as PNG."""
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.shape[1], picture.shape[0], "rgb24"
    encoder.time_base = 1  # type: ignore[assignment, unused-ignore]
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")), *encoder.encode(None)]
    out.write_bytes(b"".join(bytes(packet) for packet in packets))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=CLIP)
    parser.add_argument("out", nargs="?", type=Path, default=Path("before_after.png"))
    parser.add_argument("--time", type=float, default=0.0, help="seconds")
    parser.add_argument("--box", help="left,top,width,height of the part to show; all of it if not given")
    parser.add_argument("--zoom", type=int, default=1, help="times to enlarge")
    parser.add_argument("--weights", type=Path, help="weights other than the shipped ones")
    arguments = parser.parse_args()
    deblurrer = deblur_stream.Deblurrer(weights=arguments.weights)
    start = max(arguments.time - 1, 0)  # so that the frame has one before it
    with deblur_stream.open_video(arguments.clip, start=start) as video:
        before = frame_at(arguments.time - start, video)
    with deblur_stream.open_video(arguments.clip, start=start) as video:
        after = frame_at(arguments.time - start, deblurrer.frames(video))
    if arguments.box:
        left, top, width, height = map(int, arguments.box.split(","))
        box = np.s_[top : top + height, left : left + width]
        before, after = before[box], after[box]
    write_png(side_by_side(before, after, arguments.zoom), arguments.out)
