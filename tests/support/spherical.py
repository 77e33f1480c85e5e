"""MP4 files of 360 degree video: boxes that are put into the sample entry, as cameras and their tools do."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PARENTS = (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov")
"""Boxes around a sample entry, from the inside out."""


def add_sphere(path: Path, *, entry: bytes = b"avc1", yaw: int = 0, stereo: int | None = None) -> Path:
    """Marks the video of an MP4 file in fragments as an equirectangular sphere.

    Args:
        path: File, whose index (``moov``) comes first and has no table of offsets; it is rewritten.
        entry: Type of the video's sample entry.
        yaw: Direction of view, in degrees.
        stereo: 1 for views above each other, 2 for views side by side; None for one view.
    """
    sphere = _box(
        b"sv3d",
        _box(b"svhd", bytes(4), b"test\0"),
        _box(
            b"proj",
            _box(b"prhd", bytes(4), struct.pack(">iii", yaw << 16, 0, 0)),
            _box(b"equi", bytes(20)),
        ),
    )
    extra = sphere if stereo is None else _box(b"st3d", bytes(4), bytes([stereo])) + sphere
    data = bytearray(path.read_bytes())
    place = data.index(entry, data.index(b"stsd")) - 4
    (size,) = struct.unpack_from(">I", data, place)
    data[place + size : place + size] = extra
    for box in (place, *(data.rindex(kind, 0, place) - 4 for kind in PARENTS)):
        (size,) = struct.unpack_from(">I", data, box)
        struct.pack_into(">I", data, box, size + len(extra))
    path.write_bytes(data)
    return path


def _box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + kind + data
