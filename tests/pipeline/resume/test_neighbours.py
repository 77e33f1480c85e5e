"""Segments of an engine that looks at neighbours: cuts, crashes and shares change no sample."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.window.windows import Window
from pipeline.decode.source import VideoSource
from pipeline.engines.load import load_engine
from pipeline.errors import EngineError, UsageError
from pipeline.job import GateOptions, SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.media.frames import plane_rows
from pipeline.resume.cutter import MOST_AHEAD, Cutter
from pipeline.resume.workers import WorkerShare, make_share, read_results
from pipeline.runner.protocols import Neighbour
from pipeline.video import deblur_video
from tests.support.engines import CopyingEngine, WindowEngine
from tests.support.resume import Runner, content_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator
    from pathlib import Path

    from network.planes import PlaneBatch
    from network.window.windows import Windows
    from pipeline.resume.workers import ExpectedOutput, FinishedSegment

pytestmark = pytest.mark.timeout(120)
GROUPS = {"g": "25", "bf": "2", "sc_threshold": "0"}
KEYFRAMES = {"g": "1"}
MILLISECONDS = Fraction(1, 1000)
REPEATED = [-1 - number % 5 for number in range(8)] + [number // 2 for number in range(41, 125)]
"""Blurred pictures, then each of the others twice: segments of 25 frames end between pairs, and between the two of
one."""

CLIPS: dict[str, dict[str, Any]] = {
    "groups": {"options": GROUPS},
    "open groups": {"options": {**GROUPS, "bf": "3", "x264-params": "open-gop=1"}},
    "one group": {"options": {"g": "1000", "sc_threshold": "0"}},
    "gap between segments": {
        "options": GROUPS,
        "time_base": MILLISECONDS,
        "times": [40 * i + (300 if i >= 25 else 0) + (101 if i >= 50 else 0) for i in range(90)],
    },
    "uneven": {
        "options": GROUPS,
        "time_base": MILLISECONDS,
        "times": [40 * i + i * i * 7 % 23 + 90 * (i // 13) for i in range(90)],
    },
}


@pytest.fixture
def case(make_clip: Callable[..., Path], tmp_path: Path) -> Callable[..., Runner]:
    """A clip of 90 frames with sound, and a runner that loses no sample of what the engine makes."""

    def make(name: str = "groups", **changes: Any) -> Runner:
        clip = make_clip(tmp_path / "clip.mkv", **{"frames": 90, **CLIPS.get(name, {}), **changes})
        return Runner(clip, tmp_path / "out.mkv", SinkOptions(codec="ffv1"))

    return make


def made(run: Runner, **how: Any) -> Any:
    """What a run writes; the output is deleted."""
    run.run(engine=WindowEngine(), **how)
    content = content_of(run.output)
    run.output.unlink()
    return content


@pytest.mark.parametrize("name", CLIPS)
def test_segments_of_any_length_hold_the_samples_of_one_piece(case: Callable[..., Runner], name: str) -> None:
    run = case(name)
    whole = made(run, one_piece=True)
    assert len(whole["video"]) == 90
    for seconds in (0.5, 1.0, 1.7):
        engine = WindowEngine(batch=2)
        run.run(engine=engine, seconds=seconds)
        assert engine.resets > 1
        assert content_of(run.output) == whole
        run.output.unlink()


def test_a_gap_between_segments_parts_them(case: Callable[..., Runner]) -> None:
    lossless = {"codec": "ffv1", "options": KEYFRAMES}
    with_gap = made(case("gap between segments", **lossless))["video"]
    without = made(case(**lossless))["video"]
    differ = [n for n, (one, other) in enumerate(zip(with_gap, without, strict=True)) if one[2] != other[2]]
    assert differ == [24, 25, 49, 50]


def fail_at(frame: int) -> WindowEngine:
    """An engine that breaks down at a frame."""

    def look(number: int) -> None:
        if number == frame:
            raise EngineError("no more memory")

    return WindowEngine(before=look)


CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "part": {"source": SourceOptions(start=0.2, duration=3.3)},
    "repeated": {"gate": GateOptions()},
    "sharp": {"gate": GateOptions(sharp=0.9)},
    "sharp, every frame": {"gate": GateOptions(duplicates=False, sharp=0.9)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_crash_in_any_segment_changes_nothing(case: Callable[..., Runner], name: str) -> None:
    is_gated = "gate" in CHANGES[name]
    run = case(codec="ffv1", options=KEYFRAMES, shown=REPEATED[:90]) if is_gated else case()
    run.changes = CHANGES[name]
    report, whole, _ = run.run(engine=WindowEngine())
    expected = content_of(run.output)
    run.output.unlink()
    assert (report.result.sharp > 0) == ("sharp" in name)
    assert (report.result.duplicates > 0) == (name in {"repeated", "sharp"})
    kept = set()
    for frame in (3, whole.frames // 2, whole.frames - 3):
        with pytest.raises(EngineError):
            run.run(engine=fail_at(frame))
        report, *_ = run.run(engine=WindowEngine())
        assert content_of(run.output) == expected
        run.output.unlink()
        kept.add(report.kept)
    assert len(kept) > 1


def test_a_segment_between_two_that_are_kept_has_them_for_neighbours(case: Callable[..., Runner]) -> None:
    run = case(frames=110)
    expected = made(run)
    for number in (0, 2):
        with pytest.raises(EngineError):
            run.run(engine=fail_at(105))
        (run.work / f"{number:06}.segment").unlink()
        engine = WindowEngine()
        run.run(engine=engine)
        assert engine.frames == 25 + 10
        assert content_of(run.output) == expected
        run.output.unlink()


@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_files_that_continue_each_other_are_resumed_as_one(
    case: Callable[..., Runner], make_clip: Callable[..., Path], tmp_path: Path, seconds: float
) -> None:
    later = make_clip(tmp_path / "later.mkv", frames=70, shown=range(90, 160), options=GROUPS)
    run = case()
    run.changes["source"] = SourceOptions(continued=(later,))
    expected = made(run, one_piece=True)
    assert len(expected["video"]) == 160
    for frame in (88, 95):
        with pytest.raises(EngineError):
            run.run(engine=fail_at(frame), seconds=seconds)
        assert made(run, seconds=seconds) == expected


@pytest.mark.parametrize("shares", [2, 3])
@pytest.mark.parametrize("name", ["repeated", "sharp", "part"])
def test_shares_of_several_workers_change_nothing(case: Callable[..., Runner], name: str, shares: int) -> None:
    class Workers:
        def make(
            self, job: VideoJob, wanted: ExpectedOutput, _seconds: float | None, done: Collection[int]
        ) -> Generator[list[FinishedSegment]]:
            for number in range(shares):
                yield [
                    found
                    for found in make_share(job, wanted, WindowEngine, WorkerShare(number, shares), done)
                    if found.record.number % shares == number
                ]
            assert len(read_results(run.work)) > 2

    run = case(codec="ffv1", options=KEYFRAMES, shown=REPEATED[:90])
    run.changes = CHANGES[name]
    expected = made(run)
    here = WindowEngine()
    job = VideoJob(run.clip, run.output, sink=run.sink, segments=SegmentOptions(seconds=1.0), **run.changes)
    deblur_video(job, lambda: here, workers=Workers())
    assert here.frames == 0
    assert content_of(run.output) == expected


def test_the_shipped_network_makes_the_same_in_one_piece_in_segments_and_after_a_crash(
    case: Callable[..., Runner],
) -> None:
    real = load_engine("openvino", precision="fp32", threads=1)
    assert real.info.window == Window(1, 1)

    class Failing:
        """Breaks down at a frame; else the engine itself."""

        def __init__(self, frame: int | None = None) -> None:
            self.info, self.buffers, self.reset = real.info, real.buffers, real.reset
            self.left = frame

        def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows) -> None:
            if self.left is not None:
                self.left -= len(windows)
                if self.left < 0:
                    raise EngineError("no more memory")
            real.run(batch, out, windows)

    run = case(
        "gap between segments", codec="ffv1", options=KEYFRAMES, frames=60, times=None, shown=[*range(40), *range(20)]
    )
    job = VideoJob(run.clip, run.output, sink=run.sink)
    found = []
    for segments, crash in ((None, None), (SegmentOptions(seconds=1.0), 55), (SegmentOptions(seconds=0.7), 30)):
        if crash is not None:
            with pytest.raises(EngineError, match="run the same again"):
                deblur_video(replace(job, segments=segments), lambda crash=crash: Failing(crash))  # type: ignore[misc]
        deblur_video(replace(job, segments=segments), Failing)
        found.append(content_of(run.output))
        run.output.unlink()
    assert found[0] == found[1] == found[2]


def test_an_engine_with_another_window_is_another_engine(case: Callable[..., Runner]) -> None:
    run = case()
    with pytest.raises(EngineError):
        run.run(engine=fail_at(60))
    info = WindowEngine().info
    other = CopyingEngine(replace(info, window=Window()))
    with pytest.raises(UsageError, match="another engine or network"):
        run.run(engine=other)


def pictures_of(segments: Iterator[Iterator[Any]]) -> list[list[tuple[bool, int | None, bytes]]]:
    """Whether it is beside the segment, time and luma of every frame. What is no neighbour is overwritten then."""
    found: list[list[tuple[bool, int | None, bytes]]] = []
    for segment in segments:
        found.append([])
        for event in segment:
            if isinstance(event, av.Packet):
                continue
            frame = event.frame if isinstance(event, Neighbour) else event
            found[-1].append((isinstance(event, Neighbour), frame.pts, plane_rows(frame, 0).tobytes()))
            if frame is event:
                frame.make_writable()
                plane_rows(frame, 0)[...] = 1
    return found


@pytest.mark.parametrize("window", [Window(1, 1), Window(2, 3), Window(1, 0), Window(0, 1)], ids=str)
def test_segments_come_with_the_frames_beside_them(case: Callable[..., Runner], window: Window) -> None:
    clip = case().clip
    with VideoSource(clip) as source:
        plain = pictures_of(Cutter(source.events(), 1.0).segments())
    with VideoSource(clip) as source:
        found = pictures_of(Cutter(source.events(), 1.0, window).segments())
    assert [[row for row in segment if not row[0]] for segment in found] == plain
    assert len(plain) == 4
    every = [row for segment in plain for row in segment]
    place = 0
    for segment, own in zip(found, plain, strict=True):
        before = every[max(place - window.before, 0) : place]
        place += len(own)
        after = every[place : place + window.after]
        beside = [[(True, *row[1:]) for row in rows] for rows in (before, after)]
        assert segment == [*beside[0], *own, *beside[1]]


def test_packets_between_frames_are_not_gathered_without_end() -> None:
    read = 0

    def events() -> Iterator[av.VideoFrame | av.Packet]:
        nonlocal read
        for number in range(40):
            frame = av.VideoFrame(16, 16, "gray")
            plane_rows(frame, 0)[...] = np.uint8(number)
            frame.pts, frame.time_base = number, Fraction(1)
            yield frame
            for _ in range(4 * MOST_AHEAD if number == 15 else 1):
                read += 1
                yield av.Packet(b"sound")

    given = most = 0
    segments: list[list[int]] = []
    for segment in Cutter(events(), 16.0, Window(1, 1)).segments():
        segments.append([])
        for event in segment:
            if isinstance(event, av.Packet):
                given += 1
                most = max(most, read - given)
            else:
                frame = event.frame if isinstance(event, Neighbour) else event
                segments[-1].append(int(plane_rows(frame, 0)[0, 0]))
    assert most <= MOST_AHEAD
    assert segments == [[*range(33)], [*range(31, 40)]]
