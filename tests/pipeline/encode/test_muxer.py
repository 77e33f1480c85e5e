"""The encoder and the muxer apart: together they are what the sink does in one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import av
import pytest

from pipeline.decode.source import VideoSource
from pipeline.encode.muxer import Muxer
from pipeline.encode.sink import VideoSink
from pipeline.encode.video_encoder import VideoEncoder
from pipeline.job import SinkOptions
from tests.support.clips import read_file, write_clip

if TYPE_CHECKING:
    from pathlib import Path

IRREGULAR = [0, 40, 50, 130, 170, 171, 260, 300]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight frames at irregular times, with sound."""
    return write_clip(tmp_path / "in.mkv", times=IRREGULAR, durations=[40] * 8)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "h264"), (".mkv", "hevc"), (".avi", "mpeg4"), (".mov", "prores")]
)
def test_an_encoder_alone_and_a_muxer_write_what_the_sink_writes(
    suffix: str, codec: str, clip: Path, tmp_path: Path
) -> None:
    options = SinkOptions(codec=codec)
    with VideoSource(clip) as source:
        sink = VideoSink(tmp_path / f"whole{suffix}", source.info, options)
        for event in source.events():
            if isinstance(event, av.VideoFrame):
                sink.write_frame(event)
            else:
                sink.write_packet(event)
        sink.finish()
    with VideoSource(clip) as source:
        muxer = Muxer(tmp_path / f"parts{suffix}", source.info, options)
        alone = VideoEncoder.alone(muxer.plan, source.info, muxer.container.format.name)
        with contextlib.closing(alone) as encoder:
            feed(source, encoder, muxer)
        muxer.finish()
    assert muxer.notes == sink.notes
    whole, parts = read_file(tmp_path / f"whole{suffix}"), read_file(tmp_path / f"parts{suffix}")
    assert len(parts.frames) == len(IRREGULAR)
    assert (parts.times, parts.durations, parts.length) == (whole.times, whole.durations, whole.length)
    assert parts.packet_durations == whole.packet_durations
    assert parts.packets == whole.packets


def feed(source: VideoSource, encoder: VideoEncoder, muxer: Muxer) -> None:
    """Encodes all frames of a source, and writes what comes out between the packets that are copied."""
    for event in source.events():
        if isinstance(event, av.VideoFrame):
            for coded_frame in encoder.encode(event):
                muxer.write_video(coded_frame)
        else:
            muxer.write_packet(event)
    for coded_frame in encoder.flush():
        muxer.write_video(coded_frame)
