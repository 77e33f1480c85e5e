"""Segments that other processes make: shares of an input, and what they are joined to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.encode.output_file import work_folder
from pipeline.errors import DeblurError, EngineError, OutputError
from pipeline.job import SegmentOptions, VideoJob
from pipeline.resume.work_folder import WorkFolder
from pipeline.resume.workers import ExpectedOutput, FinishedSegment, WorkerShare, make_share, read_results
from pipeline.video import deblur_video
from tests.support.engines import CopyingEngine, InvertingEngine, WindowEngine
from tests.support.resume import Runner, content_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator
    from pathlib import Path


pytestmark = pytest.mark.timeout(120)
GROUPS = {"g": "25", "bf": "2", "sc_threshold": "0"}


@dataclass
class Workers:
    """Makes shares one after the other in this process; ``deaths`` end a worker behind so many segments."""

    make_engine: Callable[[], Any]
    shares: int = 2
    deaths: deque[int] = field(default_factory=deque)
    spoil: bool = False
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def make(
        self, job: VideoJob, wanted: ExpectedOutput, seconds: float | None, done: Collection[int]
    ) -> Generator[list[FinishedSegment]]:
        assert seconds == pytest.approx(110 / 25)
        self.seen.append(tuple(done))
        folder = work_folder(job.output)  # type: ignore[arg-type]
        known: set[int] = set(done)
        waiting = [WorkerShare(number, self.shares) for number in range(self.shares)]
        while waiting:
            share = waiting.pop()
            try:
                make_share(job, wanted, self._engine, share, done, self._look(folder))
            except SystemExit:
                waiting.append(share)
            found = [made for made in read_results(folder) if made.record.number not in known]
            known |= {made.record.number for made in found}
            if self.spoil:
                (folder / "000001.segment").write_bytes(b"")
            yield found

    def _engine(self) -> Any:
        return self.make_engine()

    def _look(self, folder: Path) -> Callable[[object], None]:
        limit = self.deaths.popleft() if self.deaths else None

        def look(_progress: object) -> None:
            if limit is not None and len(read_results(folder)) >= limit:
                raise SystemExit

        return look


@pytest.fixture
def case(make_clip: Callable[..., Path], tmp_path: Path) -> Runner:
    """A clip of 110 frames with sound, in segments of a second."""
    return Runner(make_clip(tmp_path / "clip.mp4", frames=110, options=GROUPS), tmp_path / "out.mp4")


def undisturbed(case: Runner, engine: CopyingEngine | None = None) -> tuple[Any, Any]:
    """The report of a run without workers, and the content of its output, which is deleted."""
    report, *_ = case.run(engine=engine)
    content = content_of(case.output)
    case.output.unlink()
    return report, content


def deblur(case: Runner, workers: Any, load: Callable[[], Any]) -> Any:
    job = VideoJob(case.clip, case.output, segments=SegmentOptions(seconds=1.0))
    return deblur_video(job, load, workers=workers)


@pytest.mark.parametrize("shares", [1, 2, 3, 8])
@pytest.mark.parametrize("make_engine", [InvertingEngine, WindowEngine])
def test_shares_joined_are_what_one_run_writes(
    case: Runner, shares: int, make_engine: Callable[[], CopyingEngine]
) -> None:
    whole, expected = undisturbed(case, make_engine())
    here = make_engine()
    report = deblur(case, Workers(make_engine, shares), lambda: here)
    assert content_of(case.output) == expected
    assert here.frames == 0
    assert report.kept == 0
    assert report.result.frames_out == 110
    assert report.result.packets == whole.result.packets
    assert report.result.infer.busy > 0
    assert not case.work.exists()


@pytest.mark.parametrize("make_engine", [InvertingEngine, WindowEngine])
def test_a_worker_that_dies_is_replaced_by_one_that_goes_on(
    case: Runner, make_engine: Callable[[], CopyingEngine]
) -> None:
    _, expected = undisturbed(case, make_engine())
    engines: list[CopyingEngine] = []

    def engine() -> CopyingEngine:
        engines.append(make_engine())
        return engines[-1]

    workers = Workers(engine, 2, deque([1]))
    deblur(case, workers, make_engine)
    assert content_of(case.output) == expected
    assert len(engines) == 3
    assert 110 < sum(engine.frames for engine in engines) < 2 * 110


def test_what_an_interrupted_run_finished_is_nobodys_work(case: Runner) -> None:
    _, expected = undisturbed(case)
    with pytest.raises(KeyboardInterrupt):
        case.run(60)
    workers = Workers(InvertingEngine)
    report = deblur(case, workers, InvertingEngine)
    assert content_of(case.output) == expected
    assert workers.seen[0][0] == 0
    assert report.kept >= 25


@pytest.mark.parametrize("make_engine", [InvertingEngine, WindowEngine])
def test_a_segment_that_arrives_damaged_is_made_here(case: Runner, make_engine: Callable[[], CopyingEngine]) -> None:
    _, expected = undisturbed(case, make_engine())
    here = make_engine()
    deblur(case, Workers(make_engine, spoil=True), lambda: here)
    assert content_of(case.output) == expected
    assert here.frames == 25


def test_a_worker_that_fails_fails_the_video_and_what_is_finished_is_kept(case: Runner) -> None:
    class Failing:
        def make(
            self, job: VideoJob, wanted: ExpectedOutput, seconds: float | None, done: Collection[int]
        ) -> Generator[list[FinishedSegment]]:
            assert not done
            assert seconds
            yield make_share(job, wanted, InvertingEngine, WorkerShare(0, 2), ())
            raise EngineError("on n2: no memory")

    with pytest.raises(EngineError, match=r"on n2: no memory; 3 segments are finished: run the same again"):
        deblur(case, Failing(), InvertingEngine)
    assert not case.output.exists()
    with WorkFolder(case.output) as work:
        assert sorted(work.whole()) == [0, 2, 4]


def test_a_machine_that_does_not_see_the_folder_says_so(case: Runner) -> None:
    job = VideoJob(case.clip, case.output, segments=SegmentOptions(seconds=1.0))
    with pytest.raises(OutputError, match="the same folders have to be there on every machine"):
        make_share(job, ExpectedOutput("", "", b""), InvertingEngine, WorkerShare(0, 1), ())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content": "00"}, "is another file here than on the machine that joins the segments"),
        ({"header": b"threads=64"}, "libx264 would not do here what libx264 does on the machine that joins"),
        ({"encoder": "h264_nvenc"}, "libx264 would not do here what h264_nvenc does on the machine that joins"),
    ],
)
def test_a_machine_whose_segments_would_not_fit_says_so(case: Runner, changes: dict[str, Any], message: str) -> None:
    class Wrong:
        def make(
            self, job: VideoJob, wanted: ExpectedOutput, seconds: float | None, done: Collection[int]
        ) -> Generator[list[FinishedSegment]]:
            assert seconds
            yield make_share(job, replace(wanted, **changes), InvertingEngine, WorkerShare(0, 1), done)

    with pytest.raises(DeblurError, match=message):
        deblur(case, Wrong(), InvertingEngine)
    assert not case.output.exists()
    assert not case.work.exists()


def test_a_note_that_is_not_written_to_its_end_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "000001.made").write_text('{"record": {"number": 1')
    (tmp_path / "000002.made").write_text('{"record": {"number": 2}, "busy": {}}')
    (tmp_path / "000003.made").touch()
    assert read_results(tmp_path) == []
