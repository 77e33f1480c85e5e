from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from network.planes import PlaneSpec
from pipeline.errors import DamagedInputError, OutputError
from pipeline.notes import Note, NoteCode
from pipeline.report import Damage, Report
from pipeline.runner.protocols import EngineInfo
from pipeline.runner.timing import Latency, RunResult, StageTime

if TYPE_CHECKING:
    from pathlib import Path


def report(damage: Damage | None = None) -> Report:
    return Report(
        input="in.mp4",
        output="out.mp4",
        spec=PlaneSpec(1280, 720),
        engine=EngineInfo("OpenVINO 2026.4.1", "a processor", "fp32", "idc-video", "ab" * 32),
        batch=1,
        result=RunResult(
            frames_in=50,
            frames_out=50,
            packets=7,
            wall=4.0,
            decode=StageTime(1.0, 3.0),
            infer=StageTime(3.6, 0.4),
            encode=StageTime(2.0, 2.0),
            latency=Latency(80.0, 90.0, 95.0),
            duplicates=3,
            sharp=4,
        ),
        damage=damage or Damage(),
        notes=(Note(NoteCode.STREAM_LEFT_OUT, "the data stream is left out", 2),),
    )


def test_the_json_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report(Damage(2, 1, ("at 3 s",))).write(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["frames"] == {"in": 50, "out": 50, "kept": 0, "corrupt": 1, "corrupt_packets": 2}
    assert found["frames_per_second"] == 12.5
    assert found["stages_s"]["infer"] == {"busy": 3.6, "waiting": 0.4}
    assert found["latency_ms"] == {"p50": 80.0, "p95": 90.0, "p99": 95.0}
    assert found["engine"] == {
        "backend": "OpenVINO 2026.4.1",
        "device": "a processor",
        "precision": "fp32",
        "network": "idc-video",
        "digest": "ab" * 32,
        "batch": 1,
        "kind": "",
        "window": {"before": 0, "after": 0},
    }
    assert found["without_network"] == {"duplicates": 3, "sharp": 4}
    assert found["video"]["layout"] == "yuv420p"
    assert found["notes"] == ["the data stream is left out"]
    assert found["note_records"] == [{"code": "stream-left-out", "text": "the data stream is left out", "stream": 2}]
    assert found["damage"] == ["at 3 s"]
    assert found["versions"]["av"]


def test_the_summary_says_speed_engine_and_load() -> None:
    lines = report().summary().splitlines()
    assert lines[0] == "out.mp4: 50 frames in 4.0 s, 12.5 frames/s, latency p50 80 ms, p99 95 ms"
    assert lines[1] == "busy: decode 25%, infer 90%, encode 50%; idc-video (fp32) by OpenVINO 2026.4.1 on a processor"
    assert lines[2:] == ["frames without the network: 3 repeated the frame before, 4 were sharp and passed untouched"]


def test_a_report_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        report().write(tmp_path / "nowhere" / "report.json")


def test_no_damage_raises_nothing() -> None:
    report().raise_if_damaged()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (Damage(packets=1), "1 corrupt packet;"),
        (Damage(2, 3, ("at 3 s: gone",)), "2 corrupt packets, 3 corrupt frames (first: at 3 s: gone)"),
        (Damage(places=("the file ends early",)), "is damaged: 1 fault (first: the file ends early)"),
    ],
)
def test_damage_is_counted_and_located(damage: Damage, says: str) -> None:
    with pytest.raises(DamagedInputError) as caught:
        report(damage).raise_if_damaged()
    assert says in str(caught.value)
    assert "out.mp4" in str(caught.value)
