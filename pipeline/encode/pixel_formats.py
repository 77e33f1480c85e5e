"""The loss in a conversion between pixel formats, and the choice of the best format that an encoder takes."""

from __future__ import annotations

import av
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list

from pipeline.media.frames import depth_of, has_alpha


def formats_with_alpha(wanted: str, encoder: av.Codec) -> list[str]:
    """Pixel formats in which an encoder says it takes transparency, those that lose least of another format first.

    Args:
        wanted: FFmpeg's name of the pixel format of the frames.
        encoder: FFmpeg's encoder that takes the frames.

    Returns:
        FFmpeg's names; none if ``wanted`` has no alpha itself.
    """
    if not has_alpha(wanted):
        return []
    names = [fmt.name for fmt in encoder.video_formats or (av.VideoFormat(wanted),)]
    left = [name for name in names if has_alpha(name)]
    found = []
    while left:
        found.append(_best(wanted, left))
        left.remove(found[-1])
    return found


def encoder_format(wanted: str, encoder: av.Codec) -> str:
    """Chooses the pixel format of an encoder that loses least of another format: that format itself if possible.

    Args:
        wanted: FFmpeg's name of the pixel format of the frames, without alpha.
        encoder: FFmpeg's encoder that takes the frames.
    """
    names = [fmt.name for fmt in encoder.video_formats or ()]
    if not names:
        return wanted
    return _best(wanted, [name for name in names if not has_alpha(name)] or names)


def _best(wanted: str, names: list[str]) -> str:
    """The format that loses least of another one."""
    if wanted in names:
        return wanted
    plain = [name for name in names if not name.startswith("yuvj")] or names
    kept = [name for name in plain if not loses(wanted, name)]
    same = [name for name in kept if not find_best_pix_fmt_of_list([name], wanted)[1] & PixFmtLoss.COLORSPACE]
    best, _ = find_best_pix_fmt_of_list(same or kept or plain, wanted, has_alpha=has_alpha(wanted))
    return best.name if best else plain[0]


def loses(source: str, target: str) -> bool:
    """Whether a conversion lowers the bit depth or the chroma resolution, or drops the alpha."""
    if has_alpha(source) and not has_alpha(target):
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
