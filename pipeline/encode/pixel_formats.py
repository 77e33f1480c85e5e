"""The loss in a conversion between pixel formats, and the choice of the best format that an encoder takes."""

from __future__ import annotations

from typing import Any

import av
import av.video.format
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list

from pipeline.media.native_formats import depth_of, has_alpha, without_alpha

_PALETTE = "pal8"
"""Format of 256 colours that each frame chooses; a pixel may be clear."""

_TRUE_COLOUR = ("rgb24", "bgr24", "rgba", "bgra", "bgr0")
"""Formats that make a palette needless. Each encoder with a palette and true colours has one of these."""


def encoder_formats(wanted: str, coded: str, encoder: av.Codec, *, width: int) -> list[str]:
    """Pixel formats of an encoder to try for frames, best first; those with alpha before those without.

    An encoder that lists its formats takes them in any container that takes its codec, so there is one without alpha.
    Uncompressed video can have any format, but each container has names for a few of them only. So all that lose
    nothing are tried.

    Args:
        wanted: FFmpeg's name of the pixel format of the frames.
        coded: FFmpeg's name of the pixel format in the input, of which the frames were made.
        encoder: FFmpeg's encoder that takes the frames.
        width: Width of the frames, in pixels.
    """
    names = [fmt.name for fmt in encoder.video_formats or ()]
    opaque = without_alpha(wanted)
    if not names:
        clear = _uncompressed(wanted, coded, width=width) if wanted != opaque else []
        return [*clear, *_uncompressed(opaque, coded, width=width)]
    found = []
    left = [name for name in names if holds_alpha(name)] if wanted != opaque else []
    while left:
        found.append(_best(wanted, left))
        left.remove(found[-1])
    return [*found, encoder_format(opaque, encoder)]


def _uncompressed(wanted: str, coded: str, *, width: int) -> list[str]:
    formats_of_ffmpeg: Any = av.video.format
    source = av.VideoFormat(wanted)
    formats = [av.VideoFormat(name) for name in formats_of_ffmpeg.names]  # the stubs don't know it
    same = [
        fmt
        for fmt in formats
        if fmt.components
        and fmt.is_rgb == source.is_rgb
        and not fmt.is_bayer
        and not loses(wanted, fmt.name)
        # libswscale leaves out the last column of an odd width where samples of several pixels stand together.
        and not (width % 2 and _packs_pixels(fmt))
    ]
    same.sort(
        key=lambda fmt: (
            has_alpha(fmt.name) != has_alpha(wanted),
            fmt.name != coded,
            fmt.name != wanted,
            differs(wanted, fmt.name),
            fmt.bits_per_pixel,
            fmt.name,
        )
    )
    return [fmt.name for fmt in same]


def _packs_pixels(fmt: av.VideoFormat) -> bool:
    return fmt.chroma_width(16) < 16 and all(component.plane == 0 for component in fmt.components)


def encoder_format(wanted: str, encoder: av.Codec) -> str:
    """Chooses the pixel format of an encoder that loses least of another format: that format itself if possible.

    Args:
        wanted: FFmpeg's name of the pixel format of the frames, without alpha.
        encoder: FFmpeg's encoder that takes the frames.
    """
    names = [fmt.name for fmt in encoder.video_formats or ()]
    if not names:
        return wanted
    opaque = [name for name in names if not has_alpha(name)] or names
    # RGB under an opaque alpha is still better than another kind of samples.
    return _best(wanted, opaque if _of_kind(wanted, opaque) else _of_kind(wanted, names) or opaque)


def _best(wanted: str, names: list[str]) -> str:
    """The format that loses least of another one."""
    if _PALETTE in names and not any(kind in names for kind in _TRUE_COLOUR):
        return _PALETTE  # an own palette is better than any fixed one
    if wanted in names:
        return wanted
    names = _of_kind(wanted, names) or names
    plain = [name for name in names if not name.startswith("yuvj")] or names
    kept = [name for name in plain if not loses(wanted, name)]
    same = [name for name in kept if not find_best_pix_fmt_of_list([name], wanted)[1] & PixFmtLoss.COLORSPACE]
    best, _ = find_best_pix_fmt_of_list(same or kept or plain, wanted, has_alpha=has_alpha(wanted))
    return best.name if best else plain[0]


def _of_kind(wanted: str, names: list[str]) -> list[str]:
    """The formats that keep all of RGB as RGB, and all of other samples as such."""
    is_rgb = av.VideoFormat(wanted).is_rgb
    return [name for name in names if av.VideoFormat(name).is_rgb == is_rgb and not loses(wanted, name)]


def holds_alpha(pixel_format: str) -> bool:
    """Whether pixels of a format can be clear, by an alpha channel or by a colour of a palette."""
    return has_alpha(pixel_format) or pixel_format == _PALETTE


def loses(source: str, target: str) -> bool:
    """Whether a conversion lowers the bit depth or the chroma resolution, or drops the alpha."""
    if has_alpha(source) and not holds_alpha(target):
        return True
    worse = PixFmtLoss.RESOLUTION | PixFmtLoss.DEPTH | PixFmtLoss.COLORQUANT | PixFmtLoss.CHROMA
    return bool(find_best_pix_fmt_of_list([target], source)[1] & worse)


def differs(source: str, target: str) -> bool:
    """Whether two formats hold different samples of colour, and not only the same samples in another order."""
    a, b = av.VideoFormat(source, 16, 16), av.VideoFormat(target, 16, 16)
    return (
        depth_of(source) != depth_of(target)
        or a.is_rgb != b.is_rgb
        or (a.chroma_width(), a.chroma_height()) != (b.chroma_width(), b.chroma_height())
        or _colours(a) != _colours(b)
    )


def _colours(pixel_format: av.VideoFormat) -> int:
    return sum(not component.is_alpha for component in pixel_format.components)
