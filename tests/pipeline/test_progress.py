from __future__ import annotations

import io

import pytest

from pipeline.notes import Note, NoteCode
from pipeline.progress import BarDisplay, LineDisplay, SilentDisplay, display_for
from pipeline.runner.timing import RunProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_anything_else_lines() -> None:
    assert isinstance(display_for(Terminal()), BarDisplay)
    assert isinstance(display_for(io.StringIO()), LineDisplay)
    assert isinstance(display_for(Terminal(), quiet=True), SilentDisplay)


def test_lines_show_frames_speed_and_remaining_time() -> None:
    stream = io.StringIO()
    display = LineDisplay(stream, every=0.0)
    display.begin("clip [1].mp4", 200, [Note(NoteCode.STREAM_LEFT_OUT, "the data stream is left out", 2)])
    display.update(RunProgress(0, 0.0))
    display.update(RunProgress(50, 2.0))
    display.end()
    note, line = stream.getvalue().splitlines()
    assert note == "note: the data stream is left out"
    assert line.startswith("clip [1].mp4: frame 50 of 200, ")
    assert "frames/s" in line
    assert "x real time" in line
    assert line.endswith(" s to go")


def test_lines_do_without_a_total() -> None:
    stream = io.StringIO()
    display = LineDisplay(stream, every=0.0)
    display.begin("-", None, [])
    display.update(RunProgress(50, 2.0))
    assert "frame 50, " in stream.getvalue()
    assert "to go" not in stream.getvalue()


def test_lines_are_seconds_apart() -> None:
    stream = io.StringIO()
    display = LineDisplay(stream, every=1000.0)
    display.begin("-", None, [])
    for frames in range(100):
        display.update(RunProgress(frames, 1.0))
    assert stream.getvalue() == ""


@pytest.mark.parametrize("frames", [200, None])
def test_the_bar_shows_name_frames_and_speed(frames: int | None) -> None:
    stream = Terminal()
    display = BarDisplay(stream, width=160)
    display.begin("clip [1].mp4", frames, [Note(NoteCode.TAGS_DROPPED, "a [note]")])
    display.update(RunProgress(50, 2.0))
    display._progress.refresh()
    display.end()
    shown = stream.getvalue()
    assert "note: a [note]" in shown
    assert "clip [1].mp4" in shown
    assert f"50/{frames or '?'}" in shown
    assert "frames/s" in shown
    assert "x real time" in shown


@pytest.mark.parametrize("kind", [BarDisplay, LineDisplay])
def test_a_note_is_shown_once(kind: type[BarDisplay | LineDisplay]) -> None:
    stream = Terminal()
    display = kind(stream)
    early, late = Note(NoteCode.TAGS_DROPPED, "a tag is dropped"), Note(NoteCode.CLOCK_JUMPED, "the clock jumped")
    for notes in ([early], [early, early]):  # an input that has to be read once more
        display.begin("clip\n.mp4", 1, notes)
        display.update(RunProgress(1, 1.0))
        display.end()
    display.tell([early, late, late])
    assert stream.getvalue().count("note: a tag is dropped\n") == 1
    assert stream.getvalue().count("note: the clock jumped\n") == 1


def test_a_bar_that_never_began_can_end() -> None:
    display = BarDisplay(Terminal())
    display.update(RunProgress(1, 1.0))
    display.end()
