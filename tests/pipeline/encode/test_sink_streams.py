"""Everything beside the picture: sound, subtitles, data, covers, attachments, chapters, tags."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from pipeline.decode.source import VideoSource
from pipeline.job import SinkOptions
from pipeline.notes import NoteCode
from tests.support.notes import codes, streams_left_out

FAST = SinkOptions(codec="libx264", preset="ultrafast")


@pytest.mark.parametrize(
    "name",
    [
        "many_streams.mp4", "srt_subtitles.mkv", "pgs_subtitles.mkv", "vobsub.mp4", "gps_gopro_karma.mp4",
        "dolby_vision.mov", "chapters.mp4",
    ],
)  # fmt: skip
def test_packets_of_other_streams_come_along_bit_by_bit(
    name: str, tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    source = shared_clip(name)
    with VideoSource(source) as opened:
        copied = [(stream.index, stream.type) for stream in opened.info.copied]
        index = opened.info.stream.index
    done = convert(source, tmp_path / f"out{source.suffix}", None, FAST, planes=False)
    before, after = read_file(source, index), read_file(done.path)
    left_out = {i for i, _ in copied} & streams_left_out(done.sink_notes)
    assert not left_out
    kept = 0
    for i, kind in copied:
        if i in left_out or "timecode" in before.stream_metadata[i]:
            continue  # a muxer of time code writes that track itself
        wanted = [payload for _, payload in before.packets.get(i, [])]
        if not wanted:
            continue  # a track without samples is not written
        matches = [k for k, packets in after.packets.items() if [p for _, p in packets] == wanted]
        assert matches, f"{kind} stream {i} is not in the output"
        assert after.streams[matches[0]][0] == kind
        kept += 1
    assert kept >= 1


def test_a_gopro_keeps_its_gps(tmp_path: Any, shared_clip: Any, convert: Any) -> None:
    done = convert(shared_clip("gps_gopro_karma.mp4"), tmp_path / "out.mp4", None, FAST, planes=False)
    assert b"gpmd" in done.path.read_bytes()
    with av.open(str(done.path)) as container:
        payload = [bytes(p) for p in container.demux(container.streams.data[0]) if p.size]
    assert payload[0].startswith(b"DEVC")


@pytest.mark.parametrize(
    ("name", "suffix", "lost"),
    [
        ("gps_gopro_karma.mp4", ".mkv", {2, 3, 4}),
        ("many_streams.mp4", ".mkv", {2, 5}),
        ("pgs_subtitles.mkv", ".mp4", {2}),
        ("srt_subtitles.mkv", ".mp4", {2}),
        ("scte35_data.ts", ".mp4", {2}),
        ("dog_720p.mp4", ".mkv", {2}),
    ],
)
def test_what_the_container_cannot_carry_is_named_before_the_work(
    name: str, suffix: str, lost: set[int], tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    source = shared_clip(name)
    done = convert(source, tmp_path / f"out{suffix}", None, FAST, planes=False, limit=10)
    named = streams_left_out(done.sink_notes)
    assert named == lost
    kept = [i for i in range(len(read_file(source, None if "many" not in name else 3).streams)) if i not in named]
    assert len(read_file(done.path).streams) == len(kept)


def test_other_video_streams_are_copied(tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any) -> None:
    source = shared_clip("many_streams.mp4")
    done = convert(source, tmp_path / "out.mkv", None, FAST, planes=False)
    before, after = read_file(source, 0), read_file(done.path, 0)
    assert [p for _, p in after.packets[0]] == [p for _, p in before.packets[0]]
    assert len(after.frames) == len(before.frames) == 325


def add_cover(path: Any, out: Any, make_clip: Any) -> Any:
    """Adds a PNG as cover art to a clip."""
    make_clip(path)
    png = av.CodecContext.create("png", "w")
    png.width, png.height, png.pix_fmt, png.time_base = 16, 16, "rgb24", Fraction(1, 25)
    picture = bytes(next(iter(png.encode(av.VideoFrame(16, 16, "rgb24")) + png.encode(None))))
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        if out.suffix == ".mkv":
            target.add_attachment("cover.png", "image/png", picture)
        copies = {s.index: target.add_stream_from_template(s, opaque=True) for s in source.streams}
        cover = None
        if out.suffix != ".mkv":
            cover = target.add_stream("png", rate=1)
            cover.width = cover.height = 16
            cover.pix_fmt = "rgb24"
            cover.disposition = av.stream.Disposition.attached_pic
            packet = av.Packet(picture)
            packet.stream, packet.time_base, packet.pts, packet.dts = cover, Fraction(1, 25), 0, 0
            target.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    return picture


@pytest.mark.parametrize("given", [".mp4", ".mkv"])
@pytest.mark.parametrize("wanted", [".mp4", ".mkv"])
def test_cover_art_comes_along(given: str, wanted: str, tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = tmp_path / f"in{given}"
    picture = add_cover(tmp_path / "plain.mp4", source, make_clip)
    with VideoSource(source) as opened:
        assert opened.info.codec == "h264"
        assert opened.info.covers
    done = convert(source, tmp_path / f"out{wanted}")
    assert not streams_left_out(done.sink_notes)
    with av.open(str(done.path)) as container:
        covers = [s for s in container.streams if s.disposition & av.stream.Disposition.attached_pic]
        assert len(covers) == 1
        assert [bytes(p) for p in container.demux(covers[0]) if p.size] == [picture]
        assert len([s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]) == 1


def test_attachments_come_along_or_are_named(tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    font = bytes(range(256)) * 3
    source = make_clip(tmp_path / "in.mkv", attachment=("font.ttf", "application/x-truetype-font", font))
    done = convert(source, tmp_path / "out.mkv")
    assert read_file(done.path).attachments == [("font.ttf", font)]
    done = convert(source, tmp_path / "out.mp4")
    assert NoteCode.STREAM_LEFT_OUT in codes(done.sink_notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_chapters_come_along(suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    chapters = [(0, 200, "one"), (200, 480, "two")]
    source = make_clip(tmp_path / "in.mkv", chapters=chapters, audio="libopus")
    done = convert(source, tmp_path / f"out{suffix}")
    assert read_file(done.path).chapters == [(0.0, 0.2, "one"), (0.2, 0.48, "two")]


def test_lost_chapters_are_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", chapters=[(0, 200, "one")], audio=None)
    done = convert(source, tmp_path / "out.avi")
    assert NoteCode.CHAPTERS_DROPPED in codes(done.sink_notes)


def test_chapters_of_a_clip_come_along_once(tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any) -> None:
    """The track that holds their titles is not copied beside them."""
    source = shared_clip("chapters.mp4")
    done = convert(source, tmp_path / "out.mp4", None, FAST)
    before, after = read_file(source), read_file(done.path)
    assert after.chapters == before.chapters
    assert after.streams == before.streams


def make_default(stream: Any) -> None:
    stream.disposition = av.stream.Disposition.default


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_tags_languages_and_dispositions_come_along(
    suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    tags = {
        "title": "A walk",
        "comment": "shaky",
        "com.android.version": "9",
        "creation_time": "2020-01-02T03:04:05.000000Z",
    }
    source = make_clip(tmp_path / "in.mkv", metadata=tags, stream_metadata={"language": "jpn"}, configure=make_default)
    done = convert(source, tmp_path / f"out{suffix}")
    after = read_file(done.path)
    kept = {key.lower(): value for key, value in after.metadata.items()}
    for key, value in tags.items():
        assert kept[key] == value
    assert after.stream_metadata[0]["language"] == "jpn"
    assert after.stream_metadata[1]["language"] == "fra"
    assert after.dispositions[0] == read_file(source).dispositions[0] == av.stream.Disposition.default
    if suffix == ".mkv":
        assert after.dispositions == read_file(source).dispositions
    assert NoteCode.TAGS_DROPPED not in codes(done.sink_notes)


def test_ordinary_tags_stay_where_players_look(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", metadata={"title": "A walk"})
    done = convert(source, tmp_path / "out.mp4")
    assert b"\xa9nam" in done.path.read_bytes()


def test_lost_tags_are_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", metadata={"firmware": "HD5"}, audio=None)
    done = convert(source, tmp_path / "out.avi")
    assert NoteCode.TAGS_DROPPED in codes(done.sink_notes)


@pytest.mark.parametrize("name", ["color_info.mp4", "metadata.mp4", "vfr_slow_motion.mp4", "gps_gopro_karma.mp4"])
def test_tags_of_clips_come_along(name: str, tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any) -> None:
    source = shared_clip(name)
    done = convert(source, tmp_path / "out.mp4", None, FAST, limit=5)
    before, after = read_file(source).metadata, read_file(done.path).metadata
    own = {"major_brand", "minor_version", "compatible_brands", "encoder"}
    # A place is written with more digits than it was read with.
    missing = {
        key for key in before if key not in own and not key.startswith("location") and after.get(key) != before[key]
    }
    assert not missing
    assert {key for key in before if key.startswith("location")} <= set(after)


def test_the_timecode_track_is_written_again(tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any) -> None:
    done = convert(shared_clip("dog_720p.mp4"), tmp_path / "out.mp4", None, FAST, planes=False, limit=20)
    after = read_file(done.path)
    assert after.stream_metadata[0]["timecode"] == "00:00:00:00"
    assert NoteCode.STREAM_LEFT_OUT not in codes(done.sink_notes)


def test_sound_of_which_a_transport_stream_keeps_no_name_is_left_out(
    tmp_path: Any, make_clip: Any, convert: Any
) -> None:
    """A player would find data of no kind."""
    source = make_clip(tmp_path / "in.mkv", audio="flac")
    done = convert(source, tmp_path / "out.ts", None, FAST)
    assert streams_left_out(done.sink_notes) == {1}
    with av.open(str(done.path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_cover_is_left_out_where_it_would_be_a_second_video(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 16, 16, "yuvj420p", Fraction(1, 25)
    picture = bytes(next(iter(encoder.encode(av.VideoFrame(16, 16, "yuvj420p")) + encoder.encode(None))))
    source = make_clip(tmp_path / "in.mkv", audio=None, attachment=("cover.jpg", "image/jpeg", picture))
    done = convert(source, tmp_path / "out.avi", None, SinkOptions(codec="mpeg4"))
    assert streams_left_out(done.sink_notes) == {1}
    with av.open(str(done.path)) as container:
        assert len(container.streams) == 1


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_the_last_packet_of_sound_is_played_though_no_length_of_it_is_known(
    suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    """Matroska says none of ALAC; a track of MP4 would end where that packet begins."""
    source = make_clip(tmp_path / "in.mkv", audio="alac")
    done = convert(source, tmp_path / f"out{suffix}", None, FAST)
    before, after = read_file(source), read_file(done.path)
    assert len(before.packets[1]) > 1
    assert [data for _, data in after.packets[1]] == [data for _, data in before.packets[1]]


@pytest.mark.parametrize(("suffix", "is_kept"), [(".mkv", True), (".ts", False)])
def test_an_attached_file_is_copied_or_named_and_never_an_empty_stream(
    suffix: str, is_kept: bool, tmp_path: Any, make_clip: Any, convert: Any
) -> None:
    source = make_clip(tmp_path / "in.mkv", audio=None, attachment=("a.ttf", "application/x-truetype-font", b"font"))
    done = convert(source, tmp_path / f"out{suffix}", None, FAST)
    assert streams_left_out(done.sink_notes) == (set() if is_kept else {1})
    with av.open(str(done.path)) as container:
        assert len(container.streams) == 1 + is_kept


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_another_default_track_is_named(suffix: str, tmp_path: Any, convert: Any) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as out:
        video: Any = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds: list[Any] = [out.add_stream("ac3", rate=48_000, layout="stereo") for _ in range(2)]
        sounds[0].disposition, sounds[1].disposition = 0, Disposition.default
        for number in range(5):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(video.encode(frame))
        for sound in sounds:
            samples = av.AudioFrame.from_ndarray(np.zeros((2, 1536), np.float32), "fltp", "stereo")
            samples.sample_rate, samples.pts = 48_000, 0
            out.mux(sound.encode(samples))
        for stream in (video, *sounds):
            out.mux(stream.encode(None))
    done = convert(source, tmp_path / f"out{suffix}", None, FAST)
    named = [note for note in done.sink_notes if "the default one" in note.text]
    assert [note.code for note in named] == [NoteCode.TAGS_DROPPED] * (suffix == ".ts")
