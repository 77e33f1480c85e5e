"""Pictures for odd files, and closed captions. For ``odd_files.py``."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation

_SECOND = Fraction(1)
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT


def _picture(size: tuple[int, int], number: int) -> np.ndarray[Any, Any]:
    """A picture of smooth colours that differ from frame to frame, with a bar that counts: RGBA, 8 bits."""
    width, height = size
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    phase = number * 0.5
    red = 128 + 100 * np.sin(x / 14 + phase) + 0 * y
    green = 128 + 100 * np.cos(y / 12 - phase) + 0 * x
    blue = 128 + 90 * np.sin((x + y) / 18 + 2 + phase)
    alpha = 128 + 100 * np.sin((x - y) / 15 + phase)
    picture = np.stack([red, green, blue, alpha], -1).astype(np.uint8)
    picture[: height // 4, : 1 + (number * 5) % width, :3] = 230
    return picture


def make_frame(
    size: tuple[int, int], number: int, pixel_format: str, colour: tuple[int, int, int, int]
) -> av.VideoFrame:
    """The picture of a number, in a pixel format, with colour tags; its time counts frames."""
    picture = np.ascontiguousarray(_picture(size, number))
    frame = av.VideoFrame.from_ndarray(picture, "rgba")
    if pixel_format == "pal8":
        frame = _palette_frame(picture)
    else:
        frame = frame.reformat(format=pixel_format, interpolation=_EXACT, threads=1)
        _clear_padding(frame)
    frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace = colour
    frame.pts, frame.time_base, frame.duration = number, _SECOND, 1
    return frame


def _clear_padding(frame: av.VideoFrame) -> None:
    """Clears what lies behind each line: encoders look at it, and it is whatever was in memory."""
    form = frame.format
    if len(frame.planes) == 1 and len(form.components) > 1 and form.name != "bgr8":
        return  # several samples lie side by side, in whole blocks
    size = 2 if max(component.bits for component in form.components) > 8 else 1
    for index, plane in enumerate(frame.planes):
        used = plane.width * size * (2 if form.name == "nv12" and index else 1)
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
        rows[:, used:] = 0


def _palette_frame(picture: np.ndarray[Any, Any]) -> av.VideoFrame:
    indices = (picture[..., 0] // 64 * 16 + picture[..., 1] // 64 * 4 + picture[..., 2] // 64).astype(np.uint8)
    codes = np.arange(256, dtype=np.uint32)
    palette = np.stack([np.full(256, 255), codes % 4 * 80, codes // 4 % 4 * 80, codes // 16 % 4 * 80], -1)
    frame = av.VideoFrame(picture.shape[1], picture.shape[0], "pal8")
    frame.planes[0].update(np.pad(indices, ((0, 0), (0, frame.planes[0].line_size - indices.shape[1]))).tobytes())
    frame.planes[1].update(palette[:, ::-1].astype(np.uint8).tobytes())
    return frame


def captioned(packet: Any, stream: Any, number: int) -> Any:
    """An H.264 packet with a pair of closed captions (CEA-608) before its picture."""
    letters = bytes([0x41 + number % 26 | 0x80 * ((0x41 + number % 26).bit_count() % 2 == 0), 0xC2])
    pair = b"\xfc" + letters
    payload = b"\xb5\x00\x31GA94\x03\x41\xff" + pair + b"\xff"
    unit = b"\x00\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"
    made = av.Packet(unit + bytes(packet))
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    made.is_keyframe, made.stream = packet.is_keyframe, stream
    return made
