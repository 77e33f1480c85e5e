"""A clip made of nothing but numbers, the same every time: texture like nature's, motion, and its blur."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from network.names import as_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 30
"""Rate of the clip, in frames a second."""

PIECE = 60
"""Number of frames that are made and encoded; the clip repeats their packets."""

REPEATS = 5

_TILE = 1024
_SPEED = 6
_EXPOSURE = 4
_SEED = 20


def write_clip(path: Path, width: int, height: int) -> None:
    """Writes a clip of 10 seconds in H.264, 4:2:0 at 8 bits.

    Args:
        path: Path of the clip, ending in ``.mkv``.
        width: Width of the picture in pixels, even.
        height: Height of the picture in pixels, even.
    """
    piece = _encode(width, height)
    with av.open(as_url(path), "w") as output, av.open(io.BytesIO(piece), "r") as source:
        stream = output.add_stream_from_template(source.streams.video[0])
        for repeat in range(REPEATS):
            source.seek(0)
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is None or packet.pts is None or not packet.time_base:
                    continue  # the empty packet at the end
                shift = round(Fraction(repeat * PIECE, RATE) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                output.mux(packet)


def frames(width: int, height: int, count: int = PIECE) -> Iterator[tuple[NDArray[np.uint8], ...]]:
    """Planes of frames, Y, Cb and Cr: a textured ground that the camera pans over, and a disc that moves against it.

    Args:
        width: Width of the picture in pixels, even.
        height: Height of the picture in pixels, even.
        count: Number of frames.
    """
    random = np.random.default_rng(_SEED)
    ground = tuple(_texture(random, contrast) for contrast in (46, 12, 12))
    thing = tuple(_texture(random, contrast) for contrast in (60, 20, 20))
    rows, columns = np.mgrid[0:height, 0:width]
    radius = min(width, height) // 5
    for number in range(count):
        pan = _SPEED * number
        centre = (width // 4 + 2 * pan) % width
        disc = (rows - height // 2) ** 2 + (columns - centre) ** 2 < radius**2
        planes = []
        for index, (far, near) in enumerate(zip(ground, thing, strict=True)):
            step = 1 if index == 0 else 2
            y, x = np.arange(0, height, step) // step, np.arange(0, width, step) // step
            plane = far[np.ix_(y % _TILE, (x + pan // step) % _TILE)]
            other = near[np.ix_(y % _TILE, (x - pan // step) % _TILE)]
            planes.append(np.where(disc[::step, ::step], other, plane))
        yield tuple(planes)


def _texture(random: np.random.Generator, contrast: float) -> NDArray[np.uint8]:
    """A tile whose edges fit each other: noise whose amplitude falls as its frequency grows, as in photographs."""
    frequency = np.hypot(np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None])
    frequency[0, 0] = np.inf  # no mean of its own
    spectrum = np.fft.rfft2(random.standard_normal((_TILE, _TILE))) / frequency
    tile = np.fft.irfft2(spectrum, (_TILE, _TILE))
    tile = np.mean([np.roll(tile, shift, 1) for shift in range(_EXPOSURE)], axis=0)  # the pan during the exposure
    tile *= contrast / tile.std()
    codes: NDArray[np.uint8] = np.clip(np.rint(tile + 128), 16, 235).astype(np.uint8)
    return codes


def _encode(width: int, height: int) -> bytes:
    """The piece, beginning with a keyframe, without frames out of order."""
    piece = io.BytesIO()
    with av.open(piece, "w", format="matroska") as output:
        options = {"preset": "veryfast", "crf": "23", "bf": "0", "g": str(PIECE)}
        stream: Any = output.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, planes in enumerate(frames(width, height)):
            frame = av.VideoFrame(width, height, "yuv420p")
            for target, plane in zip(frame.planes, planes, strict=True):
                lines = np.frombuffer(target, np.uint8).reshape(target.height, target.line_size)  # type: ignore[call-overload, unused-ignore]
                lines[:, : target.width] = plane
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return piece.getvalue()
