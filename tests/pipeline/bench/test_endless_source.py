"""The synthetic clip, and files that begin anew."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from pipeline.bench import synthetic
from pipeline.bench.endless_source import LoopedSource, TimedSink, endless_frames, without_copies
from pipeline.decode.source import VideoSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic") / "clip.mkv"
    synthetic.write_clip(path, 96, 64)
    return path


def test_the_clip_is_whole_and_at_its_rate(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 96, 64)
        assert stream.average_rate == synthetic.RATE
        times = [frame.pts * frame.time_base for frame in container.decode(video=0) if frame.pts is not None]
    assert len(times) == synthetic.PIECE * synthetic.REPEATS
    assert all(abs(b - a - Fraction(1, synthetic.RATE)) <= Fraction(1, 500) for a, b in pairwise(times))


def test_frames_are_the_same_every_time_and_no_two_in_a_row_are() -> None:
    first, again = list(synthetic.frames(128, 96, 5)), list(synthetic.frames(128, 96, 5))
    assert all(
        np.array_equal(a, b) for one, other in zip(first, again, strict=True) for a, b in zip(one, other, strict=True)
    )
    assert not any(np.array_equal(a[0], b[0]) for a, b in pairwise(first))
    assert [plane.shape for plane in first[0]] == [(96, 128), (48, 64), (48, 64)]


def test_the_texture_is_like_nature_s() -> None:
    """Much detail, most of it coarse; the camera's pan moves the ground by whole pixels."""
    one, two = (planes[0].astype(float) for planes in islice(synthetic.frames(256, 256), 2))
    assert 15 < one.std() < 80
    power = np.abs(np.fft.rfft2(one - one.mean())) ** 2
    assert power[1:8, 1:8].mean() > 30 * power[40:80, 40:80].mean()
    shifted = np.abs(one[:20, 6:200] - two[:20, :194])
    assert np.median(shifted) == 0


def test_frames_go_on_in_ascending_time_when_the_file_begins_anew(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "short.mp4", frames=7)
    frames = list(islice(endless_frames(path), 20))
    times = [frame.pts for frame in frames]
    assert all(time is not None for time in times)
    assert len({b - a for a, b in pairwise(times)}) == 1  # type: ignore[operator]
    pictures = [frame.to_ndarray().tobytes() for frame in frames]
    assert pictures[7:14] == pictures[:7]


def test_only_the_video_is_read(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    path = make_clip(tmp_path / "sound.mp4")
    with VideoSource(path) as source:
        assert source.info.copied
        assert without_copies(source.info).copied == ()
    looped = LoopedSource(path, 0.05)
    assert all(isinstance(event, av.VideoFrame) for event in looped.events())


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_a_looped_source_ends_after_its_time_but_not_without_a_frame(clip: Path, seconds: float) -> None:
    source = LoopedSource(clip, seconds)
    count = sum(1 for _ in source.events())
    assert count >= 1
    assert len(source.begun) == count
    assert source.begun[-1] - source.begun[0] <= seconds
    assert source.spec.width == 96


def test_a_timed_sink_passes_everything_on() -> None:
    class Kept:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def write_frame(self, frame: av.VideoFrame) -> None:
            self.calls.append(f"frame {frame.pts}")

        def write_packet(self, packet: av.Packet) -> None:
            self.calls.append(f"packet {bytes(packet)!r}")

        def finish(self) -> None:
            self.calls.append("finish")

    kept = Kept()
    sink = TimedSink(kept)
    frame = av.VideoFrame(16, 16, "gray")
    frame.pts = 4
    sink.write_frame(frame)
    sink.write_packet(av.Packet(b"x"))
    sink.finish()
    assert kept.calls == ["frame 4", "packet b'x'", "finish"]
    assert len(sink.ended) == 1
