"""The plan of a batch, which is made before anything is written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from rich import filesize

from network.counting import count_of
from pipeline.decode.open import open_source
from pipeline.encode.output_file import work_folder
from pipeline.errors import DeblurError, InputError, OutputError, UsageError
from pipeline.media.stream_names import describe
from pipeline.resume.segment_file import size_of
from pipeline.system.file_names import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from network.planes import PlaneSpec
    from pipeline.batch.finished import FinishedOutputs
    from pipeline.batch.inputs import BatchInput
    from pipeline.job import SourceOptions
    from pipeline.report import Report

_GUESSED_RATE = 25
"""Frames a second that are assumed for a video whose number of frames is unknown."""


class PlannedState(Enum):
    """Decision about an input."""

    TODO = "to do"
    FINISHED = "finished before"
    FAILED = "can't be done"


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One input and its output.

    Attributes:
        input: The file to read; of several that are joined, the first.
        output: The file to write.
        state: Decision about the input.
        reason: Reason why the video can't be done; empty if it can.
        kind: Class of the error behind that reason; None if there is none.
        size: Size of the input in bytes; 0 if unknown.
        spec: Kind and size of the frames; None if they were not looked at.
        frames: Number of frames to expect; 0 if unknown.
        middle: Middle of the video, or of the first of joined ones, in seconds from its beginning; 0 if unknown.
        streams: Streams beside the video, in words.
        is_damaged: Whether the input of a finished output was found to be damaged.
        is_begun: Whether an interrupted run has left finished segments.
        continued: Files that continue the input, in their order.
        note: Remark of the plan about it; may be empty.
    """

    input: Path
    output: Path
    state: PlannedState
    reason: str = ""
    kind: type[Exception] | None = None
    size: int = 0
    spec: PlaneSpec | None = None
    frames: int = 0
    middle: float = 0.0
    streams: tuple[str, ...] = ()
    is_damaged: bool = False
    is_begun: bool = False
    continued: tuple[Path, ...] = ()
    note: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files to read, in their order."""
        return self.input, *self.continued

    @property
    def name(self) -> str:
        """Name of the input, for people."""
        return f"{self.input} and {len(self.continued)} more" if self.continued else str(self.input)

    @property
    def megapixels(self) -> float:
        """Millions of pixels of all frames together: the amount of work."""
        return self.frames * self.spec.width * self.spec.height / 1e6 if self.spec else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """All inputs of a batch, in order.

    Attributes:
        videos: Planned videos, one for each input.
        ignored: Files in folders that are no videos by their extension.
        free: Free space for the outputs, in bytes.
    """

    videos: tuple[PlannedVideo, ...]
    ignored: int
    free: int

    def of(self, state: PlannedState) -> list[PlannedVideo]:
        """The videos in one state."""
        return [video for video in self.videos if video.state is state]

    @property
    def files(self) -> list[Path]:
        """Every file that is read or written."""
        return [path for video in self.videos for path in (*video.files, video.output)]

    @property
    def megapixels(self) -> float:
        """Millions of pixels of all frames to do."""
        return sum(video.megapixels for video in self.of(PlannedState.TODO))

    @property
    def bytes_needed(self) -> int:
        """Bytes for the outputs, if they become as large as their inputs, and for the largest one's segments."""
        sizes = [video.size for video in self.of(PlannedState.TODO)]
        return sum(sizes) + max(sizes, default=0)

    def lines(self, speed: float | None) -> list[str]:
        """The plan for people.

        Args:
            speed: Megapixels that are deblurred a second; None if nobody measured.
        """
        lines = [_line(video) for video in self.videos]
        todo = self.of(PlannedState.TODO)
        frames = sum(video.frames for video in todo)
        lines.append(
            f"{count_of(len(self.videos), 'input')}: {len(todo)} to do ({count_of(frames, 'frame')}), "
            f"{len(self.of(PlannedState.FINISHED))} finished before, "
            f"{len(self.of(PlannedState.FAILED))} that can't be done"
        )
        if self.ignored:
            others = count_of(self.ignored, "other file")
            what = "is no video by its" if self.ignored == 1 else "are no videos by their"
            them = "it" if self.ignored == 1 else "them"
            lines.append(f"{others} {what} extension; name {them} to try {them}")
        if todo:
            needed = f"about {filesize.decimal(self.bytes_needed)} on the disk if outputs are as large as inputs"
            lines.append(f"{needed}, {filesize.decimal(self.free)} are free")
        if todo and speed:
            lines.append(f"about {_duration(self.megapixels / speed)} at {speed:.1f} megapixels a second")
        return lines


