"""Peak memory of `deblur video` for a short and a long clip: a stream of any length needs the same.

    python benchmarks/memory.py                      # 10 seconds against 10 minutes of 720p
    python benchmarks/memory.py --long 60 --json memory.json

The clips are made here: ten seconds of moving stripes with noise and a tone are encoded once and repeated packet by
packet. Ends with 1 if the long clip needs more than a tenth more.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from measure import Cost, run_deblur, table

from network.files import write_json
from pipeline.system.machine import describe

RATE, SAMPLE_RATE, PIECE = 30, 48_000, 10
LIMIT = 1.1


def make_piece(size: tuple[int, int]) -> bytes:
    """Ten seconds of Matroska: H.264 without B-frames, and a tone."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 12, (height * 3 // 2, width), np.uint8)
    x, y = np.arange(width), np.arange(height)[:, None]
    tone = (8000 * np.sin(np.arange(SAMPLE_RATE // RATE) * 2 * np.pi * 440 / SAMPLE_RATE)).astype("<i2")
    piece = io.BytesIO()
    with av.open(piece, "w", format="matroska") as output:
        video: Any = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "bf": "0", "g": str(RATE)})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound: Any = output.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for number in range(RATE * PIECE):
            picture = np.full((height * 3 // 2, width), 128, np.uint8)
            picture[:height] = (x // 3 + y // 5 + 4 * number) % 190 + 16
            frame = av.VideoFrame.from_ndarray(picture + np.roll(noise, 7 * number, 1), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(video.encode(frame))
            samples = av.AudioFrame.from_ndarray(tone[None], "s16", "mono")
            samples.sample_rate, samples.pts = SAMPLE_RATE, number * tone.size
            samples.time_base = Fraction(1, SAMPLE_RATE)
            output.mux(sound.encode(samples))
        output.mux(video.encode(None))
        output.mux(sound.encode(None))
    return piece.getvalue()


def make_clip(path: Path, seconds: int, piece: bytes) -> None:
    """Writes the packets of ``piece`` over and over until there are ``seconds``."""
    with av.open(str(path), "w") as output:
        streams: dict[int, Any] = {}
        for offset in range(0, seconds, PIECE):
            with av.open(io.BytesIO(piece), "r") as source:
                streams = streams or {s.index: output.add_stream_from_template(s) for s in source.streams}
                for packet in source.demux():
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue  # the empty packets at the end
                    if offset + packet.pts * packet.time_base >= seconds:
                        continue
                    shift = round(offset / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)


def main() -> int:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", type=int, default=10, help="seconds of the short clip")
    parser.add_argument("--long", type=int, default=600, help="seconds of the long clip")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--network", default="identity")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("options", nargs="*", help="more for `deblur video`, after --")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    facts = describe()

    costs: dict[int, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        piece = make_piece((width, height))
        for seconds in (arguments.short, arguments.long):
            clip, result = Path(folder) / f"{seconds}.mkv", Path(folder) / "out.mkv"
            make_clip(clip, seconds, piece)
            costs[seconds] = run_deblur(
                ["video", clip, result, "--overwrite", "--quiet", "--network", arguments.network, *arguments.options]
            )
            clip.unlink()
    ratio = costs[arguments.long].peak / costs[arguments.short].peak
    passed = ratio <= LIMIT

    print(f"{arguments.network} at {width}x{height}, {RATE} frames/s, {facts['processor']}, {facts['cores']} cores")
    rows = [("clip", "frames", "wall s", "CPU s", "peak MiB")]
    for seconds, cost in costs.items():
        frames = seconds * RATE
        rows.append((f"{seconds} s", f"{frames}", f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak / 2**20:.1f}"))
    print(table(rows))
    print(f"the long clip needs {ratio:.3f} times the memory (at most {LIMIT}): {'passed' if passed else 'FAILED'}")
    if arguments.json:
        found = {
            "size": arguments.size,
            "network": arguments.network,
            "options": arguments.options,
            "costs": {f"{seconds} s": asdict(cost) for seconds, cost in costs.items()},
            "ratio": ratio,
            "limit": LIMIT,
            "passed": passed,
            "machine": facts,
        }
        write_json(arguments.json, found)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
