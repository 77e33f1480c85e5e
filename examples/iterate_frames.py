"""Finds the frame that gains most from deblurring. Nothing is written.

python examples/iterate_frames.py IN.mp4 --start 1 --seconds 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import deblur_stream

CLIP = Path(__file__).with_name("clip.mp4")


def contrast(frame: deblur_stream.Frame) -> float:
    """Mean difference of neighbouring pixels, in codes: blur makes it smaller."""
    luma = frame.planes[0].astype(np.int32)
    return float(np.abs(np.diff(luma, axis=1)).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="?", type=Path, default=CLIP)
    parser.add_argument("--start", type=float, default=0.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=1.0, help="how much to look at")
    arguments = parser.parse_args()
    deblurrer = deblur_stream.Deblurrer()
    best_time, best_gain = 0.0, 0.0
    with (
        deblur_stream.open_video(arguments.input, start=arguments.start, duration=arguments.seconds) as before,
        deblur_stream.open_video(arguments.input, start=arguments.start, duration=arguments.seconds) as after,
    ):
        print(f"{before.info.width}x{before.info.height}, {before.info.codec}, by {deblurrer.info.backend}")
        for blurred, sharp in zip(before, deblurrer.frames(after), strict=True):
            gain = contrast(sharp) / contrast(blurred)
            if gain > best_gain:
                best_time, best_gain = sharp.time, gain
    print(f"most at {best_time:.2f} s: {best_gain:.2f} times the contrast")