def make_plan(
    inputs: Sequence[BatchInput],
    outputs: Sequence[Path],
    folder: Path,
    ignored: int,
    options: SourceOptions,
    finished: FinishedOutputs,
    *,
    overwrite: bool,
) -> Plan:
    """Looks at every input. Nothing is written.

    Args:
        inputs: The files to read.
        outputs: Files to write, one for each input.
        folder: Folder of the outputs.
        ignored: Files that are none of the inputs, which the plan lists.
        options: Options that inputs are read with.
        finished: Database of the finished outputs.
        overwrite: Replace outputs that are there and are not those that would be written.
    """
    videos = [
        _look(item, output, options, finished, overwrite=overwrite)
        for item, output in zip(inputs, outputs, strict=True)
    ]
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return Plan(tuple(videos), ignored, shutil.disk_usage(there).free)


def _look(
    item: BatchInput, output: Path, options: SourceOptions, finished: FinishedOutputs, *, overwrite: bool
) -> PlannedVideo:
    video = PlannedVideo(item.path, output, PlannedState.TODO, continued=item.continued, note=item.note)
    try:
        size = size_of(video.files)
        check_name(output)
        if output.exists() and any(file.exists() and output.samefile(file) for file in video.files):
            raise UsageError(f"{output} is the input itself; choose another folder")
        if finished.is_finished(video.files, output):
            return replace(video, state=PlannedState.FINISHED, size=size, is_damaged=finished.was_damaged(output))
        with open_source(item.path, replace(options, continued=item.continued, isolation=None)) as source:
            info = source.info
            frames = info.frame_estimate or round((info.duration or 0) * _GUESSED_RATE)
            video = replace(
                video,
                size=size,
                spec=info.spec,
                frames=frames,
                middle=(info.duration or 0.0) / len(video.files) / 2,
                streams=tuple(describe(stream) for stream in info.copied),
                is_begun=work_folder(output).is_dir(),
            )
    except DeblurError as error:
        return replace(video, state=PlannedState.FAILED, reason=str(error), kind=type(error))
    except OSError as error:
        reason = f"{item.path} can't be read: {error.strerror or error}"
        return replace(video, state=PlannedState.FAILED, reason=reason, kind=InputError)
    if output.exists() and not overwrite and not video.is_begun:
        reason = f"{output} is there, and not made from this input with these options; add `overwrite` to replace it"
        return replace(video, state=PlannedState.FAILED, reason=reason, kind=OutputError)
    return video


def _line(video: PlannedVideo) -> str:
    if video.state is not PlannedState.TODO:
        return f"{video.name}: {without_name(video.reason, video.name) or video.state.value}"
    facts = [count_of(video.frames, "frame") if video.frames else "unknown number of frames"]
    if video.spec:
        facts.append(f"{video.spec.width}x{video.spec.height}")
    facts += [
        f"video + {count_of(len(video.streams), 'other stream')}",
        filesize.decimal(video.size),
    ]
    if video.is_begun:
        facts.append("begun before")
    if video.note:
        facts.append(video.note)
    return f"{video.name} -> {video.output}: {', '.join(facts)}"


def without_name(text: str, name: str) -> str:
    """What a message says of a file, for a line that has named it already.

    Args:
        text: Message, which may begin with the name.
        name: Name of the file.
    """
    rest = text.removeprefix(name)
    return rest.lstrip(": ") if rest != text and rest[:1] in (" ", ":") else text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


class State(Enum):
    """Result of the work on an input."""

    DONE = "done"
    DAMAGED = "done, but the input is damaged"
    FINISHED = "finished before"
    FAILED = "failed"
    NOT_DONE = "not done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one video.

    Attributes:
        video: Video as it was planned.
        state: Result of the work on it.
        report: Report of the run; None if there was none, or it failed.
        error: Reason why it failed, or where the input is damaged; else empty.
        kind: Class of that error; None if there is none.
    """

    video: PlannedVideo
    state: State
    report: Report | None = None
    error: str = ""
    kind: type[Exception] | None = None
