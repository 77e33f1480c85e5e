"""Transparency goes through beside the colours, or is said to be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import PlaneBatch
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.job import SinkOptions
from pipeline.media.frames import plane_rows, read_planes, spec_of, write_planes
from pipeline.notes import NoteCode
from tests.support.alpha import read_alpha, read_colours, write_clear_clip
from tests.support.notes import codes

if TYPE_CHECKING:
    from pathlib import Path

EXACT = [
    ("png", "rgba", "mov"),
    ("png", "rgba64be", "mov"),
    ("png", "ya8", "mov"),
    ("png", "ya16be", "mov"),
    ("png", "rgba", "avi"),
    ("qtrle", "argb", "mov"),
    ("ffv1", "yuva420p", "mkv"),
    ("ffv1", "yuva422p12le", "mkv"),
    ("ffv1", "yuva444p10le", "mkv"),
    ("ffv1", "gbrap12le", "mkv"),
    ("ffv1", "bgra", "avi"),
    ("utvideo", "gbrap", "avi"),
    ("magicyuv", "yuva444p", "avi"),
    ("apng", "rgba", "apng"),
]


@pytest.mark.parametrize(("codec", "pixel_format", "suffix"), EXACT)
def test_a_lossless_codec_keeps_every_sample(
    codec: str, pixel_format: str, suffix: str, tmp_path: Path, convert: Any
) -> None:
    source = write_clear_clip(tmp_path / f"in.{suffix}", codec, pixel_format)
    done = convert(source, tmp_path / f"out.{suffix}")
    assert NoteCode.ALPHA_DROPPED not in codes([*done.source_notes, *done.sink_notes])
    wanted = read_alpha(source)
    assert len(wanted) == 4
    np.testing.assert_array_equal(read_alpha(done.path), wanted)
    np.testing.assert_array_equal(read_colours(done.path), read_colours(source))


@pytest.mark.parametrize("engine_changes_colours", [False, True])
def test_prores_keeps_the_alpha_exactly_whatever_becomes_of_the_colours(
    engine_changes_colours: bool, tmp_path: Path
) -> None:
    source_path = write_clear_clip(tmp_path / "in.mov", "prores_ks", "yuva444p10le")
    with VideoSource(source_path) as source:
        sink = VideoSink(tmp_path / "out.mov", source.info)
        batch = PlaneBatch.empty(source.spec, 1)
        for event in source.events():
            assert isinstance(event, av.VideoFrame)
            read_planes(event, batch, 0)
            if engine_changes_colours:
                batch.planes[0][...] = 1000
            sink.write_frame(write_planes(batch, 0, event))
        sink.finish()
    np.testing.assert_array_equal(read_alpha(tmp_path / "out.mov"), read_alpha(source_path))


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libvpx", {"auto-alt-ref": "0", "b": "2000000"}), ("libvpx-vp9", {"deadline": "realtime", "crf": "10"})],
)
@pytest.mark.parametrize("suffix", ["webm", "mkv"])
def test_vp8_and_vp9_keep_it(
    codec: str, options: dict[str, str], suffix: str, tmp_path: Path, convert: Any, read_file: Any
) -> None:
    source = write_clear_clip(tmp_path / "in.webm", codec, "yuva420p", options=options)
    done = convert(source, tmp_path / f"out.{suffix}")
    assert not codes(done.sink_notes) & {NoteCode.ALPHA_DROPPED, NoteCode.ENCODER_CHANGED}
    found, wanted = read_alpha(done.path), read_alpha(source)
    assert len(found) == len(wanted) == 4
    difference = np.abs(np.subtract(found, wanted, dtype=np.float64)) / 257
    assert difference.mean() < 4
    assert read_file(done.path).stream_metadata[0]["alpha_mode"] == "1"


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", None), ("mp4", "h264"), ("mov", "hevc"), ("webm", "av1"), ("ts", None)]
)
def test_it_is_named_where_it_can_not_be_kept(
    suffix: str, codec: str | None, tmp_path: Path, convert: Any, read_file: Any
) -> None:
    source = write_clear_clip(tmp_path / "in.webm", "libvpx-vp9", "yuva420p", options={"deadline": "realtime"})
    done = convert(source, tmp_path / f"out.{suffix}", None, SinkOptions(codec=codec))
    assert NoteCode.ALPHA_DROPPED in codes(done.sink_notes)
    assert not read_alpha(done.path)
    contents = read_file(done.path)
    assert len(contents.frames) == 4
    assert "alpha_mode" not in {key.lower() for key in contents.stream_metadata[0]}


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"), [("png", "rgba", "mov"), ("prores_ks", "yuva444p10le", "mov")]
)
def test_it_counts_more_than_depth_and_full_chroma(
    codec: str, pixel_format: str, suffix: str, tmp_path: Path, convert: Any
) -> None:
    source = write_clear_clip(tmp_path / f"in.{suffix}", codec, pixel_format)
    done = convert(source, tmp_path / "out.webm")
    assert (done.plan.codec, done.plan.pixel_format) == ("vp9", "yuva420p")
    assert len(read_alpha(done.path)) == 4


def test_an_odd_size_is_padded_with_its_alpha(tmp_path: Path, convert: Any) -> None:
    source = write_clear_clip(tmp_path / "in.mov", "png", "rgba", size=(33, 21))
    done = convert(source, tmp_path / "out.mov", None, SinkOptions(codec="prores"))
    for found, wanted in zip(read_alpha(done.path), read_alpha(source), strict=True):
        np.testing.assert_array_equal(found[:21, :33] >> 8, wanted >> 8)


def test_a_transparent_colour_of_a_palette_stays_so() -> None:
    frame = av.VideoFrame(8, 8, "pal8")
    frame.planes[0].update(bytes(range(frame.planes[0].buffer_size)))
    palette = np.full(256, 0xFF102030, np.uint32)
    frame.planes[1].update(palette.tobytes())
    assert spec_of(frame)[1] == "gbrp"
    palette[3] = 0
    frame.planes[1].update(palette.tobytes())
    assert spec_of(frame)[1] == "gbrap"
    alpha = plane_rows(frame.reformat(format="gbrap"), 3)
    assert alpha[0, 3] == 0
    assert alpha[0, 4] == 255
