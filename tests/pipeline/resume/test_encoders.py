"""The encoders of segments, planned without the output that they are for."""

from pathlib import Path

from pipeline.decode.source import VideoSource
from pipeline.encode.muxer import Muxer
from pipeline.job import SinkOptions
from pipeline.resume.encoders import SegmentEncoders
from tests.support.clips import write_clip


def test_planning_encoders_writes_nothing_and_finds_what_the_output_has(tmp_path: Path) -> None:
    clip, output = write_clip(tmp_path / "in.mkv"), tmp_path / "out.mp4"
    with VideoSource(clip) as source:
        encoders = SegmentEncoders.planned(output, source.info, SinkOptions())
        assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
        muxer = Muxer(output, source.info)
        header = bytes(muxer.video.codec_context.extradata or b"")
        muxer.abandon()
    assert (encoders.plan, encoders.format_name) == (muxer.plan, "mp4")
    assert encoders.header == header != b""
