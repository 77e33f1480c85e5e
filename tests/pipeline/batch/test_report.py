"""The report of a batch: what it counts, and its words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from network.planes import PlaneSpec
from pipeline.batch.plan import Outcome, PlannedState, PlannedVideo, State
from pipeline.batch.report import BatchReport
from pipeline.errors import BatchError, DamagedInputError, InputError
from pipeline.notes import Note, NoteCode
from pipeline.report import Damage, Report
from pipeline.runner.protocols import EngineInfo
from pipeline.runner.timing import Latency, RunResult, StageTime

VIDEO = PlannedVideo(Path("in.mp4"), Path("out.mp4"), PlannedState.TODO)
STAGE = StageTime(1.0, 0.0)
RUN = Report(
    "in.mp4",
    "out.mp4",
    PlaneSpec(64, 48),
    EngineInfo("NumPy", "cpu", "exact", "copying", "ab"),
    1,
    RunResult(1, 1, 0, 1.0, STAGE, STAGE, STAGE, Latency(0.0, 0.0, 0.0)),
    Damage(),
    (Note(NoteCode.TAGS_DROPPED, "a tag is dropped"), Note(NoteCode.CLOCK_JUMPED, "the clock jumped")),
)


def test_notes_and_losses_are_counted() -> None:
    report = BatchReport((Outcome(VIDEO, State.DONE, RUN), Outcome(VIDEO, State.FINISHED)), 1.0)
    found = report.as_dict(lambda _kind: 0)
    assert (found["notes"], found["losses"]) == (2, 1)
    assert report.summary().endswith("1 frame in 1.0 s, 1.0 frames/s, 2 notes, 1 loss among them")
    quiet = BatchReport((Outcome(VIDEO, State.DONE, replace(RUN, notes=())),), 1.0)
    assert quiet.summary() == "1 input: 1 done, 1 frame in 1.0 s, 1.0 frames/s"


@pytest.mark.parametrize(("number", "says"), [(1, "1 of 1 input has"), (2, "2 of 2 inputs have")])
def test_a_line_names_a_file_once_and_one_is_no_plural(number: int, says: str) -> None:
    lost = Outcome(VIDEO, State.FAILED, error="in.mp4 is no video", kind=InputError)
    with pytest.raises(BatchError) as caught:
        BatchReport((lost,) * number, 1.0).raise_if_wrong()
    assert str(caught.value) == f"{says} no output; the first is in.mp4: is no video"


def test_one_damaged_input_is_no_plural() -> None:
    with pytest.raises(DamagedInputError, match=r"^1 of 2 inputs is damaged; "):
        BatchReport((Outcome(VIDEO, State.DAMAGED), Outcome(VIDEO, State.DONE)), 1.0).raise_if_wrong()
