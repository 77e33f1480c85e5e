"""Alpha of VP8 and VP9, beside each packet; and alpha of frames, beside their planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.window.windows import Window
from pipeline.decode.concat import ConcatSource
from pipeline.decode.open import open_source
from pipeline.decode.source import VideoSource
from pipeline.job import GateOptions, Isolation, SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.media.alpha import beside, is_with_alpha, put_beside
from pipeline.media.frames import plane_count, plane_rows
from pipeline.media.native_formats import has_alpha
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.alpha import read_alpha, write_clear_clip
from tests.support.displays import InterruptingDisplay
from tests.support.engines import InvertingEngine, SeeingEngine
from tests.support.notes import codes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.support.engines import CopyingEngine

REALTIME = {"deadline": "realtime", "cpu-used": "8", "g": "10"}


def deblur(
    clip: Path, output: Path, engine: CopyingEngine, *, segments: SegmentOptions | None = None, **job: Any
) -> Any:
    display = InterruptingDisplay(None, None)
    return deblur_video(VideoJob(clip, output, segments=segments, **job), lambda: engine, display)


def alpha_in(source: Any) -> list[NDArray[Any]]:
    frames = (event for event in source.events() if isinstance(event, av.VideoFrame))
    return [plane_rows(frame, plane_count(frame) - 1).copy() for frame in frames if has_alpha(frame.format.name)]


def test_what_lies_beside_a_packet_goes_to_another(tmp_path: Path) -> None:
    clip = write_clear_clip(tmp_path / "in.webm", "libvpx-vp9", "yuva420p", options=REALTIME)
    with av.open(str(clip)) as file:
        packet = next(file.demux(video=0))
        data, copy = beside(packet), av.Packet(bytes(packet))
        assert data[:8] == bytes([0] * 7 + [1])
        assert is_with_alpha(packet, file.streams.video[0].codec_context)
    assert beside(copy) == b""
    put_beside(copy, b"")
    assert not copy.has_sidedata("matroska_block_additional")
    put_beside(copy, data)
    assert beside(copy) == data


def test_a_plain_stream_keeps_its_decoder(make_clip: Any, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.webm", codec="libvpx-vp9", audio=None, frames=2, options=REALTIME)
    with VideoSource(clip) as source:
        assert source.info.pixel_format == source.info.coded_pixel_format == "yuv420p"


@pytest.mark.parametrize("reads", [{}, {"isolation": Isolation()}])
@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("libvpx-vp9", "yuva420p"), ("ffv1", "ya8"), ("ffv1", "gbrap10le")]
)
def test_every_source_gives_it(codec: str, pixel_format: str, reads: dict[str, Any], tmp_path: Path) -> None:
    clip = write_clear_clip(tmp_path / "in.mkv", codec, pixel_format, options=REALTIME if codec == "libvpx-vp9" else {})
    with open_source(clip, SourceOptions(**reads)) as source:
        assert source.info.coded_pixel_format == pixel_format
        found = alpha_in(source)
    top = 1023 if pixel_format == "gbrap10le" else 255
    for plane, wanted in zip(found, read_alpha(clip), strict=True):
        np.testing.assert_array_equal(plane, np.rint(wanted * (top / 65535)))


@pytest.mark.parametrize("gate", [GateOptions(), GateOptions(sharp=1.0)])
@pytest.mark.parametrize("looks_around", [False, True])
def test_it_stays_with_its_frame(looks_around: bool, gate: GateOptions, tmp_path: Path) -> None:
    """Also where colours repeat, frames pass the network by, or wait for their neighbours."""
    clip = write_clear_clip(tmp_path / "in.mkv", "ffv1", "yuva420p", frames=12)
    engine = SeeingEngine(10) if looks_around else InvertingEngine()
    assert engine.info.window == (Window(1, 1) if looks_around else Window())
    deblur(clip, tmp_path / "out.mkv", engine, gate=gate, batch=3)
    np.testing.assert_array_equal(read_alpha(tmp_path / "out.mkv"), read_alpha(clip))


def test_frames_that_differ_in_alpha_alone_are_repeated_with_their_own(tmp_path: Path) -> None:
    clip = tmp_path / "in.mkv"
    with av.open(str(clip), "w") as out:
        stream: Any = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        for number in range(5):
            frame = av.VideoFrame(64, 48, "yuva420p")
            for index in range(4):
                plane_rows(frame, index)[...] = 40 * number if index == 3 else 100
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    report = deblur(clip, tmp_path / "out.mkv", InvertingEngine())
    assert report.result.duplicates == 4
    assert [int(alpha[0, 0]) // 257 for alpha in read_alpha(tmp_path / "out.mkv")] == [0, 40, 80, 120, 160]


@pytest.mark.parametrize(
    ("codec", "options"), [("libvpx-vp9", REALTIME), ("libvpx", {**REALTIME, "auto-alt-ref": "0", "b": "1000000"})]
)
def test_segments_keep_it(codec: str, options: dict[str, str], tmp_path: Path) -> None:
    clip = write_clear_clip(tmp_path / "in.webm", codec, "yuva420p", frames=40, options=options)
    deblur(clip, tmp_path / "out.webm", InvertingEngine(), segments=SegmentOptions(seconds=0.5, always=True))
    found, wanted = read_alpha(tmp_path / "out.webm"), read_alpha(clip)
    assert len(found) == len(wanted) == 40
    assert np.abs(np.subtract(found, wanted, dtype=np.float64)).mean() / 257 < 8


def test_a_file_that_continues_one_without_it_loses_it_with_a_word(tmp_path: Path) -> None:
    plain = write_clear_clip(tmp_path / "a.mkv", "ffv1", "yuv420p")
    clear = write_clear_clip(tmp_path / "b.mkv", "ffv1", "yuva420p")
    with open_source(plain, SourceOptions(continued=(clear,))) as source:
        assert isinstance(source, ConcatSource)
        frames = [event for event in source.events() if isinstance(event, av.VideoFrame)]
        assert len(frames) == 8
        assert NoteCode.ALPHA_DROPPED in codes(source.notes)


def test_a_file_that_continues_one_with_it_is_opaque(tmp_path: Path) -> None:
    plain = write_clear_clip(tmp_path / "a.mkv", "ffv1", "yuv420p")
    clear = write_clear_clip(tmp_path / "b.mkv", "ffv1", "yuva420p")
    deblur(clear, tmp_path / "out.mkv", InvertingEngine(), source=SourceOptions(continued=(plain,)), sink=SinkOptions())
    found = read_alpha(tmp_path / "out.mkv")
    np.testing.assert_array_equal(found[:4], read_alpha(clear))
    assert len(found) == 8
    assert all((alpha == 0xFFFF).all() for alpha in found[4:])
