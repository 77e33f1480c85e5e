"""What a container says of 360 degree video is said by the output too, or named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import pytest
from av.sidedata.sidedata import Type

from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.media.pyav18 import side_data
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.displays import InterruptingDisplay
from tests.support.engines import InvertingEngine
from tests.support.notes import codes
from tests.support.spherical import add_sphere

if TYPE_CHECKING:
    from pathlib import Path

FRAGMENTS = {"movflags": "empty_moov+frag_keyframe+default_base_moof"}


@pytest.fixture(name="make_sphere")
def make_sphere_fixture(make_clip: Any, tmp_path: Path) -> Any:
    """Writes a clip that is marked as a sphere."""

    def make(*, yaw: int = 0, stereo: int | None = None, entry: bytes = b"avc1", **settings: Any) -> Path:
        clip = make_clip(tmp_path / "in.mp4", muxer=FRAGMENTS, **{"audio": None, "frames": 3, **settings})
        return add_sphere(clip, yaw=yaw, stereo=stereo, entry=entry)

    return make


def sphere_of(path: Path) -> bytes | None:
    """What is said of the sphere, in FFmpeg's memory layout."""
    with av.open(str(path)) as file:
        data = side_data(next(file.decode(video=0))).get(Type.SPHERICAL)
        return None if data is None else bytes(data)


@pytest.mark.parametrize(
    ("codec", "entry", "suffix"),
    [
        *(("libx264", b"avc1", suffix) for suffix in ("mp4", "mov", "mkv")),
        *(("libx265", b"hev1", suffix) for suffix in ("mp4", "mov", "mkv")),
        *(("libvpx-vp9", b"vp09", suffix) for suffix in ("mp4", "mkv", "webm")),
        *(("libsvtav1", b"av01", suffix) for suffix in ("mp4", "mkv", "webm")),
    ],
)
def test_a_sphere_stays_one(
    codec: str, entry: bytes, suffix: str, make_sphere: Any, tmp_path: Path, convert: Any, read_file: Any
) -> None:
    source = make_sphere(codec=codec, entry=entry)
    done = convert(source, tmp_path / f"out.{suffix}", None, SinkOptions(codec=codec))
    assert NoteCode.SIDE_DATA_DROPPED not in codes(done.sink_notes)
    assert sphere_of(done.path) == sphere_of(source) is not None
    assert len(read_file(done.path).frames) == 3


def test_the_direction_of_view_and_both_eyes_stay(make_sphere: Any, tmp_path: Path, convert: Any) -> None:
    source = make_sphere(yaw=10, stereo=2)
    done = convert(source, tmp_path / "out.mkv")
    assert sphere_of(done.path) == sphere_of(source)
    done = convert(source, tmp_path / "out.mp4")
    for box in (b"st3d", b"sv3d"):
        place, size = (source.read_bytes().index(box), 9 if box == b"st3d" else 4)
        assert source.read_bytes()[place : place + size] in done.path.read_bytes()
    assert (10 << 16).to_bytes(4, "big") in done.path.read_bytes()
    assert NoteCode.SIDE_DATA_DROPPED not in codes(done.sink_notes)


@pytest.mark.parametrize(
    ("suffix", "codec", "yaw"), [("avi", None, 0), ("ts", None, 0), ("mkv", "ffv1", 0), ("mov", None, 10)]
)
def test_it_is_named_where_it_can_not_be_said(
    suffix: str, codec: str | None, yaw: int, make_sphere: Any, tmp_path: Path, convert: Any
) -> None:
    done = convert(make_sphere(yaw=yaw), tmp_path / f"out.{suffix}", None, SinkOptions(codec=codec))
    assert any(note.code is NoteCode.SIDE_DATA_DROPPED and "360 degrees" in note.text for note in done.sink_notes)
    assert sphere_of(done.path) is None


def test_segments_say_it_too(make_sphere: Any, tmp_path: Path) -> None:
    source = make_sphere(frames=60, options={"g": "25"}, audio="aac")
    job = VideoJob(source, tmp_path / "out.mp4", segments=SegmentOptions(seconds=1.0, always=True))
    report = deblur_video(job, InvertingEngine, InterruptingDisplay(None, None))
    assert report.result.frames_out == 60
    assert sphere_of(tmp_path / "out.mp4") == sphere_of(source) is not None
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 60
