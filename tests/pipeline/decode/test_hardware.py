"""Decoding and encoding by the GPU, on machines that have none: the work goes on, and a line says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from pipeline.decode.hardware import accelerator, cuda_problem
from pipeline.decode.source import VideoSource
from pipeline.errors import UsageError
from pipeline.job import Acceleration, SinkOptions, SourceOptions
from pipeline.media.frames import on_host
from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

without_gpu = pytest.mark.skipif(not cuda_problem(), reason="there is an NVIDIA GPU")


def frames_of(path: Path, acceleration: Acceleration) -> tuple[list[np.ndarray[Any, Any]], list[str]]:
    with VideoSource(path, SourceOptions(acceleration=acceleration)) as source:
        frames = [event.to_ndarray() for event in source.events() if isinstance(event, av.VideoFrame)]
        return frames, source.notes


@without_gpu
def test_only_who_asks_for_a_gpu_is_told_that_there_is_none() -> None:
    assert accelerator(Acceleration.NONE) == (None, "")
    assert accelerator(Acceleration.AUTO) == (None, "")
    made, note = accelerator(Acceleration.CUDA)
    assert made is None
    assert note == "no decoding on the GPU: FFmpeg finds no NVIDIA GPU, or no driver; the processor decodes" or (
        note == "no decoding on the GPU: this FFmpeg is built without CUDA; the processor decodes"
    )


@without_gpu
@pytest.mark.parametrize("acceleration", [Acceleration.AUTO, Acceleration.CUDA])
def test_without_a_gpu_the_processor_decodes_the_same_frames(
    acceleration: Acceleration, tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", codec="libx264", frames=8, audio=None)
    expected, silence = frames_of(clip, Acceleration.NONE)
    frames, notes = frames_of(clip, acceleration)
    assert len(frames) == len(expected) == 8
    for one, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(notes) - len(silence) == (acceleration is Acceleration.CUDA)


@without_gpu
def test_without_a_gpu_no_frame_is_on_it(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=8)
    options = SourceOptions(acceleration=Acceleration.CUDA, on_device=True)
    with VideoSource(clip, options) as source, VideoSource(clip) as ordinary:
        assert not source.info.is_on_device
        assert source.spec == ordinary.spec
        pairs = zip(source.events(), ordinary.events(), strict=True)
        frames = [pair for pair in pairs if isinstance(pair[0], av.VideoFrame)]
    assert len(frames) == 8
    for one, other in frames:
        assert on_host(one) is one
        np.testing.assert_array_equal(one.to_ndarray(), other.to_ndarray())


@without_gpu
@pytest.mark.parametrize(
    ("codec", "suffix", "encoder"),
    [("h264_nvenc", ".mp4", "libx264"), ("HEVC_NVENC", ".mkv", "libx265"), ("av1_nvenc", ".mp4", "libsvtav1")],
)
def test_without_a_gpu_the_processor_encodes_and_a_line_says_so(
    codec: str, suffix: str, encoder: str, tmp_path: Path, make_clip: Callable[..., Path], convert: Any, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", codec="libx264", frames=6, audio=None)
    done = convert(clip, tmp_path / f"out{suffix}", sink_options=SinkOptions(codec=codec))
    assert done.plan.encoder == encoder
    told = [note.text for note in done.sink_notes if note.code is NoteCode.ENCODER_CHANGED]
    assert told == [f"{codec.lower()} can't be had here (no NVIDIA GPU, or it has no such encoder); {encoder} encodes"]
    assert len(read_file(done.path).frames) == 6


@without_gpu
def test_settings_carry_over_to_the_encoder_that_stands_in(
    tmp_path: Path, make_clip: Callable[..., Path], convert: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", codec="libx264", frames=4, audio=None)
    done = convert(clip, tmp_path / "out.mp4", sink_options=SinkOptions(codec="h264_nvenc", crf=30))
    assert done.plan.options["crf"] == "30"


def test_an_encoder_that_no_gpu_has_is_unknown(tmp_path: Path, make_clip: Callable[..., Path], convert: Any) -> None:
    clip = make_clip(tmp_path / "clip.mp4", codec="libx264", frames=2, audio=None)
    with pytest.raises(UsageError, match="unknown codec 'vp9_nvenc'"):
        convert(clip, tmp_path / "out.mp4", sink_options=SinkOptions(codec="vp9_nvenc"))
