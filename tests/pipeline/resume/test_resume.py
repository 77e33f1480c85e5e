"""Interrupted runs and those that go on: what comes out is what an undisturbed run writes."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import Cancelled, EngineError, OutputError, UsageError
from pipeline.job import GateOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.resume.manifest import NAME
from pipeline.video import deblur_video
from tests.support.engines import InvertingEngine
from tests.support.notes import codes
from tests.support.resume import Runner, content_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.timeout(120)
GROUPS = {"g": "25", "bf": "2", "sc_threshold": "0"}
OPEN_GROUPS = {**GROUPS, "bf": "3", "x264-params": "open-gop=1"}
CLIPS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"options": GROUPS},
    "open.mp4": {"options": OPEN_GROUPS},
    "one.mkv": {"options": {"g": "1000", "sc_threshold": "0"}},
    "uneven.mkv": {
        "options": GROUPS,
        "time_base": Fraction(1, 1000),
        "times": [40 * i + i * i * 7 % 23 for i in range(80)],
    },
    "counted.avi": {"codec": "mpeg4", "audio": "mp2"},
    "vp9.webm": {"codec": "libvpx-vp9", "audio": "libopus", "options": {"deadline": "realtime", "cpu-used": "8"}},
}


@pytest.fixture
def case(make_clip: Callable[..., Path], tmp_path: Path) -> Callable[..., Runner]:
    """A clip of 80 frames with sound, and a runner for it."""

    def make(name: str = "h264.mp4", **changes: Any) -> Runner:
        clip = make_clip(tmp_path / name, **{"frames": 80, **CLIPS.get(name, {}), **changes})
        return Runner(clip, tmp_path / f"out{clip.suffix}")

    return make


def interrupt(case: Runner, after: int) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        case.run(after)
    assert "run the same again to go on, or add `segments.fresh` to start over" in caught.value.__notes__[0]
    assert not case.output.exists()
    assert case.work.is_dir()


@pytest.mark.parametrize("name", CLIPS)
def test_segments_keep_what_one_piece_keeps(case: Callable[..., Runner], name: str) -> None:
    run = case(name)
    whole, *_ = run.run(one_piece=True)
    expected = content_of(run.output)
    run.output.unlink()
    report, engine, _ = run.run()
    found = content_of(run.output)
    assert engine.resets > 1
    assert engine.frames == len(expected["video"]) == report.result.frames_out
    assert [time for time, *_ in found.pop("video")] == [time for time, *_ in expected.pop("video")]
    assert found == expected
    assert report.result.packets == whole.result.packets
    assert not run.work.exists()


@pytest.mark.parametrize("name", ["open.mp4", "counted.avi"])
def test_a_resumed_run_writes_what_an_undisturbed_one_writes(case: Callable[..., Runner], name: str) -> None:
    run = case(name, frames=110)
    run.run()
    expected = content_of(run.output)
    run.output.unlink()
    interrupt(run, 60)
    report, engine, notes = run.run()
    assert content_of(run.output) == expected
    assert report.kept > 0
    assert engine.frames == 110 - report.kept
    assert NoteCode.WORK_RESUMED in codes(notes)
    assert report.result.frames_out == 110
    assert f"had finished: {report.kept}" in report.summary()
    assert not run.work.exists()


def test_where_the_run_was_interrupted_does_not_matter_to_frames_that_pass(case: Callable[..., Runner]) -> None:
    run = case(frames=80, times=list(range(80)))
    run.changes = {"gate": GateOptions(sharp=0.99)}
    undisturbed, *_ = run.run()
    expected = content_of(run.output)
    run.output.unlink()
    interrupt(run, 40)
    resumed, *_ = run.run()
    assert content_of(run.output) == expected
    assert resumed.result.sharp == undisturbed.result.sharp > 0


def test_a_part_of_a_file_is_resumed(case: Callable[..., Runner]) -> None:
    run = case(frames=110)
    run.changes = {"source": SourceOptions(start=0.5, duration=3.5)}
    run.run()
    expected = content_of(run.output)
    run.output.unlink()
    interrupt(run, 60)
    run.run()
    assert content_of(run.output) == expected
    assert expected["video"][0][0] == 0


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_truncated_segment_is_done_again(case: Callable[..., Runner], keep: float) -> None:
    run = case(frames=110)
    run.run()
    expected = content_of(run.output)
    run.output.unlink()
    interrupt(run, 90)
    first = min(run.work.glob("*.segment"))
    first.write_bytes(first.read_bytes()[: int(keep * first.stat().st_size)])
    report, engine, notes = run.run()
    assert content_of(run.output) == expected
    assert NoteCode.SEGMENT_DAMAGED in codes(notes)
    assert report.kept > 0
    assert engine.frames == 110 - report.kept


def test_a_flipped_bit_in_a_segment_is_found(case: Callable[..., Runner]) -> None:
    run = case(frames=110)
    run.run()
    expected = content_of(run.output)
    run.output.unlink()
    interrupt(run, 60)
    first = min(run.work.glob("*.segment"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    run.run()
    assert content_of(run.output) == expected


def test_a_damaged_manifest_costs_the_work_and_nothing_else(case: Callable[..., Runner]) -> None:
    run = case()
    interrupt(run, 60)
    manifest = run.work / NAME
    manifest.write_bytes(manifest.read_bytes()[:5000])
    report, engine, notes = run.run()
    assert NoteCode.WORK_DISCARDED in codes(notes)
    assert (report.kept, engine.frames) == (0, 80)
    assert not run.work.exists()


def test_a_segment_of_other_frames_than_the_input_has_now_is_done_again(case: Callable[..., Runner]) -> None:
    run = case(frames=110)
    run.run()
    expected = content_of(run.output)
    run.output.unlink()
    interrupt(run, 90)
    database = sqlite3.connect(run.work / NAME)
    with database:
        database.execute("UPDATE segments SET last_pts = last_pts + 1 WHERE number = 1")
    database.close()
    report, _, _ = run.run()
    assert content_of(run.output) == expected
    assert report.kept == 25


def test_other_options_are_refused_and_fresh_starts_over(case: Callable[..., Runner]) -> None:
    run = case()
    interrupt(run, 60)
    before = sorted(path.name for path in run.work.glob("*.segment"))
    with pytest.raises(UsageError, match="with another engine or network; run it the same way"):
        run.run(engine=InvertingEngine(replace(InvertingEngine.info, digest="cd")))
    run.sink = SinkOptions(crf=30)
    with pytest.raises(UsageError, match="another encoder or setting of it"):
        run.run()
    assert sorted(path.name for path in run.work.glob("*.segment")) == before
    report, engine, _ = run.run(fresh=True)
    assert (report.kept, engine.frames) == (0, 80)


def test_another_input_under_the_same_name_is_refused(
    case: Callable[..., Runner], make_clip: Callable[..., Path]
) -> None:
    run = case()
    interrupt(run, 60)
    make_clip(run.clip, frames=70, options=GROUPS)
    with pytest.raises(UsageError, match="with another"):
        run.run()


def test_an_output_that_is_there_stays_until_the_new_one_is_complete(case: Callable[..., Runner]) -> None:
    run = case()
    run.output.write_bytes(b"the result of yesterday")
    with pytest.raises(OutputError, match="exists; add `overwrite`"):
        run.run()
    assert not run.work.exists()
    run.sink = SinkOptions(overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        run.run(60)
    assert run.output.read_bytes() == b"the result of yesterday"
    report, *_ = run.run()
    assert report.kept > 0
    assert run.output.stat().st_size > 1000


def test_a_run_that_ended_between_naming_and_tidying_is_completed(case: Callable[..., Runner]) -> None:
    run = case()
    interrupt(run, 60)
    database = sqlite3.connect(run.work / NAME)
    with database:
        database.execute("INSERT INTO facts VALUES ('joined', '1')")
    database.close()
    run.output.write_bytes(b"as complete as one likes")
    run.run()
    assert len(content_of(run.output)["video"]) == 80
    assert not run.work.exists()


def test_nothing_is_left_where_nothing_was_finished(case: Callable[..., Runner]) -> None:
    run = case()
    with pytest.raises(KeyboardInterrupt) as caught:
        run.run(1)
    assert caught.value.__notes__ == [f"{run.output} was not written"]
    assert not run.work.exists()
    assert not run.output.exists()


def test_a_cancelled_run_ends_its_threads_and_goes_on_later(case: Callable[..., Runner]) -> None:
    run = case(frames=110)
    run.run()
    expected = content_of(run.output)
    run.output.unlink()
    threads = threading.active_count()
    with pytest.raises(Cancelled, match=r"^interrupted; .* was not written; \d segments? (is|are) finished"):
        run.run(cancel_after=60)
    assert threading.active_count() == threads
    assert not run.output.exists()
    report, engine, _ = run.run()
    assert report.kept > 0
    assert content_of(run.output) == expected
    assert engine.frames == 110 - report.kept


def test_a_run_in_one_piece_that_is_cancelled_leaves_nothing(case: Callable[..., Runner], tmp_path: Path) -> None:
    cancel = threading.Event()

    def cancel_and_wait(number: int) -> None:
        if number == 10:
            cancel.set()
            time.sleep(0.5)  # longer than the run looks away

    run = case()
    before, threads = sorted(tmp_path.iterdir()), threading.active_count()
    with pytest.raises(Cancelled, match=r"^interrupted; .*out\.mp4 was not written$"):
        deblur_video(VideoJob(run.clip, run.output), lambda: InvertingEngine(before=cancel_and_wait), cancel=cancel)
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads


def test_taking_over_finished_segments_is_cancelled_too(case: Callable[..., Runner]) -> None:
    run = case(frames=110)
    interrupt(run, 100)
    with pytest.raises(Cancelled, match="segments are finished"):
        run.run(cancel_after=0)
    report, *_ = run.run()
    assert report.kept >= 50


def test_work_in_another_format_is_begun_anew_and_said(case: Callable[..., Runner]) -> None:
    run = case()
    interrupt(run, 60)
    database = sqlite3.connect(run.work / NAME)
    with database:  # as the first format was: without a number, and with sentences for names
        database.execute("UPDATE facts SET name = 'engine or network' WHERE name = 'engine'")
    database.execute("PRAGMA user_version = 0")
    database.close()
    report, engine, notes = run.run()
    assert NoteCode.WORK_DISCARDED in codes(notes)
    assert (report.kept, engine.frames) == (0, 80)
    assert not run.work.exists()


def test_an_engine_that_fails_leaves_what_was_finished(case: Callable[..., Runner]) -> None:
    def fail(number: int) -> None:
        if number == 60:
            raise EngineError("out of memory")

    run = case()
    with pytest.raises(EngineError, match="out of memory; 2 segments are finished: run the same again"):
        run.run(engine=InvertingEngine(before=fail))
    report, *_ = run.run()
    assert report.kept == 50


def test_a_short_video_is_written_in_one_piece(case: Callable[..., Runner]) -> None:
    run = case(frames=20)
    report, engine, _ = run.run()
    assert (engine.resets, report.result.frames_out) == (1, 20)


def test_copied_streams_of_real_files_are_those_of_one_piece(
    shared_clip: Callable[[str], Path], tmp_path: Path
) -> None:
    run = Runner(shared_clip("srt_subtitles.mkv"), tmp_path / "out.mkv")
    run.run(one_piece=True)
    expected = content_of(run.output)
    run.output.unlink()
    run.run(always=True)
    found = content_of(run.output)
    assert [time for time, *_ in found.pop("video")] == [time for time, *_ in expected.pop("video")]
    assert found == expected


def test_joined_files_are_resumed_as_one(
    case: Callable[..., Runner], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    later = make_clip(tmp_path / "later.mp4", **{"frames": 70, **CLIPS["h264.mp4"]})
    run = case()
    run.changes["source"] = SourceOptions(continued=(later,))
    run.run()
    expected = content_of(run.output)
    assert len(expected["video"]) == 80 + 70
    run.output.unlink()
    interrupt(run, after=100)
    _, engine, notes = run.run()
    assert content_of(run.output) == expected
    assert 0 < engine.frames <= 75  # the first file, and the beginning of the second, were kept
    assert NoteCode.WORK_RESUMED in codes(notes)


def test_another_file_behind_the_first_is_another_input(
    case: Callable[..., Runner], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    later = make_clip(tmp_path / "later.mp4", frames=30)
    run = case()
    run.changes["source"] = SourceOptions(continued=(later,))
    interrupt(run, after=50)
    make_clip(later, frames=31)
    with pytest.raises(UsageError, match="with another input;"):
        run.run()
