"""What a batch shows on a terminal and in a log."""

from __future__ import annotations

import io
from pathlib import Path

from network.planes import Layout, Matrix, PlaneSpec
from pipeline.batch.plan import Outcome, Plan, PlannedState, PlannedVideo, State
from pipeline.batch.progress import BatchBars, BatchDisplay, BatchLines, batch_display
from pipeline.errors import InputError
from pipeline.notes import Note, NoteCode
from pipeline.runner.timing import RunProgress

SPEC = PlaneSpec(640, 360, Layout.YUV420P, 8, Matrix.BT709, False)
VIDEO = PlannedVideo(Path("[b]in.mp4"), Path("out.mp4"), PlannedState.TODO, size=2_500_000, spec=SPEC, frames=100)
LOST = PlannedVideo(Path("cut.mp4"), Path("cut-out.mp4"), PlannedState.FAILED, "cut.mp4 is not a video", InputError)
PLAN = Plan((VIDEO, LOST), 3, 10**10)


def play(display: BatchDisplay) -> None:
    display.begin(PLAN)
    display.finished(1, Outcome(LOST, State.FAILED, error=LOST.reason, kind=InputError))
    bar = display.of(0, VIDEO)
    bar.begin("[b]in.mp4", 60, [Note(NoteCode.WORK_RESUMED, "going on")])
    for frames in (1, 30, 60):
        bar.update(RunProgress(frames, frames / 25))
    bar.end()
    bar.tell([Note(NoteCode.WORK_RESUMED, "going on"), Note(NoteCode.CLOCK_JUMPED, "the clock\njumped")])
    display.finished(0, Outcome(VIDEO, State.DONE))
    display.end()


def test_a_log_gets_a_line_for_each_video() -> None:
    log = io.StringIO()
    play(BatchLines(log, every=0))
    assert log.getvalue().splitlines() == [
        "1/2 cut.mp4: failed: is not a video",
        "note: [b]in.mp4: going on",
        *(f"1/2 finished; [b]in.mp4: frame {frames} of 60" for frames in (1, 30, 60)),
        "note: [b]in.mp4: the clock\\njumped",
        "2/2 [b]in.mp4: done",
    ]


def test_a_terminal_keeps_the_lines_and_no_bars() -> None:
    terminal = io.StringIO()
    play(BatchBars(terminal, width=120))
    lines = [line.rstrip() for line in terminal.getvalue().splitlines() if line.strip()]
    assert "cut.mp4: failed: is not a video" in lines
    assert lines.count("note: [b]in.mp4: going on") == 1
    assert "note: [b]in.mp4: the clock\\njumped" in lines
    assert "[b]in.mp4: done" in lines


def test_quiet_is_silent() -> None:
    log = io.StringIO()
    play(batch_display(log, quiet=True))
    assert log.getvalue() == ""
    assert isinstance(batch_display(log), BatchLines)


def test_the_plan_tells_what_it_takes() -> None:
    lines = PLAN.lines(speed=0.5)
    assert lines[0] == "[b]in.mp4 -> out.mp4: 100 frames, 640x360, video + 0 other streams, 2.5 MB"
    assert lines[1] == "cut.mp4: is not a video"
    assert lines[2] == "2 inputs: 1 to do (100 frames), 0 finished before, 1 that can't be done"
    assert lines[3] == "3 other files are no videos by their extension; name them to try them"
    assert lines[4] == "about 5.0 MB on the disk if outputs are as large as inputs, 10.0 GB are free"
    assert lines[5] == "about 46 s at 0.5 megapixels a second"
