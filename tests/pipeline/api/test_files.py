"""Deblurring a file by a call from Python."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.api.deblurrer import Deblurrer
from pipeline.api.files import Progress, deblur_video
from pipeline.api.video import open_video
from pipeline.errors import Cancelled, EngineError, OutputError, UsageError
from pipeline.job import GateOptions, SinkOptions, SourceOptions
from tests.support.engines import InvertingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def clip(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mkv", frames=100, options={"g": "10"})


def run_command(*arguments: str) -> None:
    """Runs Python; it must succeed."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def lumas(path: Path) -> np.ndarray[Any, Any]:
    """The luma of every frame of a file."""
    with open_video(path) as video:
        return np.stack([frame.planes[0].copy() for frame in video])


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    # Those that make windows and look for motion serve all engines, as long as the process lives.
    assert not [thread for thread in left if not thread.name.startswith(("window", "motion"))]


def test_everything_is_kept(clip: Path, tmp_path: Path, read_file: Callable[..., Any]) -> None:
    report = deblur_video(str(clip), str(tmp_path / "out.mkv"), network="identity", crf=10)
    before, after = read_file(clip), read_file(tmp_path / "out.mkv")
    assert after.streams == before.streams
    assert after.times == before.times
    assert after.packets[1] == before.packets[1]  # the sound
    assert report.result.frames_out == 100
    assert report.frames_per_second > 0
    assert not report.damage


def test_a_device_by_its_name_deblurs(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    report = deblur_video(clip, output, network="identity", device="AUTO", codec="ffv1", duration=0.4)
    assert (report.engine.kind, report.engine.device) == ("openvino", "AUTO")
    with open_video(clip, duration=0.4) as source, open_video(output) as found:
        for frame, blurred in zip(found, source, strict=True):
            np.testing.assert_array_equal(frame.planes[0], blurred.planes[0])
    with pytest.raises(EngineError, match=r"no device 'ABACUS'; there is: .*CPU"):
        Deblurrer(device="abacus")
    with pytest.raises(UsageError, match=r"leave out network.* and device"):
        deblur_video(clip, tmp_path / "other.mkv", engine=InvertingEngine(), device="CPU")


def test_an_engine_object_deblurs(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    report = deblur_video(clip, output, engine=InvertingEngine(), codec="ffv1", duration=0.4)
    assert report.engine.network == "inverting"
    with open_video(clip, duration=0.4) as source, open_video(output) as found:
        for frame, blurred in zip(found, source, strict=True):
            np.testing.assert_array_equal(frame.planes[0], 255 - blurred.planes[0])


def test_file_objects_are_read_and_written(clip: Path) -> None:
    output = io.BytesIO()
    deblur_video(io.BytesIO(clip.read_bytes()), output, engine=InvertingEngine(), output_format="matroska")
    assert not output.closed
    output.seek(0)
    with open_video(output) as video:
        assert len(list(video)) == 100


def test_progress_is_told_up_to_the_last_frame(clip: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    deblur_video(clip, tmp_path / "out.mkv", engine=InvertingEngine(), progress=told.append)
    counts = [progress.frames for progress in told]
    assert counts == sorted(counts)
    assert told[-1] == Progress(100, told[-1].expected, pytest.approx(3.96))
    assert told[-1].expected == pytest.approx(100, abs=2)


@pytest.mark.parametrize("segment_seconds", [0.0, 0.5])
def test_an_event_cancels(clip: Path, tmp_path: Path, segment_seconds: float) -> None:
    cancel = threading.Event()
    cancel.set()
    slow = InvertingEngine(before=lambda _batch: time.sleep(0.01))  # a second in all
    with pytest.raises(Cancelled):
        deblur_video(clip, tmp_path / "out.mkv", engine=slow, segment_seconds=segment_seconds, cancel=cancel)
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_cancelled_work_goes_on_from_the_command_line(clip: Path, tmp_path: Path, scale: float) -> None:
    cancel = threading.Event()

    def stop_halfway(progress: Progress) -> None:
        if progress.frames >= 30:
            cancel.set()

    with pytest.raises(Cancelled):
        deblur_video(
            clip,
            tmp_path / "out.mkv",
            network="identity",
            engine="openvino",
            scale=scale,
            segment_seconds=0.5,
            progress=stop_halfway,
            cancel=cancel,
        )
    command = ["-m", "pipeline.cli", "video", str(clip), str(tmp_path / "out.mkv"), "--segment", "0.5"]
    command += ["--network", "identity", "--engine", "openvino", "--scale", str(scale)]
    run_command(*command, "--report", str(tmp_path / "report.json"))
    frames = json.loads((tmp_path / "report.json").read_text())["frames"]
    assert frames["out"] == 100
    assert frames["kept"] >= 10


def test_a_correction_at_half_the_size_is_the_command_line_s(clip: Path, tmp_path: Path) -> None:
    ours, whole, theirs = (tmp_path / f"{name}.mkv" for name in ("ours", "whole", "theirs"))
    for output, scale in ((ours, 0.5), (whole, 1.0)):
        deblur_video(clip, output, precision="fp32", threads=1, scale=scale, codec="ffv1", duration=0.4)
    command = ["-m", "pipeline.cli", "video", str(clip), str(theirs), "--precision", "fp32", "--threads", "1"]
    run_command(*command, "--scale", "0.5", "--codec", "ffv1", "--duration", "0.4")
    made, at_full_size, expected = map(lumas, (ours, whole, theirs))
    assert len(made) == 10
    np.testing.assert_array_equal(made, expected)
    assert (made != at_full_size).any()


def test_half_the_size_of_the_network_that_changes_nothing_changes_nothing(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    deblur_video(clip, output, network="identity", scale=0.5, codec="ffv1", duration=0.4)
    np.testing.assert_array_equal(lumas(output), lumas(clip)[:10])


def test_an_error_of_the_progress_comes_through_and_ends_the_work(clip: Path, tmp_path: Path) -> None:
    def broken(_progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deblur_video(clip, tmp_path / "out.mkv", engine=InvertingEngine(), segment_seconds=0.5, progress=broken)
    assert not (tmp_path / "out.mkv").exists()


def test_an_output_that_exists_is_replaced_only_where_asked(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    output.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        deblur_video(clip, output, engine=InvertingEngine())
    assert output.read_bytes() == b"mine"
    deblur_video(clip, output, engine=InvertingEngine(), overwrite=True)
    assert output.read_bytes() != b"mine"


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch": 0},
        {"segment_seconds": -1.0},
        {"start": -1.0},
        {"engine": object()},
        {"scale": 0.7},
        {"scale": float("nan")},
        {"engine": InvertingEngine(), "scale": 0.5},
        {"engine": InvertingEngine(), "strength": 0.5},
        {"crf": 18, "bitrate": 1000},
    ],
)
def test_arguments_that_make_no_sense_are_refused(clip: Path, tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        deblur_video(clip, tmp_path / "out.mkv", **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


def test_every_option_of_a_job_is_an_argument() -> None:
    arguments = set(inspect.signature(deblur_video).parameters)
    renamed = {"format": "input_format", "on_device": "acceleration"}
    for options in (SourceOptions, SinkOptions, GateOptions):
        for field in fields(options):
            assert renamed.get(field.name, field.name) in arguments, f"{options.__name__}.{field.name}"
    assert "output_format" in arguments
