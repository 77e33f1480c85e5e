"""Side data of a decoded frame: its rotation, and its HDR metadata as encoder options."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

from av.sidedata.sidedata import Type

from pipeline.media.pyav18 import side_data

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import av

_MASTERING = struct.Struct("=20i2i")
"""Layout of ``AVMasteringDisplayMetadata``: ten rationals (primaries red, green, blue; white; luminance), two flags."""

_LIGHT_LEVEL = struct.Struct("=2I")
"""Layout of FFmpeg's ``AVContentLightMetadata``: maximum and frame-average light level, in cd/m²."""

_RPU_PLACE = struct.Struct("@N")
"""Beginning of FFmpeg's ``AVDOVIMetadata``: the place of the header."""

_RPU_HEADER = struct.Struct("=4xB5xB2xBx2B")
"""What tells the profile in ``AVDOVIRpuDataHeader``: the profile of the metadata, whether the range is full, the depth
of the whole picture, whether there is an enhancement layer, and whether it is to be ignored."""

_CARRIED = {Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL}

DOLBY_VISION = frozenset({Type.DOVI_RPU_BUFFER, Type.DOVI_METADATA})
"""Kinds of side data that hold the Dolby Vision metadata of a frame."""

PROJECTION = frozenset({Type.SPHERICAL, Type.STEREO3D})
"""Kinds of side data on the space that a picture shows."""

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
"""Names, as users know them, of the kinds of side data that few or no encoders write."""

_WRITERS = {
    "libx265": ("x265-params", "master-display", "max-cll", ":"),
    "libx264": ("x264-params", "mastering-display", "cll", ":"),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light", ":"),
}


def kept_side_data(frame: av.VideoFrame) -> dict[Type, bytes]:
    """Side data of a frame that an output keeps, or whose loss is reported; other kinds are left out."""
    kinds = (Type.DISPLAYMATRIX, Type.A53_CC, *_CARRIED, *_DYNAMIC)
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


def dolby_vision_profile(found: Mapping[Type, bytes]) -> int | None:
    """Profile of a frame's Dolby Vision metadata; None without it, or where it is none that FFmpeg knows.

    Args:
        found: Side data of a frame, from :func:`kept_side_data`.
    """
    data = found.get(Type.DOVI_METADATA, b"")
    if len(data) < _RPU_PLACE.size:
        return None
    (place,) = _RPU_PLACE.unpack_from(data)
    if len(data) < place + _RPU_HEADER.size:
        return None
    header, is_full_range, depth, has_enhancement, is_disabled = _RPU_HEADER.unpack_from(data, place)
    if header == 0:
        return 5 if is_full_range else None
    if header != 1:
        return None
    if has_enhancement and not is_disabled:
        return 7 if depth == 12 else 4
    return 8


def lost_side_data(encoder: str, found: Mapping[Type, bytes], carried: Collection[Type] = ()) -> list[str]:
    """Names of the side data that ``encoder`` can't write, in a user's words.

    Args:
        encoder: FFmpeg's name of the encoder.
        found: Side data of a frame, from :func:`kept_side_data`.
        carried: Kinds that are written all the same.
    """
    lost = [_name_of(kind, found) for kind in _DYNAMIC if kind in found and kind not in carried]
    if encoder not in _WRITERS and _CARRIED & found.keys():
        lost.append("the HDR mastering display and light level")
    return list(dict.fromkeys(lost))


def _name_of(kind: Type, found: Mapping[Type, bytes]) -> str:
    profile = dolby_vision_profile(found) if kind in DOLBY_VISION else None
    return _DYNAMIC[kind] if profile is None else f"{_DYNAMIC[kind]} (profile {profile})"


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
