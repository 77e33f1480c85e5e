"""`deblur video` with decoder, network and encoder on a real GPU. Run with ``pytest -m gpu``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from pipeline.decode.hardware import NO_CONTEXT, THROUGH_HOST, cuda_problem
from pipeline.decode.source import VideoSource
from pipeline.job import Acceleration, SourceOptions
from pipeline.media.frames import convert_frame, on_host, spec_of
from pipeline.media.reformatter import Reformatter
from pipeline.notes import NoteCode
from tests.support.notes import codes

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "examples" / "clip.mp4"


def as_yuv420p(frame: av.VideoFrame) -> np.ndarray[Any, Any]:
    spec, _ = spec_of(frame)
    return convert_frame(frame, spec, "yuv420p", Reformatter()).to_ndarray()


def test_nvdec_decodes_what_the_processor_decodes() -> None:
    """H.264 and HEVC are decoded exactly, whoever does it; NV12 and yuv420p hold the same samples."""
    assert cuda_problem() == ""
    with VideoSource(CLIP) as source:
        expected = [as_yuv420p(event) for event in source.events() if isinstance(event, av.VideoFrame)]
        times = source.info.frame_estimate
    with VideoSource(CLIP, SourceOptions(acceleration=Acceleration.CUDA)) as source:
        if NoteCode.HARDWARE in codes(source.notes):
            pytest.skip(f"this GPU does not decode {source.info.codec}: {source.notes}")
        assert source.info.pixel_format == "nv12"
        frames = [as_yuv420p(event) for event in source.events() if isinstance(event, av.VideoFrame)]
    assert len(frames) == len(expected)
    assert times is None or len(frames) == times
    for one, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "h264"])
def test_a_video_goes_through_the_gpu(codec: str, tmp_path: Path) -> None:
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"
    command = [sys.executable, "-m", "pipeline.cli", "video", str(CLIP), str(output), "--engine", "tensorrt"]
    command += ["--hwaccel", "cuda", "--codec", codec, "--report", str(report)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900, check=False)  # noqa: S603
    print(ended.stderr)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(report.read_text())
    assert found["engine"]["backend"].startswith("TensorRT")
    assert found["engine"]["precision"] == "fp16"
    assert found["batch"] == 8
    with av.open(str(CLIP)) as before, av.open(str(output)) as after:
        original = [frame.to_ndarray(format="yuv420p") for frame in before.decode(video=0)]
        result = [frame.to_ndarray(format="yuv420p") for frame in after.decode(video=0)]
    assert len(result) == len(original) == found["frames"]["out"]
    error = np.mean([(one.astype(float) - other) ** 2 for one, other in zip(original, result, strict=True)])
    assert 0 < error < 200, "it is the same scene, and it was changed"
    if codec.endswith("nvenc") and any(note["code"] == "encoder-changed" for note in found["note_records"]):
        pytest.skip(f"this GPU has no {codec}; the processor encoded")


def test_frames_that_stay_on_the_gpu_give_the_same_bits(tmp_path: Path) -> None:
    """From NVDEC to the engine by DLPack, against the way through the memory of the processor."""
    results = []
    for name, more in (("through.mkv", []), ("direct.mkv", ["--every-frame"])):
        output, report = tmp_path / name, tmp_path / f"{name}.json"
        command = [sys.executable, "-m", "pipeline.cli", "video", str(CLIP), str(output), "--engine", "tensorrt"]
        command += ["--hwaccel", "cuda", "--codec", "ffv1", "--report", str(report), *more]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900, check=False)  # noqa: S603
        assert ended.returncode == 0, ended.stderr
        notes = json.loads(report.read_text())["notes"]
        if any(note.endswith("the processor does") for note in notes):
            pytest.skip(f"this GPU does not decode the clip: {notes}")
        assert (THROUGH_HOST in notes) == (not more)
        with av.open(str(output)) as container:
            results.append([(frame.pts, frame.to_ndarray()) for frame in container.decode(video=0)])
    through, direct = results
    assert len(through) == len(direct) > 0
    for (time, one), (other_time, other) in zip(through, direct, strict=True):
        assert time == other_time
        np.testing.assert_array_equal(one, other)


def test_an_input_opens_whoever_began_the_context_of_the_gpu() -> None:
    """As in a batch: PyTorch may have been there first. FFmpeg shares the context, or frames come through the host."""
    torch.ones(8, device="cuda").sum().item()
    with VideoSource(CLIP, SourceOptions(acceleration=Acceleration.CUDA, on_device=True)) as source:
        assert source.info.is_on_device != (NO_CONTEXT in map(str, source.notes))
        frames = [on_host(event) for event in source.events() if isinstance(event, av.VideoFrame)]
    assert len(frames) == 60
    assert all(frame.sw_format is None for frame in frames)
