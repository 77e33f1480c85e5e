"""Reading runs of frames from anywhere in a file, whole or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from network.errors import DataError
from network.synth.footage import FrameReader, UnusableError, survey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.scenes import Scene


@pytest.fixture
def clip(write_video: Callable[..., Path], scene: Scene, tmp_path: Path) -> Path:
    """Sixty frames of H.264 with B-frames and five keyframes."""
    return write_video(tmp_path / "clip.mp4", [scene.picture(1.5 * time, 0, 64, 96) for time in range(60)])


def test_a_survey_counts_frames_without_decoding(clip: Path) -> None:
    footage = survey(clip)
    assert (footage.width, footage.height) == (96, 64)
    assert len(footage.times) == 60
    assert len(set(np.diff(footage.times))) == 1
    assert len(footage.keys) == 5
    assert footage.fault == ""


def test_runs_in_any_order_hold_the_frames_of_a_full_decoding(clip: Path) -> None:
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with FrameReader(survey(clip)) as reader:
        for first, count in ((30, 5), (31, 3), (33, 9), (0, 2), (57, 3), (11, 2), (12, 1)):
            crops, times = reader.crops(first, count, 3, 10, 40)
            assert np.array_equal(times, survey(clip).times[first : first + count])
            for number, crop in enumerate(crops, start=first):
                assert np.array_equal(crop, frames[number][3:43, 10:50]), number
        with pytest.raises(UnusableError, match="end"):
            reader.crops(58, 3, 0, 0, 40)


def test_a_file_that_ends_early_is_named_and_used_as_far_as_it_goes(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    footage = survey(clip)
    assert footage.fault.startswith("ends early, after ")
    assert 20 < len(footage.times) < 60
    with FrameReader(footage) as reader:
        assert len(reader.crops(10, 7, 0, 0, 40)[0]) == 7


def test_a_damaged_stretch_is_refused_and_the_rest_is_read(clip: Path) -> None:
    with av.open(str(clip)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(clip.read_bytes())
    rng = np.random.default_rng(0)
    for place, size in packets[24:30]:
        data[place + 4 : place + size] = rng.integers(0, 256, size - 4, dtype=np.uint8).tobytes()
    clip.write_bytes(bytes(data))
    with FrameReader(survey(clip)) as reader:
        with pytest.raises(UnusableError):
            reader.crops(24, 6, 0, 0, 40)
        assert len(reader.crops(5, 6, 0, 0, 40)[0]) == 6
        assert len(reader.crops(50, 6, 0, 0, 40)[0]) == 6


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video", encoding="utf-8")
    with pytest.raises(DataError, match=r"text\.mp4 can't be read as a video"):
        survey(text)
    sound = tmp_path / "sound.mkv"
    with av.open(str(sound), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        output.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(DataError, match="no video stream"):
        survey(sound)


def test_hdr_is_refused(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        stream.codec_context.color_trc = 16
        frame = av.VideoFrame.from_ndarray(scene.picture(0, 0, 64, 96), format="rgb24").reformat(format="yuv420p10le")
        output.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(DataError, match="HDR"):
        survey(path)
