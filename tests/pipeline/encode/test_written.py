"""What was written is compared with what was planned; and what FFmpeg does not show comes along or is named."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from pipeline.decode.source import VideoSource
from pipeline.encode.movie_edit import MovieEdit
from pipeline.encode.written import Promise, differences
from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.media.boxes import make
from pipeline.media.movie_boxes import read_movie
from pipeline.media.pyav18 import open_media
from pipeline.media.tags import stream_tags
from pipeline.notes import NoteCode
from pipeline.probe import facts
from pipeline.video import deblur_video
from tests.support.engines import CopyingEngine
from tests.support.notes import codes, streams_left_out

XMP = make(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<x:xmpmeta/>")
MAKER = make(b"GPMF", b"DEVC" + bytes(20))
GPS = make(b"gps ", struct.pack(">4I", 0, 1, 1000, 32))
FREE_TAGS = {"com.example.camera": "X1", "Keys:Make": "Acme"}


def covers(path: Path) -> list[bytes]:
    """The cover pictures of a file."""
    with av.open(str(path)) as container:
        found = [s.index for s in container.streams if s.disposition & av.stream.Disposition.attached_pic]
        return [bytes(packet) for packet in container.demux() if packet.size and packet.stream.index in found]


@pytest.fixture(name="covered")
def covered_fixture(tmp_path: Any, make_clip: Any) -> tuple[Path, bytes]:
    """A clip with a cover picture and tags of all kinds, and the picture."""
    png: Any = av.CodecContext.create("png", "w")
    png.width, png.height, png.pix_fmt, png.time_base = 16, 16, "rgb24", Fraction(1, 25)
    picture = bytes(next(iter(png.encode(av.VideoFrame(16, 16, "rgb24")) + png.encode(None))))
    attachment = ("cover.png", "image/png", picture)
    path = make_clip(tmp_path / "in.mkv", attachment=attachment, metadata={"title": "A walk", **FREE_TAGS})
    return path, picture


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("in_segments", [False, True])
def test_a_cover_and_free_tags_both_survive(
    in_segments: bool, suffix: str, covered: tuple[Path, bytes], tmp_path: Any, read_file: Any
) -> None:
    source, picture = covered
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    segments = SegmentOptions(0.2, always=True) if in_segments else None
    for given, wanted in ((source, first), (first, second)):
        report = deblur_video(VideoJob(given, wanted, segments=segments), CopyingEngine)
        assert not report.notes
        assert covers(wanted) == [picture]
        after = {key.lower(): value for key, value in read_file(wanted).metadata.items()}
        assert {key: after.get(key.lower()) for key in FREE_TAGS} == FREE_TAGS
        assert after["title"] == "A walk"
        assert b"\xa9nam" in wanted.read_bytes()  # where players look


def test_a_pipe_keeps_the_cover_and_names_the_tags(covered: tuple[Path, bytes], tmp_path: Any) -> None:
    source, picture = covered
    piped = tmp_path / "piped.mp4"
    with piped.open("wb") as file:
        report = deblur_video(VideoJob(source, file, sink=SinkOptions(format="mp4")), CopyingEngine)
    assert covers(piped) == [picture]
    assert NoteCode.TAGS_DROPPED in codes(report.notes)


def with_boxes(path: Path, make_clip: Any) -> Path:
    """A clip with boxes of makers."""
    make_clip(path)
    with path.open("r+b") as file:
        MovieEdit({}, (MAKER,), (GPS,), (make(b"free", b"GPS data" * 9), XMP)).apply(file)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("in_segments", [False, True])
def test_boxes_of_makers_come_along_or_are_named(
    in_segments: bool, suffix: str, tmp_path: Any, make_clip: Any, read_file: Any
) -> None:
    source = with_boxes(tmp_path / f"in{suffix}", make_clip)
    done = tmp_path / f"out{suffix}"
    segments = SegmentOptions(0.2, always=True) if in_segments else None
    report = deblur_video(VideoJob(source, done, segments=segments), CopyingEngine)
    (note,) = report.notes
    assert note.code == NoteCode.BOXES_DROPPED
    assert note.is_loss
    assert "gps" in note.text
    assert "free (80 bytes)" in note.text
    assert "GPMF" not in note.text
    after = read_movie(done)
    assert after is not None
    assert after.in_user_data == (MAKER,)
    assert after.at_end == (XMP,)
    assert after.others == ()
    assert read_file(done).packets[1] == read_file(source).packets[1]


def test_all_boxes_are_named_where_none_can_come_along(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = with_boxes(tmp_path / "in.mp4", make_clip)
    notes = convert(source, tmp_path / "out.mkv").sink_notes
    (note,) = (note for note in notes if note.code == NoteCode.BOXES_DROPPED)
    assert all(name in note.text for name in ("GPMF", "gps", "free", "uuid XMP"))


@pytest.mark.parametrize(("suffix", "is_kept"), [(".mp4", True), (".mkv", False)])
def test_info_names_the_boxes_before_the_work(suffix: str, is_kept: bool, tmp_path: Any, make_clip: Any) -> None:
    source = with_boxes(tmp_path / "in.mp4", make_clip)
    with VideoSource(source) as opened:
        (note,) = (note for note in facts(opened, suffix)["output"]["notes"] if "recorder" in note)
    assert "gps" in note
    assert ("GPMF" in note) != is_kept


def test_differences_are_named(tmp_path: Any, make_clip: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", metadata={"title": "A walk"}, chapters=[(0, 200, "one")])
    poor = make_clip(tmp_path / "poor.mp4", audio=None)
    with VideoSource(source) as opened:
        sound = opened.info.copied[0]
        promise = Promise(opened.info.stream, [sound], [sound], ["title"], 1, MovieEdit({}, (MAKER,)))
        notes = differences(poor, promise)
        assert codes(notes) == {
            NoteCode.STREAM_LEFT_OUT, NoteCode.TAGS_DROPPED, NoteCode.CHAPTERS_DROPPED, NoteCode.BOXES_DROPPED,
        }  # fmt: skip
        assert streams_left_out(notes) == {1}
        assert all(note.is_loss for note in notes)
        assert differences(source, Promise(opened.info.stream, [sound], [], ["title"], 1, MovieEdit())) == []
        (poor.parent / "broken.mp4").write_bytes(b"no video")
        (note,) = differences(poor.parent / "broken.mp4", promise)
        assert note.code == NoteCode.OUTPUT_UNREADABLE


def test_a_language_that_is_lost_is_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    done = convert(make_clip(tmp_path / "in.mkv"), tmp_path / "out.flv")
    (note,) = (note for note in done.sink_notes if note.code == NoteCode.TAGS_DROPPED)
    assert "language (fra)" in note.text
    assert note.stream == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_titles_of_tracks_of_mp4_are_kept(suffix: str, tmp_path: Any, convert: Any) -> None:
    source = titled(tmp_path / "in.mp4")
    done = convert(source, tmp_path / f"out{suffix}")
    with open_media(str(done.path)) as output:
        assert [stream_tags(stream).get("title") for stream in output.streams] == ["Picture", "Director"]
    assert NoteCode.TAGS_DROPPED not in codes(done.sink_notes)


def test_lost_tags_and_roles_are_named_for_picture_and_sound(tmp_path: Any, convert: Any) -> None:
    done = convert(titled(tmp_path / "in.mkv", role="comment"), tmp_path / "out.avi")
    picture, sound = (note for note in done.sink_notes if note.code == NoteCode.TAGS_DROPPED)
    assert (picture.stream, sound.stream) == (0, 1)
    assert "language (fra)" in picture.text
    assert "disposition (comment)" in sound.text


def titled(path: Any, role: str = "default") -> Any:
    """Writes a clip whose picture and sound have a title and a language."""
    with open_media(str(path), "w") as out:
        video: Any = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = out.add_stream("aac", rate=48_000, layout="mono")
        for stream, title in ((video, "Picture"), (sound, "Director")):
            stream.metadata.update(title=title, language="fra")
        sound.disposition = Disposition[role]
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 20, np.uint8), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts = number
            out.mux(video.encode(frame))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        samples.sample_rate = 48_000
        for chunk in av.AudioResampler("fltp", "mono", 48_000, frame_size=1024).resample(samples):
            out.mux(sound.encode(chunk))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def test_sound_that_cannot_be_found_again_is_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    """MPEG-TS takes any sound, and has no name for some."""
    done = convert(make_clip(tmp_path / "in.avi", audio="pcm_alaw"), tmp_path / "out.ts")
    assert 1 in streams_left_out(done.sink_notes)


def test_only_the_beginning_of_the_output_is_read(
    tmp_path: Any, make_clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the output is, no packet is asked for."""
    clip = make_clip(tmp_path / "in.mp4")
    with VideoSource(clip) as opened:
        sound = opened.info.copied[0]
        monkeypatch.setattr("pipeline.encode.written.open_media", lambda path: Refusing(path))
        assert differences(clip, Promise(opened.info.stream, [sound], [], [], 0, MovieEdit())) == []


class Refusing:
    """An input of which no packet may be read."""

    def __init__(self, path: str) -> None:
        self._container = av.open(path)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_error: object) -> None:
        self._container.close()

    def __getattr__(self, name: str) -> Any:
        assert name in ("streams", "metadata", "chapters"), name
        return getattr(self._container, name)
