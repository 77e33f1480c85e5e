"""Makes a before/after picture from one frame of a clip, through the shipped network.

python examples/before_after.py CLIP OUT.png --time 2.0 --box 300,200,320,180 --zoom 2
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from pipeline.cli import main as deblur

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frame_at(path: Path, seconds: float) -> NDArray[np.uint8]:
    """The first frame at or after a time, uint8 RGB (H, W, 3)."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= seconds:
                return frame.to_ndarray(format="rgb24")
    raise SystemExit(f"{path} ends before {seconds} s")


def side_by_side(left: NDArray[np.uint8], right: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    """Both pictures enlarged by repeating pixels, so that the network alone sharpens, with a white bar between."""
    enlarged = [np.kron(picture, np.ones((zoom, zoom, 1), np.uint8)) for picture in (left, right)]
    bar = np.full((enlarged[0].shape[0], 8, 3), 255, np.uint8)
    return np.concatenate([enlarged[0], bar, enlarged[1]], axis=1)


def write_png(picture: NDArray[np.uint8], out: Path) -> None:
    """Writes uint8 RGB (H, W, 3) as PNG."""
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.shape[1], picture.shape[0], "rgb24"
    encoder.time_base = 1  # type: ignore[assignment]
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")), *encoder.encode(None)]
    out.write_bytes(b"".join(bytes(packet) for packet in packets))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--time", type=float, default=0.0, help="seconds")
    parser.add_argument("--box", help="left,top,width,height of the part to show; all of it if not given")
    parser.add_argument("--zoom", type=int, default=1, help="times to enlarge")
    parser.add_argument("--weights", type=Path, help="weights other than the shipped ones")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        deblurred = Path(folder) / "deblurred.mkv"
        command = ["video", str(arguments.clip), str(deblurred), "--codec", "ffv1", "--quiet"]
        command += ["--start", str(arguments.time), "--duration", "0.2"]
        if arguments.weights:
            command += ["--weights", str(arguments.weights)]
        try:
            deblur(command)
        except SystemExit as ended:
            if ended.code:
                raise
        before, after = frame_at(arguments.clip, arguments.time), frame_at(deblurred, 0)
    if arguments.box:
        left, top, width, height = map(int, arguments.box.split(","))
        box = np.s_[top : top + height, left : left + width]
        before, after = before[box], after[box]
    write_png(side_by_side(before, after, arguments.zoom), arguments.out)
