"""A video file to a deblurred video file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from pipeline.api.deblurrer import check_batch, check_request, load
from pipeline.api.video import as_path, as_place, source_options
from pipeline.errors import UsageError
from pipeline.job import SEGMENT_SECONDS, GateOptions, SegmentOptions, SinkOptions, VideoJob, segment_settings
from pipeline.video import deblur_video as run_job

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.api.deblurrer import PrecisionName
    from pipeline.api.video import AccelerationName, StrPath
    from pipeline.job import Acceleration, Isolation, Limits
    from pipeline.notes import Note
    from pipeline.report import Report
    from pipeline.runner.protocols import Engine
    from pipeline.runner.timing import RunProgress


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of one video.

    Attributes:
        frames: Number of frames that are written.
        expected: Number of frames to expect; None if unknown.
        seconds: Length of the video that is written, in seconds of its own time.
    """

    frames: int
    expected: int | None
    seconds: float


def deblur_video(
    input: StrPath | BinaryIO,  # noqa: A002 - the name of the job's field
    output: StrPath | BinaryIO,
    *,
    engine: str | Engine = "auto",
    network: str = "auto",
    weights: StrPath | None = None,
    strength: float = 1.0,
    threads: int | None = None,
    batch: int | None = None,
    precision: PrecisionName = "auto",
    scale: float = 1.0,
    device: str | None = None,
    start: float | None = None,
    duration: float | None = None,
    input_format: str | None = None,
    deinterlace: bool = False,
    acceleration: AccelerationName | Acceleration = "none",
    limits: Limits | None = None,
    isolation: Isolation | None = None,
    continued: Sequence[StrPath] = (),
    output_format: str | None = None,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    bitrate: int | None = None,
    overwrite: bool = False,
    duplicates: bool = True,
    sharp: float | None = None,
    keep_text: bool | None = None,
    segment_seconds: float = SEGMENT_SECONDS,
    fresh: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Report:
    """Deblurs a video into another file, and keeps everything else that the container can carry.

    The output gets its name when it is complete. What is finished of a long video outlives a crash: the same call goes
    on from there, and so does the command ``deblur video``.

    Example::

        report = deblur_stream.deblur_video("in.mp4", "out.mp4", crf=18, overwrite=True)
        print(report.frames_per_second, report.damage, report.notes)

    Args:
        input: A file, an address such as ``http://host/clip.mp4``, or a binary file object, which is not closed.
        output: A file, or a binary file object, which is not closed and needs ``output_format``.
        engine: Name of an engine, or an object that implements :class:`Engine`; as for :class:`Deblurrer`. What shapes
            the frames of an object has to show in its ``info``: only then is work that another one left not used.
        network: Name of a network; ``auto`` takes the default, or what ``weights`` holds.
        weights: An ONNX, safetensors or INT8 file; None for the weights that come with the package.
        strength: How much of the correction is applied, 0 to 1.5.
        threads: Number of threads to compute with on a processor; None leaves it to the engine.
        batch: Frames that the engine gets at a time, at least 1; None for what it is fastest with.
        precision: Arithmetic of the network; ``auto`` is the fastest that is there.
        scale: Scale of the size at which the correction is computed, 1 or 0.5; it is added at full size. 0.5 is
            faster, and better for strokes of over 40 pixels.
        device: Device of OpenVINO, such as ``GPU``, ``NPU`` or ``AUTO``, or of ONNX Runtime, ``coreml`` or
            ``directml``; it is checked before its first frame. None for the processor, or what the engine finds.
        start: Where to begin, in seconds; None for the beginning.
        duration: Length to process, in seconds; None for all.
        input_format: FFmpeg's name of the input's container; None to find out from the content.
        deinterlace: Whether to turn interlaced frames into progressive ones; otherwise interlaced video is refused.
        acceleration: What decodes: ``none`` is the processor, ``cuda`` an NVIDIA GPU, ``auto`` that where there is one.
        limits: What the input may hold; None for the default limits.
        isolation: How to decode in a process of its own, which a crash can't spread from; None for this process.
        continued: Files that continue the first one, as in the loop recording of a dash camera.
        output_format: FFmpeg's name of the output's container; None to go by its extension.
        codec: Codec of the output, or an encoder by FFmpeg's name; None for that of the input where possible.
        crf: Quality at which the encoder aims, lower is better; None for its default. Excludes ``bitrate``.
        preset: The encoder's trade of speed for size; None for its default.
        bitrate: Bits a second of the video; None to go by quality.
        overwrite: Whether to replace an output that exists.
        duplicates: Whether a frame that equals the one before it repeats its result.
        sharp: Frames whose blur, 0 to 1, is at most this are passed untouched; None for none.
        keep_text: Whether to leave burned-in text as it is; None does so where files are joined.
        segment_seconds: Seconds of video after which what is done is kept for a later run; 0 writes in one piece.
        fresh: Whether to throw away what an interrupted run has left.
        progress: Function that is called in this thread about ten times a second.
        cancel: Event that ends the work soon after any thread sets it. Finished parts of a long video are kept.

    Returns:
        What was done. Damage is no error, and everything that could be decoded is in the output. Call
        :meth:`pipeline.report.Report.raise_if_damaged` where it has to be one.

    Raises:
        UsageError: If a value is out of range, or the arguments fit neither each other nor the container.
        InputError: If the input can't be read.
        LimitError: If the input exceeds a limit.
        OutputError: If the output can't be written, or exists and ``overwrite`` is not given.
        EngineError: If the engine can't be loaded, or fails.
    """
    check_batch(batch)
    check_request(engine, network, weights, strength, threads, precision, scale, device)
    if not 0 <= segment_seconds < float("inf"):  # also false for NaN
        raise UsageError(f"segment_seconds must be a number from 0, not {segment_seconds}")
    keep_text = bool(continued) if keep_text is None else keep_text
    job = VideoJob(
        input=as_place(input),
        output=as_path(output),
        source=source_options(
            start=start,
            duration=duration,
            input_format=input_format,
            deinterlace=deinterlace,
            acceleration=acceleration,
            limits=limits,
            isolation=isolation,
            continued=continued,
        ),
        sink=SinkOptions(
            format=output_format, codec=codec, crf=crf, preset=preset, bitrate=bitrate, overwrite=overwrite
        ),
        batch=batch,
        gate=GateOptions(duplicates=duplicates, sharp=sharp),
        segments=SegmentOptions(
            seconds=segment_seconds,
            fresh=fresh,
            settings=segment_settings(strength, keep_text=keep_text, scale=scale),
        )
        if segment_seconds
        else None,
        keep_text=keep_text,
    )
    start_engine = functools.partial(load, engine, network, weights, strength, threads, precision, scale, device)
    return run_job(job, start_engine, None if progress is None else _ProgressDisplay(progress), cancel=cancel)


class _ProgressDisplay:
    """Hands the progress of a run to a function.

    Args:
        progress: Function that takes the progress.
    """

    def __init__(self, progress: Callable[[Progress], None]) -> None:
        self._progress = progress
        self._expected: int | None = None

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:  # noqa: ARG002 - the report has them
        """Remembers how many frames to expect."""
        self._expected = frames

    def update(self, progress: RunProgress) -> None:
        """Hands the progress on."""
        self._progress(Progress(progress.frames, self._expected, progress.seconds))

    def end(self) -> None:
        """Does nothing."""

    def tell(self, notes: Iterable[Note]) -> None:
        """Does nothing: the report has the notes."""
