"""Deblurs a video file into another one, with progress, and says what became of it.

python examples/deblur_file.py IN.mp4 OUT.mp4 --seconds 2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import deblur_stream

CLIP = Path(__file__).with_name("clip.mp4")


def show(progress: deblur_stream.Progress) -> None:
    """Writes how far the work is, over the line before."""
    print(f"\r{progress.frames} of {progress.expected or '?'} frames", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="?", type=Path, default=CLIP)
    parser.add_argument("output", nargs="?", type=Path, default=Path("deblurred.mp4"))
    parser.add_argument("--seconds", type=float, help="how much to process")
    arguments = parser.parse_args()
    try:
        report = deblur_stream.deblur_video(
            arguments.input, arguments.output, duration=arguments.seconds, crf=18, overwrite=True, progress=show
        )
    except deblur_stream.DeblurError as error:  # one line that says what is wrong and what to do
        raise SystemExit(str(error)) from error
    print(file=sys.stderr)
    print(report.summary())
    for note in report.notes:
        print(f"note: {note}")
    if report.damage:
        print(f"damaged: {report.damage.frames} frames, {report.damage.packets} packets")
