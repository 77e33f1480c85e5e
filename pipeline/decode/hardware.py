"""Decoding on the GPU: whether it is available, and the message where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available

from pipeline.job import Acceleration

if TYPE_CHECKING:
    from av.codec.context import CodecContext

CUDA = "cuda"


THROUGH_HOST = (
    "frames go from the GPU's decoder through the memory of the processor, where something looks at them; they stay on "
    "the GPU with `engine` tensorrt `gate.duplicates=False`, without `gate.sharp`, `keep_text`, `deinterlace` and "
    "`isolation`"
)


NO_CONTEXT = (
    "frames go from the GPU's decoder through the memory of the processor: FFmpeg does not share the context that the "
    "network runs in"
)


def accelerator(wanted: Acceleration, *, on_device: bool = False) -> tuple[HWAccel | None, str]:
    """Chooses the hardware decoder to hand to PyAV.

    Frames are NV12 or P010. Each is copied to the host when decoded, unless frames are to stay on the device. The
    processor decodes streams that the GPU does not support.

    Args:
        wanted: Hardware decoding that the user asked for.
        on_device: Whether frames stay in the memory of the device that decodes them.

    Returns:
        The hardware decoder, or None for the processor, and a line for the user, which may be empty.
    """
    if wanted is Acceleration.NONE:
        return None, ""
    problem = cuda_problem()
    if not problem:
        stays = on_device and _can_open(on_device=True)
        made = HWAccel(CUDA, allow_software_fallback=True, is_hw_owned=stays)
        return made, "" if stays else NO_CONTEXT if on_device else THROUGH_HOST
    note = f"no decoding on the GPU: {problem}; the processor decodes"
    return None, note if wanted is Acceleration.CUDA else ""


def cuda_problem() -> str:
    """Reason why FFmpeg can't use an NVIDIA GPU; empty if it can."""
    if CUDA not in hwdevices_available():
        return "this FFmpeg is built without CUDA"
    return "" if _can_open(on_device=False) else "FFmpeg finds no NVIDIA GPU, or no driver"


def _can_open(*, on_device: bool) -> bool:
    """Whether FFmpeg can use the GPU at this moment.

    Where frames stay on the device, FFmpeg decodes in the CUDA context that the network runs in. It refuses a context
    that another library has created with other flags.
    """
    try:
        HWAccel(CUDA, is_hw_owned=on_device).create(av.Codec("h264", "r"))
    except (av.error.FFmpegError, NotImplementedError, OSError):
        return False
    return True


def fallback_note(context: CodecContext, first: av.VideoFrame) -> str:
    """Note for the user where the GPU was asked to decode and the processor decoded instead.

    Args:
        context: Codec context of the decoder.
        first: First frame that the decoder returned.

    Returns:
        One line for the user; empty if the GPU decoded, or was not asked to.
    """
    if not context.is_hwaccel:
        return ""
    # The GPU's frames interleave chroma, or have as much of it as of luma; the processor's decoders give neither
    # but for 4:4:4, where the two look alike.
    name = first.format.name
    if name.startswith(("nv", "p0", "p2", "yuv444p")):
        return ""
    return f"the GPU does not decode {context.name} of this kind ({name}); the processor does"
