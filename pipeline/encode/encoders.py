"""Encoders: their names, the order in which they are tried, and what players take of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.codec.codec import UnknownCodecError

from pipeline.encode.container import MOV_FAMILY
from pipeline.media.native_formats import depth_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.container import OutputContainer

    from pipeline.media.source_info import SourceInfo

_ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx",
    "prores": "prores_ks",
    "webp": "libwebp",
}
"""Encoders to use for codecs, by codec, where FFmpeg's own first choice is another encoder.

For WebP that is one which gives all frames back as one packet, which has no times and can't be joined.
"""

_WRITES_CAPTIONS = {"libx264", "mpeg2video", "h264_nvenc", "hevc_nvenc"}
"""Encoders that do so with FFmpeg's own settings; a test tries some. PyAV does not tell the options of an encoder."""

_SPELLINGS = {"avc": "h264", "x264": "h264", "h265": "hevc", "x265": "hevc"}

_TRANSPORT_STREAM = {"h264", "hevc", "vvc", "mpeg1video", "mpeg2video", "mpeg4", "vc1"}
"""Codecs that the MPEG transport stream has identifiers for.

FFmpeg's muxer takes any other codec as well, but no player could read the file.
"""

_OF_PICTURES = frozenset({"apng", "gif", "jpeg2000", "jpegls", "mjpeg", "png", "webp"})
"""Codecs made for pictures. MP4 takes some of them, but hardly any player does."""

_PLAYED_IN_MP4 = frozenset({"av1", "h263", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp9", "vvc"})
"""Codecs that players know in MP4."""

_PLAYED_DEPTH = {"h264": 8, "hevc": 10}
"""Deepest samples that phones and browsers take, by codec, in bits; they take no chroma but 4:2:0."""


def candidates(info: SourceInfo, container: OutputContainer) -> Iterable[str]:
    """Codecs to try where the user names none, best first."""
    own = () if info.codec in _OF_PICTURES and is_mp4(container.format.name) else (info.codec,)
    # The last ones are there for what H.264 and the container's own codec can't hold: 12 bits, a WebM of 10 bits.
    return dict.fromkeys((*own, "h264", container.default_video_codec, "hevc", "av1"))


def find_encoder(name: str) -> av.Codec | None:
    """The video encoder for a codec, or of that name; None if there is none."""
    name = _SPELLINGS.get(name.lower(), name.lower())
    try:
        encoder = av.Codec(_ENCODERS.get(name, name), "w")
    except (UnknownCodecError, RuntimeError, ValueError):
        return None
    return encoder if encoder.type == "video" else None


def is_playable(container: OutputContainer, encoder: av.Codec) -> bool:
    """Whether any player could read what the encoder writes in the container."""
    if container.format.name == "mpegts":
        return encoder.canonical_name in _TRANSPORT_STREAM
    return True  # the header, written to try, tells


def is_mp4(format_name: str) -> bool:
    """Whether a container is MP4 or a close relative. QuickTime's own MOV is not: its players take more codecs."""
    return format_name in MOV_FAMILY and format_name != "mov"


def is_picture(info: SourceInfo) -> bool:
    """Whether the input is made of pictures (a photograph, a numbered sequence, a GIF) or coded as such."""
    return info.codec in _OF_PICTURES or info.format_name == "image2" or info.format_name.endswith("_pipe")


def is_widely_played(format_name: str, codec: str, pixel_format: str) -> bool:
    """Whether ordinary players take a codec and its samples in a container; always true but for MP4 and MOV."""
    if format_name not in MOV_FAMILY:
        return True
    if is_mp4(format_name) and codec not in _PLAYED_IN_MP4:
        return False
    if codec not in _PLAYED_DEPTH:
        return True
    samples = av.VideoFormat(pixel_format, 16, 16)
    is_grey = len(samples.components) == 1
    is_420 = not samples.is_rgb and (is_grey or (samples.chroma_width(), samples.chroma_height()) == (8, 8))
    return is_420 and depth_of(pixel_format) <= _PLAYED_DEPTH[codec]


def writes_captions(encoder: str) -> bool:
    """Whether an encoder writes closed captions (CEA-608 and 708) that lie beside a frame.

    Args:
        encoder: FFmpeg's name of the encoder.
    """
    return encoder in _WRITES_CAPTIONS
