"""Every clip, through source, the identity network and FFV1: the frames are the input's, bit for bit."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.engines.load import load_engine
from pipeline.errors import InputError
from pipeline.job import SinkOptions, SourceOptions

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips"
NAMES = sorted(path.name for path in CLIPS.iterdir()) if CLIPS.is_dir() else []
UNREADABLE = {"dts_audio.mkv": "has no video stream", "invalid_bitstream.webm": "has no frame that can be decoded"}
LARGE = {  # 1080p: a few frames say as much
    "edit_list.mp4", "hdr10_vfr_sdr_container.mp4", "mastering_display_light_level.mp4", "hlg10.mp4",
    "color_info.mp4", "interlaced_1080.mts",
}  # fmt: skip


def check(name: str, tmp_path: Path, convert: Any, samples_of: Any, limit: int | None) -> None:
    path, out = CLIPS / name, tmp_path / "out.mkv"
    options = SourceOptions(deinterlace=name.startswith("interlaced"))
    if name in UNREADABLE:
        with pytest.raises(InputError, match=UNREADABLE[name]):
            convert(path, out, options)
        return
    engine = load_engine("openvino", "identity")
    done = convert(path, out, options, SinkOptions(codec="ffv1"), limit=limit, keep=True, engine=engine)
    assert done.frames > 0
    with av.open(str(out)) as container:
        stream = next(s for s in container.streams.video if s.codec_context.name == "ffv1")
        frames = [samples_of(frame) for frame in container.decode(stream)]
    assert len(frames) == done.frames
    for frame, expected in zip(frames, done.decoded, strict=True):
        for plane, wanted in zip(frame, expected, strict=True):
            np.testing.assert_array_equal(plane, wanted)
    if not options.deinterlace and not done.corrupt_packets:  # what conceals a fault depends on the threads
        compare_with_plain_decoding(path, frames, samples_of)


def compare_with_plain_decoding(path: Path, frames: list[Any], samples_of: Any) -> None:
    """PyAV alone, without this project, decodes the same samples."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        plain = []
        for packet in container.demux(stream):
            try:
                plain.extend(samples_of(frame) for frame in packet.decode() if not frame.is_corrupt)
            except av.error.FFmpegError:
                continue
            if len(plain) > len(frames):
                break
    known = {tuple(plane.tobytes() for plane in frame) for frame in frames}
    missing = [frame for frame in plain[: len(frames) - 1] if tuple(p.tobytes() for p in frame) not in known]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_the_inputs(name: str, tmp_path: Path, convert: Any, samples_of: Any) -> None:
    check(name, tmp_path, convert, samples_of, 5 if name in LARGE else 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_frames_are_the_inputs(name: str, tmp_path: Path, convert: Any, samples_of: Any) -> None:
    check(name, tmp_path, convert, samples_of, None)
