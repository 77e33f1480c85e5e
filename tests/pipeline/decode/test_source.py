"""Opening inputs, and what is said about those that are no good."""

import io
import random
import struct
import threading
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from network.planes import Layout, Matrix
from pipeline.decode.source import VideoSource
from pipeline.errors import InputError
from pipeline.job import SourceOptions
from pipeline.notes import NoteCode
from tests.support.notes import codes


def count(source: VideoSource) -> tuple[int, int]:
    frames = packets = 0
    for event in source.events():
        if isinstance(event, av.VideoFrame):
            frames += 1
        else:
            packets += 1
    return frames, packets


def test_facts_of_an_input(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mp4", frames=25, pix_fmt="yuv420p10le", size=(70, 50))
    with VideoSource(path) as source:
        assert (source.info.codec, source.info.pixel_format) == ("h264", "yuv420p10le")
        assert (source.info.spec.width, source.info.spec.height) == (70, 50)
        assert (source.info.spec.layout, source.info.spec.depth, source.info.spec.matrix) == (
            Layout.YUV420P,
            10,
            Matrix.BT601,
        )
        assert source.info.average_rate == 25
        assert source.info.duration == pytest.approx(1)
        assert source.info.frame_estimate == 25
        assert source.info.rotation == 0
        assert not source.info.interlaced
        assert [stream.type for stream in source.info.copied] == ["audio"]
        frames, packets = count(source)
    assert frames == 25
    assert packets > 40
    assert source.notes == source.damage == []


def test_frames_come_in_order_with_their_times(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mp4", frames=30, options={"bf": "3"})
    with VideoSource(path) as source:
        frames = [event for event in source.events() if isinstance(event, av.VideoFrame)]
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(i, 25) for i in range(30)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.parent, "does not exist"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.write_bytes(b""), "is not a video: the file is empty"),
        (lambda p: p.write_text("To be, or not to be\n" * 200), "is not a video"),
        (lambda p: p.write_bytes(bytes(5000)), "is not a video"),
    ],
)
def test_what_is_no_video_is_refused(make: Any, message: str, tmp_path: Any) -> None:
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(InputError, match=message):
        VideoSource(path)


def test_sound_alone_is_refused(shared_clip: Any) -> None:
    with pytest.raises(InputError, match="no video stream"):
        VideoSource(shared_clip("dts_audio.mkv"))


def test_a_video_without_frames_is_refused(shared_clip: Any) -> None:
    with pytest.raises(InputError, match="no frame that can be decoded"):
        VideoSource(shared_clip("invalid_bitstream.webm"))


def test_interlaced_video_is_refused_with_the_way_out(shared_clip: Any) -> None:
    with pytest.raises(InputError, match=r"interlaced.*`deinterlace`"):
        VideoSource(shared_clip("interlaced_1080.mts"))


