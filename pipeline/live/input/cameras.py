"""Cameras and their modes, as far as FFmpeg's devices tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
import av.logging

from pipeline.live.input.address import camera_format

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIST_OPTIONS = {"video4linux2,v4l2": {"list_formats": "all"}, "dshow": {"list_options": "true"}}
"""What makes a device print its modes and end. AVFoundation prints them where it is asked for one that is not there."""

_IMPOSSIBLE_MODE = {"video_size": "1x1", "framerate": "1"}


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that FFmpeg finds.

    Attributes:
        source: Value of SOURCE for this camera.
        description: Name of the camera.
        modes: Pixel formats or codecs and sizes, a line each as FFmpeg words them; empty where it tells none.
    """

    source: str
    description: str
    modes: tuple[str, ...]


def find_cameras() -> list[Camera]:
    """Every camera of this machine. Asking for modes opens a camera, but starts no picture.

    Raises:
        UsageError: If this build of FFmpeg knows no cameras.
    """
    device = camera_format()
    found = []
    names = [one for one in av.enumerate_input_devices(device) if "video" in (one.media_types or ["video"])]
    for index, one in enumerate(names):
        url = f"video={one.name}" if device == "dshow" else f"{index}:none" if device == "avfoundation" else one.name
        source = one.name if device.startswith("video4linux2") else str(index)
        found.append(Camera(source, one.description, _modes(device, url)))
    return found


def table(cameras: Iterable[Camera]) -> str:
    """Plain text: a line for each camera, and its modes below it."""
    lines = []
    for camera in cameras:
        lines.append(f"{camera.source}  {camera.description}")
        lines += [f"    {mode}" for mode in camera.modes] or ["    (FFmpeg tells no modes)"]
    return "\n".join(lines) or "no camera is connected"


def _modes(device: str, url: str) -> tuple[str, ...]:
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture(local=True) as log:
            _ask(device, url)
    finally:
        av.logging.set_level(level)
    return tuple(line for line in _lines(message for _, _, message in log) if not line.startswith("ioctl("))


def _ask(device: str, url: str) -> None:
    """Opens a camera so that it prints its modes; the device then always ends with an error."""
    try:
        av.open(url, format=device, options=_LIST_OPTIONS.get(device, _IMPOSSIBLE_MODE)).close()
    except (av.error.FFmpegError, OSError):
        return


def _lines(messages: Iterable[str]) -> list[str]:
    """Whole lines: FFmpeg logs pieces of them."""
    return [" ".join(line.split()) for line in "".join(messages).splitlines() if line.strip()]
