"""Streams that FFmpeg writes and PyAV does not add: sound and pictures as in AVI, and data of cameras."""

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.decode.source import VideoSource
from pipeline.encode.movie_edit import MovieEdit
from pipeline.encode.muxer import Muxer
from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.media.boxes import make
from pipeline.media.movie_boxes import TrackBoxes, read_boxes, read_movie
from pipeline.video import deblur_video
from tests.support.engines import CopyingEngine
from tests.support.notes import streams_left_out

CHAPTERS = [(0, 200, "one"), (200, 480, "two")]
KEYS = make(b"keys", b"\0\0\0\1" + make(b"keyd", b"mdtacom.example.motion"))
"""What a sample entry of a camera holds beyond its name."""


def refused_by_pyav(format_name: str, kind: str) -> list[str]:
    """Encoders of sound or pictures that AVI takes, and a container only where FFmpeg itself is asked."""
    found = {}
    for name in sorted(av.codecs_available):
        try:
            codec = av.Codec(name, "w")
        except ValueError:
            continue
        if codec.type != kind or codec.experimental or "_" in name.replace("pcm_", "").replace("adpcm_", ""):
            continue
        with av.open(io.BytesIO(), "w", format="avi") as avi, av.open(io.BytesIO(), "w", format=format_name) as other:
            if codec.name in avi.supported_codecs and codec.name not in other.supported_codecs:
                found.setdefault(codec.canonical_name, name)
    return sorted(found.values())


@pytest.mark.parametrize(
    ("codec", "given"),
    [
        ("pcm_alaw", ".avi"), ("pcm_mulaw", ".avi"), ("adpcm_ms", ".avi"), ("adpcm_ima_wav", ".avi"),
        ("adpcm_yamaha", ".avi"), ("wmav2", ".avi"), ("pcm_alaw", ".mov"), ("pcm_mulaw", ".mov"), ("wmav1", ".asf"),
    ],
)  # fmt: skip
def test_sound_as_in_avi_is_copied_to_matroska(
    codec: str, given: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = (
        with_wma(tmp_path / f"in{given}", codec) if "wma" in codec else make_clip(tmp_path / f"in{given}", audio=codec)
    )
    done = convert(source, tmp_path / "out.mkv")
    assert not streams_left_out(done.sink_notes)
    again = convert(done.path, tmp_path / "again.mkv")
    assert not streams_left_out(again.sink_notes)
    before = read_file(source)
    for path in (done.path, again.path):
        after = read_file(path)
        assert after.streams[1] == ("audio", codec)
        assert [data for _, data in after.packets[1]] == [data for _, data in before.packets[1]]
        assert decoded_samples(path) == decoded_samples(source)
        with av.open(str(path)) as container:
            assert container.streams.audio[0].codec_context.layout.nb_channels == 2


def with_wma(path: Path, codec: str) -> Path:
    """A clip with the sound of Windows Media, whose encoder needs a bit rate."""
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = output.add_stream(codec, rate=44_100, bit_rate=128_000)
        for number in range(10):
            frame = av.VideoFrame(64, 48, "gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        tone = av.AudioFrame.from_ndarray(
            np.sin(np.arange(17_640) / 9)[None].repeat(2, 0).astype("f4"), "fltp", "stereo"
        )
        tone.sample_rate, tone.pts, tone.time_base = 44_100, 0, Fraction(1, 44_100)
        resampler = av.AudioResampler(sound.format.name, "stereo", 44_100, frame_size=sound.frame_size or 2048)
        for chunk in resampler.resample(tone):
            output.mux(sound.encode(chunk))
        output.mux([*video.encode(None), *sound.encode(None)])
    return path


def decoded_samples(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio=0))


