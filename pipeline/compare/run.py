"""A comparison from beginning to end: each video is read once, in little memory however long it is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from network.counting import count_of, have, were
from network.names import printable
from pipeline.compare.film import Film
from pipeline.compare.findings import Findings
from pipeline.compare.layouts import Composer, Layout
from pipeline.compare.match import Timed, matched
from pipeline.compare.measure import measures
from pipeline.compare.page import page
from pipeline.encode.output_file import check_output
from pipeline.encode.sink import VideoSink
from pipeline.errors import InputError
from pipeline.job import SinkOptions, SourceOptions
from pipeline.pages.document import write_document
from pipeline.pages.picture import is_padded
from pipeline.progress import SilentDisplay
from pipeline.runner.timing import RunProgress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import av

    from pipeline.progress import Display

    Moment = tuple[Timed[av.VideoFrame], Timed[av.VideoFrame], Timed[av.VideoFrame] | None]

NAMES = ("before", "after", "sharp")
"""Names of the videos in pictures, pages and tables."""

_UNKNOWN_INTERVAL = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class CompareJob:
    """What to compare, and what to make of it.

    Attributes:
        before: The video as it was.
        after: What became of it.
        truth: The sharp video that ``after`` should be like; None for none.
        output: Video to write; None for none.
        layout: Arrangement of that video.
        page: Page to write; None for none.
        source: How all of them are read; start and duration are those of ``before``.
        sink: How the output is written; ``overwrite`` holds for the page too.
        offset: Seconds that are added to the times of ``after``: where ``before`` is as ``after`` begins, if ``after``
            was cut out of it and begins at zero.
        every: Of how many frames one is measured, at least 1.
    """

    before: Path
    after: Path
    truth: Path | None = None
    output: Path | None = None
    layout: Layout = Layout.SIDE
    page: Path | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    sink: SinkOptions = field(default_factory=SinkOptions)
    offset: float = 0.0
    every: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What a comparison found.

    Attributes:
        findings: Figures and frames.
        frames: Number of frames of ``before`` that have one of ``after``.
        lines: What the user should know, one line each.
        damage: Places where the videos are damaged, one line each.
    """

    findings: Findings
    frames: int
    lines: tuple[str, ...]
    damage: tuple[str, ...]


def compare(job: CompareJob, display: Display | None = None) -> Comparison:
    """Compares videos.

    Args:
        job: What to compare, and what to write.
        display: Display of the progress; None shows nothing.

    Raises:
        InputError: If a video can't be read, or the videos have no frame of the same time.
        OutputError: If an output can't be written.
        UsageError: If the options make no sense.
    """
    display = display or SilentDisplay()
    inputs = [path for path in (job.before, job.after, job.truth) if path is not None]
    for output in (job.output, job.page):
        for path in inputs if output is not None else ():
            check_output(output, path, overwrite=job.sink.overwrite)  # type: ignore[arg-type]
    with contextlib.ExitStack() as stack:
        films = _open(job, inputs, stack)
        names = NAMES[: len(films)]
        size = films[0].size
        taken = measures(size) if job.truth is not None else ()
        findings = Findings(names, taken, keeps_pictures=job.page is not None)
        composer = Composer(job.layout, films, names) if job.output is not None else None
        sink = VideoSink(job.output, composer.info(), job.sink) if composer and job.output else None
        if sink is not None:
            stack.callback(sink.abandon)  # after a complete run there is nothing to abandon
        pairing = _Pairing(films, sink)
        notes = [*films[0].source.notes, *(sink.notes if sink else [])]
        display.begin(films[0].source.info.name, films[0].source.info.frame_estimate, notes)
        stack.callback(display.end)
        for moment in pairing.moments():
            frames = [None if one is None else one.value for one in moment]
            if composer is not None and sink is not None:
                sink.write_frame(composer.compose(frames))
            if (pairing.frames - 1) % job.every == 0:
                seen = zip(films, frames, strict=False)
                pictures = [None if frame is None else film.picture(frame, size) for film, frame in seen]
                findings.see(float(moment[0].time), pictures)
            display.update(RunProgress(pairing.frames, float(moment[0].time - films[0].first_time)))
        if not pairing.frames:
            raise _nothing_matches(films)
        if sink is not None:
            sink.finish()
        lines = (*_size_lines(films, names), *pairing.lines(names))
        damage = [f"{film.source.info.name}: {place}" for film in films for place in film.source.damage]
    if job.page is not None:
        title = printable(f"{job.before.name} and {job.after.name}")
        write_document(job.page, page(title, findings, [printable(line) for line in (*lines, *damage)]))
    return Comparison(findings, pairing.frames, lines, tuple(damage))


