"""The loss in a conversion between pixel formats, and the choice of the best format that an encoder takes."""

from __future__ import annotations

import av
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list

from pipeline.media.frames import depth_of, has_alpha


def encoder_format(wanted: str, encoder: av.Codec) -> str:
    """Chooses the pixel format of an encoder that loses least of another format: that format itself if possible.

    Args:
        wanted: FFmpeg's name of the pixel format of the frames.
        encoder: FFmpeg's encoder that takes the frames.
    """
    names = [fmt.name for fmt in encoder.video_formats or ()]
    if not names or wanted in names:
        return wanted
    opaque = [name for name in names if not has_alpha(name)] or names
    plain = [name for name in opaque if not name.startswith("yuvj")] or opaque
    kept = [name for name in plain if not loses(wanted, name)]
    same = [name for name in kept if not find_best_pix_fmt_of_list([name], wanted)[1] & PixFmtLoss.COLORSPACE]
    best, _ = find_best_pix_fmt_of_list(same or kept or plain, wanted)
    return best.name if best else plain[0]


def loses(source: str, target: str) -> bool:
    """Whether a conversion lowers the bit depth or the chroma resolution."""
    worse = PixFmtLoss.RESOLUTION | PixFmtLoss.DEPTH | PixFmtLoss.COLORQUANT | PixFmtLoss.CHROMA
    return bool(find_best_pix_fmt_of_list([target], source)[1] & worse)


def differs(source: str, target: str) -> bool:
    """Whether two formats hold different samples, and not only the same samples in another order."""
    a, b = av.VideoFormat(source, 16, 16), av.VideoFormat(target, 16, 16)
    return (
        depth_of(source) != depth_of(target)
        or a.is_rgb != b.is_rgb
        or (a.chroma_width(), a.chroma_height()) != (b.chroma_width(), b.chroma_height())
        or len(a.components) != len([c for c in b.components if not c.is_alpha])
    )