def test_an_unknown_format_is_refused(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="can't be opened"):
        VideoSource(path, SourceOptions(format="nonsense"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_gives_what_is_there(share: float, tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mp4", frames=50, muxer={"movflags": "faststart"}, audio=None)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with VideoSource(path) as source:
        frames, _ = count(source)
        assert 0 < frames < 50
        assert any("ends early" in line for line in source.damage)


def test_a_file_without_its_index_is_refused(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mp4", frames=50, audio=None)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"has no index .*its end is missing; \d+ bytes of media data are there"):
        VideoSource(path)


def restamp(path: Path, out: Path, change: Callable[[int, int], int]) -> None:
    """Copies a video with other time stamps: ``change`` gets the number of a packet and its stamp."""
    with av.open(str(path)) as given, av.open(str(out), "w") as written:
        copy = written.add_stream_from_template(given.streams.video[0], opaque=True)
        for number, packet in enumerate(packet for packet in given.demux() if packet.size):
            assert packet.pts is not None
            packet.pts, packet.dts = change(number, packet.pts), 0  # Matroska stores no decoding time
            packet.stream = copy
            written.mux_one(packet)


@pytest.mark.parametrize("leap", [40_000, -40_000])
@pytest.mark.parametrize("place", [8, 19])
def test_one_wrong_time_stamp_moves_no_other_frame(leap: int, place: int, tmp_path: Any, make_clip: Any) -> None:
    path, broken = make_clip(tmp_path / "a.mkv", frames=20, audio=None, options={"bf": "0"}), tmp_path / "b.mkv"
    restamp(path, broken, lambda number, stamp: stamp + 50_000 + leap * (number == place))
    with VideoSource(broken) as source:
        times = [event.pts for event in source.events() if isinstance(event, av.VideoFrame)]
        notes = codes(source.notes)
    assert len(times) == 20
    assert times == sorted(set(times))
    right = [50_000 + 40 * number for number in range(20)]
    assert [number for number in range(20) if times[number] != right[number]] in ([], [place])
    if place < 19:
        assert times == right
    assert (NoteCode.TIMES_REPAIRED in notes) == (place < 19)


@pytest.mark.parametrize("leap", [100, 400, 1400])
def test_a_small_leap_moves_no_other_frame_and_a_pause_is_kept(leap: int, tmp_path: Any, make_clip: Any) -> None:
    path, broken = make_clip(tmp_path / "a.mkv", frames=30, audio=None, options={"bf": "0"}), tmp_path / "b.mkv"
    restamp(path, broken, lambda number, stamp: stamp + leap * (number == 8) + leap * (number >= 20))
    with VideoSource(broken) as source:
        times = [event.pts for event in source.events() if isinstance(event, av.VideoFrame)]
    assert times == [40 * number + leap * (number >= 20) for number in range(30)]


@pytest.mark.parametrize("leap", [40_000, -40_000])
def test_a_clock_that_is_set_anew_is_followed(leap: int, tmp_path: Any, make_clip: Any) -> None:
    path, broken = make_clip(tmp_path / "a.mkv", frames=20, audio=None, options={"bf": "0"}), tmp_path / "b.mkv"
    restamp(path, broken, lambda number, stamp: stamp + 50_000 + leap * (number >= 8))
    with VideoSource(broken) as source:
        times = [event.pts for event in source.events() if isinstance(event, av.VideoFrame)]
        jumped = NoteCode.CLOCK_JUMPED in codes(source.notes)
    assert len(times) == 20
    gap = times[8] - times[7]
    assert gap == (40 + leap if leap > 0 else 40)  # a pause is kept; time never runs backwards
    assert jumped == (leap < 0)
    assert {after - before for before, after in pairwise(times[8:])} == {40}


def test_a_header_that_lies_about_the_duration_costs_nothing(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mkv", frames=20, audio=None)
    data = bytearray(path.read_bytes())
    start = data.index(b"\x44\x89\x88") + 3  # the element Duration, of eight bytes
    data[start : start + 8] = struct.pack(">d", 1e9)
    path.write_bytes(data)
    with VideoSource(path) as source:
        assert source.info.duration is not None
        assert source.info.duration > 10_000
        assert count(source)[0] == 20
        assert source.damage == ["the file ends early: at 0.800 s of 1000000.000 s"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_flipped_bits_never_stop_it(seed: int, suffix: str, tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / f"a{suffix}", frames=50, muxer={"movflags": "faststart"} if suffix == ".mp4" else {})
    data = bytearray(path.read_bytes())
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(12):
        place = rng.randrange(len(data) // 4, len(data))
        data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    with VideoSource(path) as source:
        frames, _ = count(source)
        assert 10 <= frames <= 50
        if frames < 50 and suffix == ".mp4":
            assert source.corrupt_packets or source.corrupt_frames or source.damage


@pytest.mark.parametrize(("name", "frames"), [("damaged.mp4", 49), ("invalid_nalu.mp4", 29)])
def test_a_packet_that_is_no_good_costs_one_frame(name: str, frames: int, shared_clip: Any) -> None:
    with VideoSource(shared_clip(name)) as source:
        assert count(source)[0] == frames
        assert source.corrupt_packets == 1
        assert source.damage[0].startswith("at ")


def test_faults_at_the_very_end_cost_only_their_frames(tmp_path: Any, make_clip: Any) -> None:
    """A decoder with several threads would lose more; see FrameDecoder."""
    path = make_clip(tmp_path / "a.mkv", frames=40, audio=None, options={"bf": "0"})
    broken = tmp_path / "b.mkv"
    with av.open(str(path)) as given, av.open(str(broken), "w") as out:
        copy = out.add_stream_from_template(given.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in given.demux() if p.size):
            if number in (37, 38):
                noise = av.Packet(bytes(packet)[:4] + bytes((7 * i * i + number) % 256 for i in range(packet.size - 4)))
                noise.pts, noise.dts, noise.time_base = packet.pts, packet.dts, packet.time_base
                packet = noise
            packet.stream = copy
            out.mux(packet)
    with VideoSource(broken) as source:
        frames, _ = count(source)
        assert 38 <= frames < 40
        assert source.corrupt_packets >= 1
        assert len(source.damage) >= 40 - frames or "gave no picture" in source.damage[-1]


@pytest.mark.timeout(60)
def test_a_pipe_can_be_read(tmp_path: Any, make_clip: Any) -> None:
    data = make_clip(tmp_path / "a.mkv", frames=30).read_bytes()

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return False

        def readinto(self, buffer: Any) -> int:
            return self.rest.readinto(memoryview(buffer)[:1000])

    with VideoSource(Pipe()) as source:  # type: ignore[arg-type]
        assert count(source)[0] == 30
    with VideoSource(Pipe(), SourceOptions(start=0.4, format="matroska")) as source:  # type: ignore[arg-type]
        assert count(source)[0] == 20


def test_a_source_can_be_read_in_another_thread(tmp_path: Any, make_clip: Any) -> None:
    found = []
    with VideoSource(make_clip(tmp_path / "a.mp4")) as source:
        worker = threading.Thread(target=lambda: found.append(count(source)[0]))
        worker.start()
        worker.join(30)
    assert found == [12]


def test_frames_without_a_time_get_one(tmp_path: Any) -> None:
    path = tmp_path / "a.h264"
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    with path.open("wb") as file:
        for number in range(20):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = number
            for packet in encoder.encode(frame):
                file.write(bytes(packet))
        for packet in encoder.encode(None):
            file.write(bytes(packet))
    with VideoSource(path) as source:
        frames = [event for event in source.events() if isinstance(event, av.VideoFrame)]
        assert len(frames) == 20
        times = [frame.pts * frame.time_base for frame in frames]
        assert times == sorted(set(times))
        assert times[-1] - times[0] == pytest.approx(19 / 25, abs=0.001)
        assert NoteCode.TIMES_REPAIRED in codes(source.notes)


def test_a_pixel_format_that_changes_becomes_that_of_the_first(tmp_path: Any, make_clip: Any) -> None:
    plain = make_clip(tmp_path / "plain.ts", frames=10, audio=None, options={"bf": "0"})
    other = make_clip(tmp_path / "other.ts", frames=10, audio=None, options={"bf": "0"}, pix_fmt="yuv422p10le")
    path = tmp_path / "both.ts"
    path.write_bytes(plain.read_bytes() + other.read_bytes())
    with VideoSource(path) as source:
        frames = [event for event in source.events() if isinstance(event, av.VideoFrame)]
        assert len(frames) == 20
        assert {(frame.format.name, frame.width, frame.height) for frame in frames} == {("yuv420p", 64, 48)}
        assert NoteCode.FRAMES_CHANGED in codes(source.notes)
        times = [frame.pts for frame in frames]
        assert times == sorted(set(times))
