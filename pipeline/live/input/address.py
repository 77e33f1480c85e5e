"""Translates SOURCE for FFmpeg: a camera, an address, a file, or a test picture."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

import av

from network.names import as_url
from pipeline.errors import InputError, UsageError
from pipeline.live.input.srt import find_program
from pipeline.media.places import without_password

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "tcp", "rtp")
"""Schemes of addresses on a network."""

_CAMERA_FORMATS = {"linux": "video4linux2,v4l2", "darwin": "avfoundation", "win32": "dshow"}

_LOW_DELAY = {"fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "500000", "probesize": "1000000"}
"""Limits on probing: what is buffered then is delay, and half a second holds the headers of a live stream."""

_COMPRESSED = ("mjpeg", "h264", "hevc")


class Kind(Enum):
    """Kind of a source, which decides what its end means and who sets its pace."""

    CAMERA = auto()
    """A camera, which sets its own pace; its end means that it was unplugged."""
    NETWORK = auto()
    """An address or a pipe, which sets its own pace; its end means that the connection is gone."""
    FILE = auto()
    """A file, which has to be played at its pace, and ends."""
    TEST = auto()
    """A filter graph of libavfilter, which is played like a file."""


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """Size, rate and format that the user asks of a source.

    Attributes:
        size: Width and height in pixels; None for the source's own.
        rate: Frames a second; None for the source's own.
        input_format: Pixel format or codec of a camera, such as ``mjpeg``; else FFmpeg's name of the container.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    input_format: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Address and options by which FFmpeg opens a source.

    Attributes:
        name: Name of the source, for people.
        kind: Kind of the source.
        url: Address for FFmpeg.
        format: FFmpeg's name of the demuxer or device; None to find out.
        options: Options of that demuxer or device.
        needs_srt_program: Whether FFmpeg can't open ``url``, so that :mod:`pipeline.live.input.srt` has to.
    """

    name: str
    kind: Kind
    url: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    needs_srt_program: bool = False

    @property
    def is_paced_here(self) -> bool:
        """Whether frames come as fast as they are read, so that the reader has to keep their time."""
        return self.kind in {Kind.FILE, Kind.TEST}


def find_address(source: str, request: CameraRequest | None = None) -> Address:
    """The address of a source as the user typed it.

    Args:
        source: A camera's number or device, an address of a network, a file, or ``lavfi:`` and a filter graph.
        request: Size, rate and format that are asked of it. The size and rate of anything but a camera can't be asked
            of the source itself; they are left to the caller.

    Raises:
        UsageError: If ``source`` is nothing of these, or this FFmpeg can't open it.
        InputError: If there is no such camera or file.
    """
    request = request or CameraRequest()
    scheme, _, rest = source.partition(":")
    if scheme == "lavfi" and rest:
        return Address(source, Kind.TEST, rest, "lavfi")
    if scheme.lower() in SCHEMES and rest.startswith("//"):
        return _network(source, scheme.lower(), request)
    if source.isdecimal() or _is_device(source):
        return _camera(source, request)
    path = Path(source)
    if source and path.is_dir():
        raise InputError(f"{source} is a folder; give a camera, an address or a video file")
    if source and path.exists() and not path.is_file():  # a pipe: whoever writes into it sets the pace
        return Address(source, Kind.NETWORK, as_url(path), request.input_format, dict(_LOW_DELAY))
    if path.is_file():
        return Address(source, Kind.FILE, as_url(path), request.input_format)
    if "://" in source:
        raise UsageError(f"addresses of {scheme}: are not supported; there is {', '.join(SCHEMES)}")
    raise InputError(
        f"there is no camera, address or file {source!r}; `deblur live --list` shows the cameras of this machine"
    )


def camera_format() -> str:
    """FFmpeg's name of this system's camera device.

    Raises:
        UsageError: If this build of FFmpeg has none.
    """
    name = _CAMERA_FORMATS.get(sys.platform)
    if name is None or name not in av.formats_available:
        raise UsageError(f"this build of FFmpeg knows no cameras on {sys.platform}; give a file or an address")
    return name


def has_protocol(scheme: str) -> bool:
    """Whether this build of FFmpeg can open addresses that begin so."""
    try:
        # FFmpeg looks for the protocol before anything else; the empty address then fails for another reason.
        av.open(f"{scheme}://", timeout=1.0).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError):
        return True
    return True


def _network(source: str, scheme: str, request: CameraRequest) -> Address:
    options = dict(_LOW_DELAY)
    if scheme == "srt" and not has_protocol(scheme):
        find_program()
        container = request.input_format or "mpegts"
        return Address(without_password(source), Kind.NETWORK, source, container, options, needs_srt_program=True)
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # over UDP, a lost datagram smears the picture until the next keyframe
    return Address(without_password(source), Kind.NETWORK, source, request.input_format, options)


def _is_device(source: str) -> bool:
    """Whether ``source`` names a camera as FFmpeg does on this system."""
    if sys.platform == "win32":
        return source.startswith("video=")
    return sys.platform == "linux" and source.startswith("/dev/video")


def _camera(source: str, request: CameraRequest) -> Address:
    name = camera_format()
    options = {}
    if request.size is not None:
        options["video_size"] = f"{request.size[0]}x{request.size[1]}"
    if request.rate is not None:
        options["framerate"] = f"{request.rate:g}"
    elif name == "avfoundation":
        options["framerate"] = "30"  # its default is 30000/1001, which most cameras refuse
    if request.input_format is not None:
        options[_format_option(name, request.input_format)] = request.input_format
    return Address(f"camera {source}", Kind.CAMERA, _camera_url(source, name), name, options)


def _format_option(device: str, input_format: str) -> str:
    if device.startswith("video4linux2"):
        return "input_format"
    if device == "dshow" and input_format in _COMPRESSED:
        return "vcodec"
    return "pixel_format"


def _camera_url(source: str, device: str) -> str:
    if not source.isdecimal():
        return source
    if device.startswith("video4linux2"):
        return f"/dev/video{int(source)}"
    if device == "avfoundation":
        return f"{int(source)}:none"
    cameras = [one for one in av.enumerate_input_devices(device) if "video" in (one.media_types or ["video"])]
    if int(source) >= len(cameras):
        raise InputError(
            f"there is no camera {source}; there are {len(cameras)}, counted from 0: `deblur live --list` shows them"
        )
    return f"video={cameras[int(source)].name}"
