"""Deblurs one uploaded file in a process of its own.

A process, not a thread: it can be ended at any moment, and a file that brings down a decoder brings down this alone.
"""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import av
import av.error

from network.counting import count_of
from network.names import as_url
from network.planes import PlaneBatch
from pipeline.decode.source import VideoSource
from pipeline.errors import DeblurError, InputError, LimitError
from pipeline.job import Limits, SinkOptions, SourceOptions, VideoJob
from pipeline.live.scaled_engine import ScaledEngine
from pipeline.runner.protocols import EngineInfo
from pipeline.system.unexpected import explain
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from network.planes import PlaneSpec
    from network.window.windows import Windows
    from pipeline.notes import Note
    from pipeline.runner.protocols import Engine
    from pipeline.runner.timing import RunProgress

FORMATS: Final = ("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "mxf", "dv", "gif", "h264", "hevc")
"""FFmpeg's demuxers that a file from a browser may choose. Playlists (HLS, DASH, concat) are not among them: they name
other files and addresses, which FFmpeg would open."""


_PLAYABLE: Final = {("mov", "h264"), ("matroska", "vp8"), ("matroska", "vp9")}
"""Containers and codecs that every browser of today plays, at 8 bits and 4:2:0."""


@dataclass(frozen=True, slots=True)
class UploadTask:
    """One file to deblur.

    Attributes:
        input: Path of the file.
        output: Path of the result, an MP4 file that is not there yet.
        original: Path of a copy of the original as MP4, which is made if browsers can't play the file itself.
        seconds: Longest video that is taken.
        pixels: Most pixels that a frame may have.
        strength: How much of the correction is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
    """

    input: Path
    output: Path
    original: Path
    seconds: float
    pixels: int
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """Progress of the work.

    Attributes:
        frames: Number of frames that are done.
        total: Number of frames to expect; None if unknown.
        is_copying: Whether the result is complete, and the original is being made playable.
    """

    frames: int
    total: int | None
    is_copying: bool = False


@dataclass(frozen=True, slots=True)
class UploadOutcome:
    """Outcome of the work.

    Attributes:
        error: Message for the user in one line; empty if nothing went wrong.
        notes: Notes for the user about the result, a line each; the first says what was done.
    """

    error: str = ""
    notes: tuple[str, ...] = ()


def work(sending: Connection, task: UploadTask, load: Callable[[], Engine]) -> None:
    """Deblurs the file, sends :class:`UploadProgress` now and then, and one :class:`UploadOutcome`.

    Args:
        sending: Connection to send to, which is closed at the end.
        task: File to deblur, and its limits.
        load: Function that makes the engine.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    try:
        outcome = _deblur(sending, task, load)
    except LimitError:
        # The error's own words name options of the command line.
        most = f"{task.seconds:.0f} seconds and {task.pixels / 1e6:.1f} million pixels a frame"
        outcome = UploadOutcome(error=f"it is too long or too large; at most {most} are taken here")
    except DeblurError as error:
        outcome = UploadOutcome(error=_without_paths(str(error), task))
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - told to the user; a traceback in a process that ends helps nobody
        outcome = UploadOutcome(error=f"the file can't be deblurred: {_without_paths(explain(error), task)}")
    with contextlib.suppress(BrokenPipeError):  # nobody is there any more
        sending.send(outcome)
    sending.close()


def _deblur(sending: Connection, task: UploadTask, load: Callable[[], Engine]) -> UploadOutcome:
    container = container_format(task.input)
    options = SourceOptions(format=container, limits=Limits(pixels=task.pixels, duration=task.seconds))
    with VideoSource(task.input, options) as source:
        info = source.info
        is_playable = (container, info.codec) in _PLAYABLE and info.pixel_format == "yuv420p"
    job = VideoJob(input=task.input, output=task.output, source=options, sink=SinkOptions(codec="h264"))
    report = deblur_video(job, lambda: ScaledEngine(load(), task.strength), _Reporter(sending))
    if not is_playable:
        copy = replace(job, output=task.original)
        deblur_video(copy, _NoEngine, _Reporter(sending, is_copying=True))
    frames = count_of(report.result.frames_out, "frame")
    done = f"{frames} by {report.engine.network}, {report.frames_per_second:.1f} a second"
    notes = [done, *(_without_paths(note.text, task) for note in report.notes)]
    if report.damage:
        notes.append("parts of the file are damaged; what could be decoded is in the result")
    return UploadOutcome(notes=tuple(notes))


def container_format(path: Path) -> str:
    """FFmpeg's name for the container of a file from outside, found out without opening anything else.

    Args:
        path: Path of the file.

    Raises:
        InputError: If the container is none of :data:`FORMATS`.
    """
    allowed = {"format_whitelist": ",".join(_whole_names()), "protocol_whitelist": "file"}
    try:
        with av.open(as_url(path), options=allowed) as container:
            return container.format.name.partition(",")[0]
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise InputError("the file is not a video of a kind that is taken here") from error


def _whole_names() -> list[str]:
    """The demuxers' names in full, such as ``mov,mp4,m4a,3gp,3g2,mj2``: FFmpeg's list of formats compares those."""
    return [av.ContainerFormat(name, "r").name for name in FORMATS]


def _without_paths(text: str, task: UploadTask) -> str:
    """A line for whoever uploaded the file, who knows nothing of folders here."""
    return text.replace(str(task.input), "the file").replace(str(task.output), "the result")


class _NoEngine:
    """Leaves every frame as it is, for the copy of an original that differs from the result in nothing else."""

    info = EngineInfo("none", "processor", "exact", "none", "")

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, _windows: Windows | None = None) -> None:
        for source, target in zip(batch.planes, out.planes, strict=True):
            target[...] = source

    def reset(self) -> None:
        pass


class _Reporter:
    """A display at the other end of a pipe."""

    def __init__(self, sending: Connection, *, is_copying: bool = False) -> None:
        self._sending, self._is_copying = sending, is_copying
        self._total: int | None = None

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:  # noqa: ARG002 - the outcome has notes
        self._total = frames

    def update(self, progress: RunProgress) -> None:
        self._sending.send(UploadProgress(progress.frames, self._total, self._is_copying))

    def end(self) -> None:
        pass

    def tell(self, notes: Iterable[Note]) -> None:
        pass
