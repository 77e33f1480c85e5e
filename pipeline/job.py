"""One video to deblur, and all options of it. It needs neither PyAV nor PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


class Acceleration(StrEnum):
    """What decodes video."""

    NONE = "none"
    """The processor."""
    CUDA = "cuda"
    """NVIDIA's decoder; where it can't be had, the processor, with a line that says why."""
    AUTO = "auto"
    """NVIDIA's decoder where there is a GPU, else the processor without a word."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that is exceeded. As a string it is :attr:`text`.

    Attributes:
        field: Name of the limit, as errors name it, such as ``limits.width``.
        text: End of a sentence that says by how much.
    """

    field: str
    text: str

    def __str__(self) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True, slots=True)
class Limits:
    """What an input may hold; None is no limit.

    What costs memory at once is limited by default, far above any camera. What costs only time is not: a recording
    of a week is as good as one of a minute, and is processed in the same memory.

    Attributes:
        width: Width of the picture, in pixels.
        height: Height of the picture, in pixels.
        pixels: Number of pixels of one picture. The decoder knows this limit, and allocates no larger picture.
        frames: Number of frames of the video stream that is decoded.
        duration: Time from the first frame to the last, in seconds.
        streams: Number of streams in the container, of all kinds.
        attachments: Number of attached files and cover pictures.
        attachment_bytes: Size of all attachments together, in bytes.
        decoded_bytes: Size of all decoded frames together, in bytes.
    """

    width: int | None = 16_384
    height: int | None = 16_384
    pixels: int | None = 1 << 27
    frames: int | None = None
    duration: float | None = None
    streams: int | None = 256
    attachments: int | None = 256
    attachment_bytes: int | None = 1 << 28
    decoded_bytes: int | None = None

    @property
    def decoder_options(self) -> dict[str, str]:
        """Options of FFmpeg's decoders that hold the limits where memory is allocated."""
        return {} if self.pixels is None else {"max_pixels": str(self.pixels)}

    def picture_excess(self, width: int, height: int) -> Excess | None:
        """The limit that a picture's size exceeds; None if there is none."""
        for label, value, limit, name in (
            ("pixels wide", width, self.width, "width"),
            ("pixels high", height, self.height, "height"),
            ("pixels large", width * height, self.pixels, "pixels"),
        ):
            if limit is not None and value > limit:
                return Excess(f"limits.{name}", f"{value} {label}, over the limit of {limit} (`limits.{name}`)")
        return None


@dataclass(frozen=True, slots=True)
class Isolation:
    """Decoding in a process of its own.

    Attributes:
        timeout: Seconds without any progress after which that process is given up, above 0. Enough for the slowest
            single step: to open the input, or to decode one frame.

    Raises:
        ValueError: If ``timeout`` is not above 0.
    """

    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(f"the time-out must be above 0 seconds, not {self.timeout}")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How an input is read.

    Attributes:
        format: FFmpeg's name of the container format, such as ``mp4``; None to find out from the content.
        start: Seconds from the beginning of the input to begin at; None for the beginning.
        duration: Seconds of it to read; None for all.
        deinterlace: Turn interlaced frames into progressive ones, one for each; else interlaced input is refused.
        acceleration: What decodes.
        on_device: Leave the frames that a GPU decodes on it, for an engine that takes them from there. What looks at
            their samples before (what the gate looks for, deinterlacing, decoding in another process) can't go with it.
        limits: What the input may hold.
        isolation: How to decode in a process of its own; None for this one.
        continued: Files that continue the input, in their order, as those of a loop recording do: they are read behind
            it, and all of them are one input. Empty for an input that is one file.

    ``isolation`` and ``continued`` choose the kind of source that :func:`pipeline.decode.open.open_source` opens.
    """

    format: str | None = None
    start: float | None = None
    duration: float | None = None
    deinterlace: bool = False
    acceleration: Acceleration = Acceleration.NONE
    on_device: bool = False
    limits: Limits = field(default_factory=Limits)
    isolation: Isolation | None = None
    continued: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How an output is written.

    Attributes:
        format: FFmpeg's name of the container format; None to go by the extension.
        codec: Codec or encoder of the video, by FFmpeg's name; None for that of the input where it can be encoded.
        crf: Constant rate factor; None for the default of the encoder. Excludes ``bitrate``.
        preset: Preset of the encoder; None for its default.
        bitrate: Bitrate of the video, in bits a second; None to go by quality.
        overwrite: Replace an output that exists.
    """

    format: str | None = None
    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    bitrate: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Which frames may pass the network by.

    Attributes:
        duplicates: Frames whose planes equal those of the frame before.
        sharp: Frames whose blur estimate is at most this, 0 to 1; None for none.
    """

    duplicates: bool = True
    sharp: float | None = None


SEGMENT_SECONDS = 30.0
"""Default length of a segment, in seconds of video: what a crash costs at most, against about a second a segment in
which the engine waits for the encoder to finish."""


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """How a video is cut, and what becomes of work that an earlier run left.

    Attributes:
        seconds: Least length of a segment, in seconds of video, above 0; the cut is at the next keyframe, or after
            twice the time.
        fresh: Throw away what an earlier run left.
        always: Cut even where the video is no longer than one segment.
        settings: What shapes the frames besides the input, the engine's facts and the options of source and sink, such
            as ``{"strength": "0.5"}``: an earlier run's work counts only if these were the same.
    """

    seconds: float = SEGMENT_SECONDS
    fresh: bool = False
    always: bool = False
    settings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Checks the length."""
        if not self.seconds > 0:
            raise ValueError(f"a segment is longer than nothing, not {self.seconds} s")


def segment_settings(strength: float, *, keep_text: bool, scale: float = 1.0) -> tuple[tuple[str, str], ...]:
    """What shapes the frames besides the input and the engine's facts, as :class:`SegmentOptions` takes it.

    Args:
        strength: How much of the correction is applied.
        keep_text: Whether burned-in text is left as it is.
        scale: Scale of the size at which the correction is computed.
    """
    settings = ("strength", f"{strength:g}"), ("keep_text", f"{keep_text}")
    return settings if scale == 1 else (*settings, ("scale", f"{scale:g}"))  # work of before there was a choice counts


@dataclass(frozen=True, slots=True)
class VideoJob:
    """One video to deblur.

    Attributes:
        input: A file, an address (a string such as ``http://host/clip.mp4``), or something to read from, such as a
            :class:`pipeline.system.pipes.PipeReader`.
        output: A file, or something to write to, such as a :class:`pipeline.system.pipes.PipeWriter`.
        source: How to read.
        sink: How to write.
        batch: Frames that the engine gets at a time, at least 1; None for what the engine is fastest with.
        gate: Which frames pass the network by.
        segments: How to keep what is finished, such that an interrupted run can be resumed; None to write in one piece.
            Where input or output is a pipe, or the video no longer than one segment, it is one piece all the same
            (but see :attr:`SegmentOptions.always`).
        keep_text: Leave burned-in text as it is; the input has to be a file.
    """

    input: Path | str | BinaryIO
    output: Path | BinaryIO
    source: SourceOptions = field(default_factory=SourceOptions)
    sink: SinkOptions = field(default_factory=SinkOptions)
    batch: int | None = None
    gate: GateOptions = field(default_factory=GateOptions)
    segments: SegmentOptions | None = None
    keep_text: bool = False
