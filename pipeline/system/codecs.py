"""Trial of encoders and decoders: a name in FFmpeg's list does not say that the machine can run it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
from av.codec.codec import codecs_available
from av.codec.hwaccel import HWAccel

from pipeline.media.frames import plane_rows
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCODERS = (
    "libx264", "libx265", "libsvtav1", "libvpx-vp9", "libvpx", "ffv1", "prores_ks", "mjpeg", "mpeg4", "mpeg2video",
)  # fmt: skip
"""Names of the software encoders that outputs are written with."""

DECODERS = ("vvc", "vc1", "wmv3", "dvvideo", "theora", "h263", "mpeg1video")
"""FFmpeg's names of the codecs of inputs that none of the encoders above writes."""

_HARDWARE = ("nvenc", "qsv", "amf", "vaapi", "videotoolbox", "mf", "vulkan", "v4l2m2m")
_FORMATS = ("yuv420p", "nv12", "yuv422p10le", "yuvj420p")

WIDTH, HEIGHT, FRAMES = 320, 192, 6
"""Width and height in pixels, and number of frames, of the clip that is encoded. Hardware encoders refuse much
smaller pictures."""


def hardware_encoders() -> list[str]:
    """Names of the hardware video encoders in this build of FFmpeg, whether or not the hardware is present."""
    names = (f"{codec}_{api}" for codec in ("h264", "hevc", "av1") for api in _HARDWARE)
    return [name for name in names if name in codecs_available and _knows(name, "w")]


def has_decoder(codec: str) -> bool:
    """Whether FFmpeg has a decoder for a codec."""
    return _knows(codec, "r")


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of the trial of an encoder.

    Attributes:
        clip: Encoded clip, as a Matroska file.
        decoder: Name of the decoder that decoded the clip again.
    """

    clip: bytes
    decoder: str


def try_encoder(name: str) -> Trial:
    """Encodes a few frames and decodes them again.

    Args:
        name: Name of an encoder that this build of FFmpeg knows.

    Raises:
        OSError: If the encoder or the decoder fails.
    """
    os.environ.setdefault("SVT_LOG", "1")  # errors alone; the library reads nothing else
    encoder = av.Codec(name, "w")
    known = [form.name for form in encoder.video_formats or ()]
    pixel_format = next((form for form in known if form in _FORMATS), "yuv420p")
    clip = io.BytesIO()
    try:
        with ordinary_scheduling(), av.open(clip, "w", format="matroska") as output:
            options = {"x265-params": "log-level=none"} if name == "libx265" else {}
            stream: Any = output.add_stream(name, rate=25, options=options, **_acceleration(name))
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
            for frame in _frames(pixel_format):
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        clip.seek(0)
        with av.open(clip, "r") as written:
            frames = len(list(written.decode(video=0)))
            decoder = written.streams.video[0].codec_context.codec.name
    except (av.error.FFmpegError, ValueError, NotImplementedError) as error:
        raise OSError(str(error)) from error
    if frames != FRAMES:
        raise OSError(f"of {FRAMES} encoded frames, {frames} could be decoded")
    return Trial(clip.getvalue(), decoder)


def try_hardware_decoder(device: str, clip: bytes) -> None:
    """Decodes a clip on a kind of device, such as ``cuda``, without falling back to the processor.

    Raises:
        OSError: If the device can't decode the clip.
    """
    try:
        with av.open(io.BytesIO(clip), "r", hwaccel=HWAccel(device, allow_software_fallback=False)) as container:
            frames = len(list(container.decode(video=0)))
    except (av.error.FFmpegError, ValueError, NotImplementedError, RuntimeError) as error:
        raise OSError(str(error)) from error
    if frames != FRAMES:
        raise OSError(f"{frames} of {FRAMES} frames came out")


def _knows(name: str, mode: str) -> bool:
    try:
        return av.Codec(name, mode).type == "video"  # type: ignore[arg-type]  # a literal where it is called
    except (av.codec.codec.UnknownCodecError, ValueError):
        return False


def _acceleration(name: str) -> dict[str, Any]:
    """Arguments for an encoder that takes frames from the device's memory only."""
    device = {"vaapi": "vaapi", "vulkan": "vulkan"}.get(name.rpartition("_")[2])
    return {"hwaccel": HWAccel(device)} if device else {}


def _frames(pixel_format: str) -> Iterator[av.VideoFrame]:
    """Yields the frames of a moving gradient."""
    for number in range(FRAMES):
        frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
        for index in range(len(frame.planes)):
            rows = plane_rows(frame, index)
            rows[...] = np.arange(rows.shape[1]) // 2 + 4 * number + 16
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame
