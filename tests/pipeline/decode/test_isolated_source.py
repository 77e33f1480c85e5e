"""Decoding in a process of its own: the same result, and a clear end where that process comes to harm."""

import hashlib
import multiprocessing
import os
import re
import signal
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.decode.isolated_source import MOST_RESTARTS, IsolatedSource
from pipeline.decode.open import open_source
from pipeline.decode.source import VideoSource
from pipeline.errors import DamagedInputError, InputError, LimitError, UsageError
from pipeline.job import Isolation, Limits, SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.media.native_formats import pixel_format_of
from pipeline.runner.protocols import Source
from pipeline.video import deblur_video
from tests.support.engines import CopyingEngine

pytestmark = pytest.mark.timeout(120)


def everything(source: Source, samples_of: Any) -> list[Any]:
    found: list[Any] = []
    for event in source.events():
        if isinstance(event, av.VideoFrame):
            samples = hashlib.sha256(b"".join(plane.tobytes() for plane in samples_of(event))).hexdigest()
            tags = (event.colorspace, event.color_range, event.color_trc, event.color_primaries)
            times = event.duration, event.time_base, event.key_frame
            found.append((event.format.name, event.pts, times, tags, samples))
        else:
            found.append((event.stream.index, event.pts, event.dts, event.duration, bytes(event)))
    return [found, source.notes, source.damage, source.corrupt_packets, source.corrupt_frames, source.spec]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("damaged.mp4", SourceOptions()),
        ("scte35_data.ts", SourceOptions(start=0.7, duration=1.0)),
    ],
)
def test_the_result_is_that_of_decoding_here(
    name: str, options: SourceOptions, shared_clip: Any, samples_of: Any
) -> None:
    path = shared_clip(name)
    with open_source(path, options) as here:
        expected = everything(here, samples_of)
    isolated = SourceOptions(start=options.start, duration=options.duration, isolation=Isolation())
    with open_source(path, isolated) as there:
        assert isinstance(there, IsolatedSource)
        assert everything(there, samples_of) == expected


KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


@pytest.fixture
def long_clip(tmp_path: Path, make_clip: Any) -> Path:
    """Sixty frames with sound, a keyframe at least every eighth."""
    made: Path = make_clip(tmp_path / "clip.mkv", frames=60, options={"g": "8", "bf": "2"})
    return made


def test_a_process_that_is_killed_costs_the_frames_up_to_the_next_keyframe(long_clip: Path, samples_of: Any) -> None:
    with VideoSource(long_clip) as here:
        expected = everything(here, samples_of)[0]
    with IsolatedSource(long_clip, SourceOptions(), Isolation()) as source:
        memory = source._frames.name if source._frames else ""
        events = source.events()
        found = [next(events) for _ in range(20)]
        first_process = source.process_id
        os.kill(first_process, KILL)
        found += events
        assert source.process_id != first_process
        assert source.corrupt_packets == 1
        (line,) = source.damage
        assert re.fullmatch(
            r"at \d\.\d+ s: the decoder crashed \(.*\); frames up to the next keyframe are missing", line
        )
    frames = [(e.pts, samples_of(e)) for e in found if isinstance(e, av.VideoFrame)]
    wanted = {e[1]: e[-1] for e in expected if isinstance(e[0], str)}
    assert 60 - 8 - 16 <= len(frames) < 60  # the rest of the group, and what was inside the decoder's threads
    assert frames[-1][0] == max(wanted)
    for pts, samples in frames:
        assert hashlib.sha256(b"".join(plane.tobytes() for plane in samples)).hexdigest() == wanted[pts]
    sound = [(e.pts, bytes(e)) for e in found if isinstance(e, av.Packet)]
    assert sound == [(e[1], e[-1]) for e in expected if isinstance(e[0], int)]
    with pytest.raises(FileNotFoundError):
        SharedMemory(memory)


@pytest.mark.slow
def test_a_process_that_is_killed_again_and_again_is_one_error(long_clip: Path) -> None:
    with IsolatedSource(long_clip, SourceOptions(), Isolation()) as source:
        events = source.events()
        next(events)
        source._restarts = MOST_RESTARTS - 1  # each start takes its time
        os.kill(first_process := source.process_id, KILL)
        while source.process_id == first_process:  # what it gave before it died comes first
            next(events)
        os.kill(source.process_id, KILL)
        with pytest.raises(InputError, match=r"crashed \(.*\) at \d\.\d+ s") as caught:
            list(events)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be stopped from outside")
def test_a_process_that_hangs_is_given_up(long_clip: Path) -> None:
    with IsolatedSource(long_clip, SourceOptions(), Isolation()) as source:
        source._child._timeout = 2.0  # starting took its time; now it is the decoder's turn
        events = source.events()
        frames = sum(isinstance(next(events), av.VideoFrame) for _ in range(8))
        os.kill(source.process_id, signal.SIGSTOP)
        frames += sum(isinstance(event, av.VideoFrame) for event in events)
        assert 36 <= frames < 60
        assert "no progress for 2 s (`isolation.timeout`)" in source.damage[0]


def kill_decoder(batch: int) -> None:
    """Kills the process that decodes, at the twelfth batch."""
    if batch == 11:
        (process,) = multiprocessing.active_children()
        process.kill()


@pytest.mark.parametrize(
    "segments", [pytest.param(None, marks=pytest.mark.slow), SegmentOptions(seconds=0.8, always=True)]
)
def test_a_whole_run_survives_the_death_of_its_decoder(
    segments: SegmentOptions | None, tmp_path: Path, make_clip: Any, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=150, options={"g": "8", "bf": "2"})
    output = tmp_path / "out.mkv"
    job = VideoJob(clip, output, SourceOptions(isolation=Isolation()), SinkOptions(codec="ffv1"), segments=segments)
    report = deblur_video(job, lambda: CopyingEngine(before=kill_decoder))
    assert report.damage.packets >= 1
    assert "the decoder crashed" in report.damage.places[0]
    with pytest.raises(DamagedInputError):
        report.raise_if_damaged()
    before, after = read_file(clip), read_file(output)
    assert 150 - 24 <= len(after.frames) == report.result.frames_out < 150
    assert set(after.times) < set(before.times)
    assert after.packets[1] == before.packets[1]
    assert not multiprocessing.active_children()


def test_errors_of_the_other_process_come_through(tmp_path: Any, make_clip: Any) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_source(tmp_path / "nothing.mp4", SourceOptions(isolation=Isolation()))
    path = make_clip(tmp_path / "clip.mkv", frames=30)
    options = SourceOptions(isolation=Isolation(), limits=Limits(decoded_bytes=10 * 64 * 48 * 3 // 2))
    with pytest.raises(LimitError, match=r"`limits\.decoded_bytes`"), open_source(path, options) as source:
        list(source.events())


def test_a_pipe_can_not_be_read_by_two_processes(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mkv")
    with path.open("rb") as file, pytest.raises(UsageError, match="`isolation` needs a file"):
        open_source(file, SourceOptions(isolation=Isolation()))


@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p10le", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gray", "gbrp10le"))]
)
def test_other_kinds_of_planes_pass(pix_fmt: str, tmp_path: Path, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mkv", codec="ffv1", pix_fmt=pix_fmt, size=(34, 22), frames=3, audio=None)
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
    with open_source(path, SourceOptions(isolation=Isolation())) as source:
        assert pixel_format_of(source.spec) == pix_fmt
        frames = [event for event in source.events() if isinstance(event, av.VideoFrame)]
    assert all(np.array_equal(a.to_ndarray(), b) for a, b in zip(frames, expected, strict=True))
