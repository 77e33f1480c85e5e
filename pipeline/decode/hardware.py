"""Decoding by the GPU: whether it can be had, and what is said where it can't."""

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
    """What PyAV needs to decode as wanted.

    Frames are NV12 or P010, and copied to the host as they come unless they are to stay on the device. Streams that the
    GPU does not know are decoded by the processor all the same.

    Args:
        wanted: By whom to decode.
        on_device: Leave frames where they are decoded.

    Returns:
        The accelerator, None for the processor; and a line for the user, empty if there is nothing to say.
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
    """Why FFmpeg can't use an NVIDIA GPU; empty if it can."""
    if CUDA not in hwdevices_available():
        return "this FFmpeg is built without CUDA"
    return "" if _can_open(on_device=False) else "FFmpeg finds no NVIDIA GPU, or no driver"


def _can_open(*, on_device: bool) -> bool:
    """Whether FFmpeg can use the GPU, as it is at this moment.

    Where frames are to stay on the device, it decodes in the context that the network runs in, and refuses one that
    another library has begun with other flags.
    """
    try:
        HWAccel(CUDA, is_hw_owned=on_device).create(av.Codec("h264", "r"))
    except (av.error.FFmpegError, NotImplementedError, OSError):
        return False
    return True


def fallback_note(context: CodecContext, first: av.VideoFrame) -> str:
    """What to say where a GPU was to decode and the processor did.

    Args:
        context: The decoder.
        first: The first frame that it gave.

    Returns:
        A line for the user; empty if the GPU decoded, or was not to.
    """
    if not context.is_hwaccel:
        return ""
    # The GPU's frames interleave chroma, or have as much of it as of luma; the processor's decoders give neither
    # but for 4:4:4, where the two look alike.
    name = first.format.name
    if name.startswith(("nv", "p0", "p2", "yuv444p")):
        return ""
    return f"the GPU does not decode {context.name} of this kind ({name}); the processor does"
