"""Decoding in a process of its own: the same result, and a clear end where that process comes to harm."""

import hashlib
import os
import signal
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.errors import InputError, LimitError, UsageError
from pipeline.frames import pixel_format_of
from pipeline.isolate import IsolatedSource, open_source
from pipeline.isolation import Isolation
from pipeline.limits import Limits
from pipeline.source import SourceOptions, VideoSource

pytestmark = pytest.mark.timeout(120)


def everything(source: VideoSource, samples_of: Any) -> list[Any]:
    found: list[Any] = []
    for event in source.events():
        if isinstance(event, av.VideoFrame):
            samples = hashlib.sha256(b"".join(plane.tobytes() for plane in samples_of(event))).hexdigest()
            tags = (event.colorspace, event.color_range, event.color_trc, event.color_primaries)
            found.append((event.format.name, event.pts, event.duration, event.time_base, tags, samples))
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


def test_a_process_that_is_killed_is_one_error_with_the_time_and_leaves_nothing(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mkv", frames=60)
    with IsolatedSource(path, SourceOptions(), Isolation()) as source:
        memory = source._frames.name if source._frames else ""
        frames = (event for event in source.events() if isinstance(event, av.VideoFrame))
        before = [next(frames) for _ in range(10)]
        os.kill(source.process_id, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        after = []
        with pytest.raises(InputError, match=r"crashed at \d\.\d+ s .*(SIGKILL|exit code)") as caught:
            after.extend(frames)
    assert len(before) + len(after) < 60
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        SharedMemory(memory)


@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be stopped from outside")
def test_a_process_that_hangs_is_given_up(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mkv", frames=60)
    with IsolatedSource(path, SourceOptions(), Isolation(timeout=20)) as source:
        source._child._timeout = 0.5  # starting took its time; now it is the decoder's turn
        events = source.events()
        for _ in range(8):
            next(events)
        os.kill(source.process_id, signal.SIGSTOP)
        with pytest.raises(InputError, match=r"hangs at .* --hang-timeout"):
            list(events)


def test_errors_of_the_other_process_come_through(tmp_path: Any, make_clip: Any) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_source(tmp_path / "nothing.mp4", SourceOptions(isolation=Isolation()))
    path = make_clip(tmp_path / "clip.mkv", frames=30)
    options = SourceOptions(isolation=Isolation(), limits=Limits(decoded_bytes=10 * 64 * 48 * 3 // 2))
    with pytest.raises(LimitError, match="--max-decoded-bytes"), open_source(path, options) as source:
        list(source.events())


def test_a_pipe_can_not_be_read_by_two_processes(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mkv")
    with path.open("rb") as file, pytest.raises(UsageError, match="--isolate needs a file"):
        open_source(file, SourceOptions(isolation=Isolation()))


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "gray", "gbrp10le"])
def test_other_kinds_of_planes_pass(pix_fmt: str, tmp_path: Path, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mkv", codec="ffv1", pix_fmt=pix_fmt, size=(34, 22), frames=3, audio=None)
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
    with open_source(path, SourceOptions(isolation=Isolation())) as source:
        assert pixel_format_of(source.spec) == pix_fmt
        frames = [event for event in source.events() if isinstance(event, av.VideoFrame)]
    assert all(np.array_equal(a.to_ndarray(), b) for a, b in zip(frames, expected, strict=True))