def test_chapters_and_tags_stay_beside_such_sound(tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = make_clip(tmp_path / "in.mov", audio="pcm_alaw", metadata={"title": "A walk"}, chapters=CHAPTERS)
    done = convert(source, tmp_path / "out.mkv")
    after = read_file(done.path)
    assert after.streams[1] == ("audio", "pcm_alaw")
    assert after.metadata["title"] == "A walk"
    assert after.chapters == [(0.0, 0.2, "one"), (0.2, 0.48, "two")]


def test_flv_takes_sound_whose_channels_are_not_named(
    tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    """FFmpeg would end the process."""
    source = convert(make_clip(tmp_path / "in.avi", audio="pcm_alaw"), tmp_path / "in.mkv").path
    done = convert(source, tmp_path / "out.flv")
    assert ("audio", "pcm_alaw") in read_file(done.path).streams or 1 in streams_left_out(done.sink_notes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_every_codec_that_ffmpeg_writes_there_is_copied_or_named(
    kind: str, suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    tried = 0
    for codec in refused_by_pyav("matroska" if suffix == ".mkv" else "mov", kind):
        source = two_streams(tmp_path / f"{codec}.avi", codec, kind, make_clip)
        if source is None:
            continue
        with VideoSource(source) as opened:
            if opened.info.stream.index:
                continue  # the other stream is taken for the video
        tried += 1
        done = convert(source, tmp_path / f"{codec}{suffix}", planes=False)
        before, after = read_file(source, 0), read_file(done.path, 0)
        if 1 in streams_left_out(done.sink_notes):
            assert suffix == ".mov", codec
            continue
        assert after.streams[1] == before.streams[1]
        assert [data for _, data in after.packets[1]] == [data for _, data in before.packets[1]]
    assert tried >= 3


def two_streams(path: Path, codec: str, kind: str, make_clip: Any) -> Path | None:
    """An AVI file whose second stream is of a codec; None if the encoder needs more than it is given here."""
    try:
        if kind == "audio":
            return make_clip(path, audio=codec)  # type: ignore[no-any-return]
        with av.open(str(path), "w") as output:
            streams: list[Any] = [output.add_stream(name, rate=25) for name in ("mpeg4", codec)]
            for stream in streams:
                stream.width, stream.height = 352, 288
                stream.pix_fmt = (stream.codec_context.codec.video_formats or [av.VideoFormat("yuv420p")])[0].name
            for number in range(5):
                for stream in streams:
                    frame = av.VideoFrame(352, 288, "gray").reformat(format=stream.pix_fmt)
                    frame.pts, frame.time_base = number, Fraction(1, 25)
                    output.mux(stream.encode(frame))
            for stream in streams:
                output.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError):
        return None
    return path


def with_data(path: Path, make_clip: Any, fourcc: bytes = b"djmd", entries: int = 1) -> Path:
    """An MP4 file with sound, and a data track that refers to the video and has more in its entry than a name."""
    plain = make_clip(path.with_name("plain.mp4"))
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        copies = {s.index: target.add_stream_from_template(s, opaque=True) for s in source.streams}
        data = target.add_mux_stream("bin_data")
        data.time_base = Fraction(1, 1000)
        data.metadata["handler_name"] = "camera"
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
        for number in range(4):
            sample: Any = av.Packet(bytes([number]) * 20)
            sample.stream, sample.time_base, sample.is_keyframe = data, Fraction(1, 1000), True
            sample.pts = sample.dts = 100 * number
            sample.duration = 100
            target.mux(sample)
    movie = read_movie(path)
    assert movie is not None
    track = movie.tracks[3]
    entry = make(fourcc, bytes(6) + b"\0\1" + KEYS)
    described = TrackBoxes(
        header=track.header[:-8] + struct.pack(">2I", 640 << 16, 480 << 16),
        handler=track.handler,
        media_header=make(b"nmhd", bytes(4)),
        descriptions=make(b"stsd", struct.pack(">2I", 0, entries) + entry * entries),
        entries=entries,
        fourcc=fourcc,
        references={b"cdsc": (1,)},
    )
    with path.open("r+b") as file:
        MovieEdit({"camera": described}).apply(file, {1: 1})
    return path


@pytest.mark.parametrize("fourcc", [b"djmd", b"dbgi", b"mebx", b"camm", b"rtmd", b"fdsc"])
@pytest.mark.parametrize(("given", "wanted"), [(".mov", ".mov"), (".mp4", ".mp4"), (".mp4", ".mov"), (".mov", ".mp4")])
def test_data_of_cameras_keeps_its_name_and_keys(
    fourcc: bytes, given: str, wanted: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = with_data(tmp_path / "in.mp4", make_clip, fourcc)
    if given == ".mov":
        source = convert(source, tmp_path / "in.mov").path
    done = convert(source, tmp_path / f"out{wanted}")
    assert not done.sink_notes
    before, after = read_movie(source), read_movie(done.path)
    assert before is not None
    assert after is not None
    assert after.tracks[3].fourcc == fourcc
    assert after.tracks[3].descriptions == before.tracks[3].descriptions
    assert KEYS in after.tracks[3].descriptions
    assert after.tracks[3].references == {b"cdsc": (1,)}
    assert after.tracks[3].media_header == before.tracks[3].media_header
    assert after.tracks[3].handler[16:20] == b"meta"
    assert read_file(done.path).packets[2] == read_file(source).packets[2]
    assert read_file(done.path).stream_metadata[2]["handler_name"] == "camera"


def test_data_is_named_where_it_cannot_be_carried(tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = with_data(tmp_path / "in.mp4", make_clip)
    done = convert(source, tmp_path / "out.mkv")
    assert streams_left_out(done.sink_notes) == {2}
    several = with_data(tmp_path / "several.mp4", make_clip, entries=2)
    done = convert(several, tmp_path / "out.mov")
    assert streams_left_out(done.sink_notes) == {2}
    assert len(read_file(done.path).streams) == 2


def test_a_pipe_gets_no_track_that_would_be_described_wrongly(tmp_path: Any, make_clip: Any) -> None:
    source = with_data(tmp_path / "in.mp4", make_clip)
    with VideoSource(source) as opened:
        muxer = Muxer(io.BytesIO(), opened.info, SinkOptions(format="mov"))
        muxer.abandon()
    assert streams_left_out(muxer.notes) == {2}


@pytest.mark.parametrize(("suffix", "given"), [(".mov", ".mov"), (".mkv", ".avi")])
def test_segments_give_the_same_streams(suffix: str, given: str, tmp_path: Any, make_clip: Any, read_file: Any) -> None:
    if given == ".mov":
        source = with_data(tmp_path / "in.mp4", make_clip)
    else:
        source = make_clip(tmp_path / "in.avi", audio="pcm_mulaw", frames=50)
    whole, parts = tmp_path / f"whole{suffix}", tmp_path / f"parts{suffix}"
    deblur_video(VideoJob(source, whole), CopyingEngine)
    report = deblur_video(VideoJob(source, parts, segments=SegmentOptions(0.2, always=True)), CopyingEngine)
    assert not [note for note in report.notes if note.is_loss]
    assert read_file(parts).streams == read_file(whole).streams
    index = len(read_file(source).streams) - 1
    assert read_file(parts).packets[index] == read_file(whole).packets[index]
    assert [data for _, data in read_file(parts).packets[index]] == [
        data for _, data in read_file(source).packets[index]
    ]
    with parts.open("rb") as file:
        movie = read_boxes(file)
    assert movie is None or movie.tracks[3].fourcc == b"djmd"
