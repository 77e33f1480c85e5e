"""Pixel formats in which the planes of a frame are kept, and the nearest one to any other."""

from __future__ import annotations

import contextlib
import sys

from av.codec.codec import find_best_pix_fmt_of_list
from av.video.format import VideoFormat

from network.planes import Layout, Matrix, PlaneSpec

_ENDIAN = "le" if sys.byteorder == "little" else "be"


def _native_formats() -> dict[str, tuple[Layout, int, bool]]:
    formats = {
        "nv12": (Layout.NV12, 8, False),
        f"p010{_ENDIAN}": (Layout.NV12, 10, False),
        f"p012{_ENDIAN}": (Layout.NV12, 12, False),
        f"p016{_ENDIAN}": (Layout.NV12, 16, False),
    }
    families = {
        "yuv420p": (Layout.YUV420P, False),
        "yuv422p": (Layout.YUV422P, False),
        "yuv444p": (Layout.YUV444P, False),
        "gbrp": (Layout.YUV444P, True),
        "gray": (Layout.GRAY, False),
    }
    for name, (layout, is_rgb) in families.items():
        formats[name] = (layout, 8, is_rgb)
        for depth in (9, 10, 12, 14, 16):
            formats[f"{name}{depth}{_ENDIAN}"] = (layout, depth, is_rgb)
    return formats


def _formats_with_alpha() -> dict[str, tuple[Layout, int, bool]]:
    """The same planes with one more behind them, which no engine sees: it stays on its frame."""
    formats = {"ya8": (Layout.GRAY, 8, False), f"ya16{_ENDIAN}": (Layout.GRAY, 16, False)}
    for name, facts in _OPAQUE.items():
        known = name.replace("yuv", "yuva").replace("gbrp", "gbrap")
        with contextlib.suppress(ValueError):  # not every depth is known with alpha
            if known != name and VideoFormat(known):
                formats[known] = facts
    return formats


_OPAQUE = _native_formats()
NATIVE = _OPAQUE | _formats_with_alpha()
"""Layout, depth and whether it is RGB of each format in which the planes of a frame are kept, by name."""

_NAME_OF = {facts: name for name, facts in _OPAQUE.items()}


def depth_of(pixel_format: str) -> int:
    """Depth of the widest component of an FFmpeg pixel format, in bits."""
    return max((component.bits for component in VideoFormat(pixel_format).components), default=8)


def has_alpha(pixel_format: str) -> bool:
    """Whether an FFmpeg pixel format has an alpha channel (formats with a palette are not counted)."""
    return any(component.is_alpha for component in VideoFormat(pixel_format).components)


def without_alpha(pixel_format: str) -> str:
    """The native format with the same planes and no alpha; ``pixel_format`` itself if it has none."""
    return _NAME_OF[NATIVE[pixel_format]] if has_alpha(pixel_format) else pixel_format


def with_layout(pixel_format: str, layout: Layout) -> str:
    """The native format that differs from another native format in the layout of its planes alone."""
    _, depth, is_rgb = NATIVE[pixel_format]
    wanted = layout, depth, is_rgb
    alike = (name for name, facts in NATIVE.items() if facts == wanted and has_alpha(name) == has_alpha(pixel_format))
    return pixel_format if NATIVE[pixel_format] == wanted else next(alike)


def native_format(pixel_format: str, *, alpha: bool | None = None) -> str:
    """Native format of a pixel format, in which the planes of a frame are kept: the same format, or the nearest one.

    Args:
        pixel_format: Name of any FFmpeg pixel format, such as ``yuyv422``.
        alpha: Whether there is transparency to keep; None if the format has an alpha channel.

    Returns:
        Name of a planar (or NV12-like) format of the same or a higher depth, such as ``yuv422p``. Grey with alpha alone
        is not planar.
    """
    if pixel_format in NATIVE:
        return pixel_format
    if pixel_format.startswith("yuvj") and (plain := pixel_format.replace("yuvj", "yuv")) in NATIVE:
        return plain  # the same samples; the range is a tag
    wide = VideoFormat(pixel_format)
    # Components of floating-point formats say 32 bits; 16 are the most that planes hold.
    depth = min(depth_of(pixel_format), 16)
    colours = sum(not component.is_alpha for component in wide.components)
    alpha = has_alpha(pixel_format) if alpha is None else alpha
    candidates = [
        name
        for name, (layout, bits, is_rgb) in NATIVE.items()
        if bits >= depth
        and has_alpha(name) == alpha
        and (layout is not Layout.NV12 or pixel_format.startswith("nv21"))
        and is_rgb == (wide.is_rgb or wide.is_bayer or wide.has_palette)
        and (layout is Layout.GRAY) == (colours == 1 and not (wide.is_bayer or wide.has_palette))
    ]
    best, _ = find_best_pix_fmt_of_list(candidates, pixel_format, has_alpha=alpha)
    return best.name if best else f"gbrap16{_ENDIAN}" if alpha else f"gbrp16{_ENDIAN}"


def pixel_format_of(spec: PlaneSpec) -> str:
    """Name of the FFmpeg pixel format without alpha whose planes ``spec`` describes.

    Raises:
        ValueError: If FFmpeg has no such format (for example at 11 bits).
    """
    try:
        return _NAME_OF[spec.layout, spec.depth, spec.matrix is Matrix.RGB]
    except KeyError:
        raise ValueError(f"FFmpeg has no pixel format of {spec.layout} at {spec.depth} bits") from None
