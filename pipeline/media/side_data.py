"""Side data of a decoded frame: its rotation, and its HDR metadata as encoder options."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

from av.sidedata.sidedata import Type

from pipeline.media.pyav18 import side_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    import av

_MASTERING = struct.Struct("=20i2i")
"""Layout of ``AVMasteringDisplayMetadata``: ten rationals (primaries red, green, blue; white; luminance), two flags."""

_LIGHT_LEVEL = struct.Struct("=2I")
"""Layout of FFmpeg's ``AVContentLightMetadata``: maximum and frame-average light level, in cd/m²."""

_CARRIED = {Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL}

_DYNAMIC = {
    Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
    Type.DOVI_METADATA: "Dolby Vision metadata",
    Type.DYNAMIC_HDR_PLUS: "HDR10+ dynamic metadata",
    Type.DYNAMIC_HDR_VIVID: "HDR Vivid dynamic metadata",
    Type.AMBIENT_VIEWING_ENVIRONMENT: "the ambient viewing environment",
    Type.SPHERICAL: "the spherical (360 degrees) projection",
    Type.STEREO3D: "the stereoscopic arrangement",
    Type.ICC_PROFILE: "the ICC profile",
}
"""Names, as users know them, of the kinds of side data that no available encoder writes."""

_WRITERS = {
    "libx265": ("x265-params", "master-display", "max-cll", ":"),
    "libx264": ("x264-params", "mastering-display", "cll", ":"),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light", ":"),
}


def kept_side_data(frame: av.VideoFrame) -> dict[Type, bytes]:
    """Side data of a frame that an output keeps, or whose loss is reported; other kinds are left out."""
    kinds = (Type.DISPLAYMATRIX, *_CARRIED, *_DYNAMIC)
    return {kind: bytes(data) for kind, data in side_data(frame).items() if kind in kinds}


def hdr_options(encoder: str, found: Mapping[Type, bytes]) -> dict[str, str]:
    """Encoder options that write the mastering display and the content light level of a picture; empty for none.

    Args:
        encoder: FFmpeg's name of the encoder, such as ``libx265``.
        found: Side data of a frame, from :func:`kept_side_data`.
    """
    if encoder not in _WRITERS:
        return {}
    option, display_key, light_key, separator = _WRITERS[encoder]
    parts = []
    display = _mastering_display(found, integers=encoder != "libsvtav1")
    if display:
        parts.append(f"{display_key}={display}")
    light = found.get(Type.CONTENT_LIGHT_LEVEL)
    if light:
        brightest, average = _LIGHT_LEVEL.unpack_from(light)
        parts.append(f"{light_key}={brightest},{average}")
    return {option: separator.join(parts)} if parts else {}


def lost_side_data(encoder: str, found: Mapping[Type, bytes]) -> list[str]:
    """Names of the side data that ``encoder`` can't write, in a user's words.

    Args:
        encoder: FFmpeg's name of the encoder.
        found: Side data of a frame, from :func:`kept_side_data`.
    """
    lost = [name for kind, name in _DYNAMIC.items() if kind in found]
    if encoder not in _WRITERS and _CARRIED & found.keys():
        lost.append("the HDR mastering display and light level")
    return list(dict.fromkeys(lost))


def display_matrix(found: Mapping[Type, bytes]) -> tuple[int, ...] | None:
    """Matrix by which a player turns and mirrors the picture: nine numbers as FFmpeg stores them; None if unset."""
    data = found.get(Type.DISPLAYMATRIX)
    return struct.unpack_from("=9i", data) if data else None


def _mastering_display(found: Mapping[Type, bytes], *, integers: bool) -> str:
    data = found.get(Type.MASTERING_DISPLAY_METADATA, b"")
    if len(data) < _MASTERING.size:
        return ""
    *numbers, has_primaries, _ = _MASTERING.unpack_from(data)
    if not has_primaries:
        return ""
    values = [Fraction(n, d) if d else Fraction(0) for n, d in zip(numbers[::2], numbers[1::2], strict=True)]

    def number(value: Fraction, unit: int) -> str:
        # HEVC and H.264 count chromaticities in 1/50000 and luminances in 1/10000 cd/m2.
        return str(round(value * unit)) if integers else f"{float(value):.6f}"

    red, green, blue, white = (values[i : i + 2] for i in (0, 2, 4, 6))
    darkest, brightest = values[8:10]
    points = "".join(
        f"{name}({number(x, 50_000)},{number(y, 50_000)})"
        for name, (x, y) in zip(("G", "B", "R", "WP"), (green, blue, red, white), strict=True)
    )
    return f"{points}L({number(brightest, 10_000)},{number(darkest, 10_000)})"
