"""Deblurs stretches of a video with one setting or several, and collects what a page shows of them."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.compare.film import Film
from pipeline.pages.picture import encode
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.job import SourceOptions, VideoJob
    from pipeline.pages.picture import Encoded
    from pipeline.progress import Display
    from pipeline.runner.protocols import Engine
    from pipeline.sample.search import Stretch

FRAMES = 30
"""Frames of all stretches that a page shows, at most."""

PICTURE_BYTES = 20_000_000
"""Size of all pictures of a page together, at most; as text in the page they take a third more."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to deblur.

    Attributes:
        name: Name for people, such as ``strength 0.7``.
        load: Function that makes its engine.
    """

    name: str
    load: Callable[[], Engine]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a setting did.

    Attributes:
        name: Name of the setting.
        frames: Frames that were deblurred.
        seconds: Seconds that this took, without loading the engine and what it compiles at first.
        length: Seconds of video that they are.
        size: Bytes that they take in the output.
        backend: What deblurred them, for people.
    """

    name: str
    frames: int
    seconds: float
    length: float
    size: int
    backend: str

    def time_for(self, duration: float) -> float:
        """Seconds that a video of this many seconds would take."""
        return self.seconds * duration / self.length

    def size_for(self, duration: float) -> float:
        """Bytes that the output of a video of this many seconds would have."""
        return self.size * duration / self.length


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that is shown.

    Attributes:
        time: Seconds from the beginning of the video.
        pictures: The frame as it was, and as each setting makes it.
    """

    time: float
    pictures: tuple[Encoded, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a page shows.

    Attributes:
        stretches: The stretches, in the order of time.
        moments: Frames of each stretch.
        tried: What each setting did over all stretches.
    """

    stretches: tuple[Stretch, ...]
    moments: tuple[tuple[Moment, ...], ...]
    tried: tuple[Tried, ...]


def sample(job: VideoJob, stretches: Sequence[Stretch], settings: Sequence[Setting], display: Display) -> Sample:
    """Deblurs stretches of a video with each setting.

    Args:
        job: How the whole video would be deblurred; its input and output are files, and nothing is written to them.
        stretches: The stretches.
        settings: The settings, one at least.
        display: Display of the progress.

    Raises:
        EngineError: If an engine can't be loaded or fails.
        InputError: If the video can't be read.
        UsageError: If the options make no sense.
    """
    per_stretch = max(FRAMES // len(stretches), 2)
    limit = PICTURE_BYTES // (per_stretch * len(stretches) * (1 + len(settings)))
    assert isinstance(job.output, Path)
    with tempfile.TemporaryDirectory(prefix="deblur-sample-") as folder:
        places, suffix = range(len(stretches)), job.output.suffix
        outputs = [[Path(folder, f"{number}-{place}{suffix}") for place in places] for number in range(len(settings))]
        tried = [_try(job, stretches, *each, display) for each in zip(outputs, settings, strict=True)]
        moments = [
            tuple(_moments(job, stretch, made, per_stretch, limit))
            for stretch, *made in zip(stretches, *outputs, strict=True)
        ]
    return Sample(tuple(stretches), tuple(moments), tuple(tried))


def _try(
    job: VideoJob, stretches: Sequence[Stretch], outputs: Sequence[Path], setting: Setting, display: Display
) -> Tried:
    engine = setting.load()
    frames, seconds, length, size = 0, 0.0, 0.0, 0
    for place, (stretch, output) in enumerate(zip(stretches, outputs, strict=True)):
        source, sink = _source(job.source, stretch), replace(job.sink, overwrite=True)
        part = replace(job, output=output, source=source, sink=sink, segments=None, keep_text=False)
        if place == 0:  # compiles for the size of these frames, which the whole video would do once
            deblur_video(replace(part, source=replace(source, duration=0.01)), lambda: engine)
        started = time.perf_counter()
        report = deblur_video(part, lambda: engine, display)
        seconds += time.perf_counter() - started
        frames += report.result.frames_out
        length += stretch.length
        size += output.stat().st_size
    info = engine.info
    return Tried(setting.name, frames, seconds, length, size, f"{info.network} ({info.precision}) by {info.backend}")


def _moments(job: VideoJob, stretch: Stretch, outputs: Sequence[Path], count: int, limit: int) -> Iterator[Moment]:
    """Frames of a stretch at equal distances, as they were and as each setting made them."""
    source = _source(job.source, stretch)
    assert isinstance(job.input, Path)
    before = Film(job.input, source)
    films = [before, *(Film(output, replace(source, start=None, duration=None, format=None)) for output in outputs)]
    try:
        estimate = before.source.info.frame_estimate or count
        step = max(-(-estimate // count), 1)
        first: Fraction | None = None
        for number, row in enumerate(zip(*(film.frames() for film in films), strict=False)):
            first = row[0].time if first is None else first
            if number // step >= count:
                break
            if number % step:
                continue
            pictures: list[NDArray[np.uint8]] = [
                film.picture(timed.value, before.size) for film, timed in zip(films, row, strict=True)
            ]
            yield Moment(stretch.start + float(row[0].time - first), tuple(encode(pictures, limit)))
    finally:
        for film in films:
            film.source.close()


def _source(options: SourceOptions, stretch: Stretch) -> SourceOptions:
    return replace(options, start=stretch.start, duration=stretch.length)