def _open(job: CompareJob, inputs: Sequence[Path], stack: contextlib.ExitStack) -> list[Film]:
    films = []
    for number, path in enumerate(inputs):
        shift, options = Fraction(0), job.source
        if number == 1:
            shift = Fraction(str(job.offset))
            options = replace(options, start=None if options.start is None else max(options.start - job.offset, 0.0))
        film = Film(path, options, shift)
        stack.callback(film.source.close)
        films.append(film)
    return films


class _Pairing:
    """Finds the moments that videos share, and counts what has no other.

    Attributes:
        frames: Number of moments so far.
    """

    def __init__(self, films: Sequence[Film], sink: VideoSink | None) -> None:
        self._films, self._sink = films, sink
        self._tolerance = (films[0].source.info.interval or _UNKNOWN_INTERVAL) / 2
        self._alone = [0, 0]
        self._without_truth = 0
        self.frames = 0

    def moments(self) -> Iterator[Moment]:
        """Yields the frames of each moment, that of the truth None where it has none."""
        pairs = self._pairs()
        if len(self._films) < 3:
            for pair in pairs:
                self.frames += 1
                yield (*pair.value, None)
            return
        for pair_or_none, sharp in matched(pairs, self._films[2].frames(), self._tolerance):
            if pair_or_none is None:
                continue
            self.frames += 1
            self._without_truth += sharp is None
            yield (*pair_or_none.value, sharp)

    def lines(self, names: Sequence[str]) -> list[str]:
        """What had no other, one line each."""
        lines = [
            f"{count_of(count, 'frame')} of {names[number]} {have(count)} none of {names[1 - number]} at the same time "
            f"and {were(count)} left out"
            for number, count in enumerate(self._alone)
            if count
        ]
        if count := self._without_truth:
            lines.append(f"{count_of(count, 'frame')} {have(count)} none of {names[2]} at the same time")
        return lines

    def _pairs(self) -> Iterator[Timed[tuple[Timed[av.VideoFrame], Timed[av.VideoFrame]]]]:
        before = self._films[0].frames(self._sink.write_packet if self._sink else lambda _packet: None)
        for one, other in matched(before, self._films[1].frames(), self._tolerance):
            if one is not None and other is not None:
                yield Timed(one.time, (one, other))
            else:
                self._alone[one is None] += 1


def _nothing_matches(films: Sequence[Film]) -> InputError:
    first, second = films[0].first_time, films[1].first_time - films[1].shift
    begins = f"they begin at {float(second):.3f} and {float(first):.3f} s"
    return InputError(
        f"no frame of {films[1].source.info.name} has the time of one of {films[0].source.info.name}: {begins}; if "
        f"both show the same, give `offset` {float(first - second):.3f}",
        field="offset",
    )


def _size_lines(films: Sequence[Film], names: Sequence[str]) -> Iterator[str]:
    first = films[0].size
    for film, name in zip(films[1:], names[1:], strict=True):
        if film.size != first and not is_padded(film.size, first):
            width, height = film.size
            yield f"{name} is {width}x{height}; it was scaled to {first[0]}x{first[1]}, that of {names[0]}"
