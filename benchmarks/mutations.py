"""Small clips of many containers and codecs, and ways to break them. For ``fuzz.py``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

SIZE = (64, 48)
FRAMES = 24
_RATE = 25
_HEADER = 4096
"""Number of bytes at the beginning, and at the end, that hold headers and indices more often than pictures."""
_SAME = {"fflags": "bitexact"}
"""No random identifiers in a container, so that the same damage hits the same bytes in every run."""
_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)


@dataclass(frozen=True)
class Pair:
    """A container with a video codec.

    Attributes:
        suffix: File extension of the container, with the dot.
        video: Encoder of the video, by FFmpeg's name.
        audio: Encoder of the sound, by FFmpeg's name; None for no sound.
        pixel_format: Pixel format that the encoder gets.
        options: Options of the encoder.
        muxer: Options of the container.
    """

    suffix: str
    video: str
    audio: str | None
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    muxer: dict[str, str] = field(default_factory=dict)


_X264 = {"preset": "veryfast", "g": "8", "bf": "2"}

PAIRS = {
    "mp4-h264": Pair(".mp4", "libx264", "aac", options=_X264),
    "mp4-faststart-h264-10": Pair(
        ".mp4", "libx264", "aac", "yuv420p10le", options=_X264, muxer={"movflags": "faststart"}
    ),
    "mp4-fragmented-h264": Pair(
        ".mp4", "libx264", "aac", options=_X264, muxer={"movflags": "frag_keyframe+empty_moov"}
    ),
    "mkv-hevc": Pair(
        ".mkv", "libx265", "aac", options={"preset": "ultrafast", "g": "8", "x265-params": "log-level=none"}
    ),
    "webm-vp9": Pair(".webm", "libvpx-vp9", "libopus", options={"cpu-used": "8", "deadline": "realtime", "g": "8"}),
    "ts-h264": Pair(".ts", "libx264", "mp2", options=_X264),
    "ts-mpeg2": Pair(".ts", "mpeg2video", "mp2", options={"g": "8", "bf": "2"}),
    "avi-mpeg4": Pair(".avi", "mpeg4", "mp2", options={"g": "8"}),
    "mov-mjpeg": Pair(".mov", "mjpeg", "pcm_s16le", "yuvj422p"),
    "mkv-ffv1": Pair(".mkv", "ffv1", "flac", "yuv444p", options={"level": "3", "slicecrc": "1"}),
    "mkv-av1": Pair(".mkv", "libsvtav1", None, options={"preset": "10", "g": "8", "svtav1-params": "lp=1"}),
    "flv-h264": Pair(".flv", "libx264", "aac", options=_X264),
}


os.environ.setdefault("SVT_LOG", "0")  # the encoder prints pages else


def write_clip(path: Path, pair: Pair) -> None:
    """Writes a clip of moving stripes over noise, with a tone.

    Args:
        path: File that is overwritten; its suffix decides the container.
        pair: Container and codecs of the clip.
    """
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 64, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    with av.open(str(path), "w", container_options={**_SAME, **pair.muxer}) as output:
        video: Any = output.add_stream(pair.video, rate=_RATE, options=pair.options)
        video.width, video.height, video.pix_fmt = *SIZE, pair.pixel_format
        audio: Any = output.add_stream(pair.audio, rate=48_000, layout="stereo") if pair.audio else None
        fifo = av.AudioFifo()
        for number in range(FRAMES):
            stripes = (np.arange(SIZE[0]) * 5 + np.arange(SIZE[1])[:, None] * 3 + number * 9) % 190
            picture = noise + stripes[..., None].astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pair.pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            output.mux(video.encode(frame))
            if audio is not None:
                _sound(output, audio, fifo, number)
        output.mux(video.encode(None))
        if audio is not None:
            output.mux(audio.encode(None))


def _sound(output: Any, audio: Any, fifo: av.AudioFifo, number: int) -> None:
    """Writes the sound of one frame of the video, as far as the encoder takes whole frames."""
    count = 48_000 // _RATE
    wave = np.sin((np.arange(count) + number * count) / 20).astype(np.float32) * 0.3
    samples = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
    samples.sample_rate, samples.pts, samples.time_base = 48_000, number * count, Fraction(1, 48_000)
    fifo.write(samples)
    for chunk in fifo.read_many(audio.codec_context.frame_size or count):
        output.mux(audio.encode(chunk))


# Of bytes ------------------------------------------------------------------------------------------------------------


def flip_bits(data: bytearray, rng: random.Random) -> None:
    """Flips 1 to 64 bits."""
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(data: bytearray, rng: random.Random) -> None:
    """Cuts the end off."""
    del data[rng.randrange(len(data)) :]


def swap_blocks(data: bytearray, rng: random.Random) -> None:
    """Swaps two blocks of the same size."""
    size = rng.randrange(1, max(len(data) // 8, 2))
    first, second = rng.randrange(len(data) - size + 1), rng.randrange(len(data) - size + 1)
    data[first : first + size], data[second : second + size] = (
        data[second : second + size],
        data[first : first + size],
    )


def zero_run(data: bytearray, rng: random.Random) -> None:
    """Overwrites a run with zeros, as a disk does that lost a sector."""
    start, size = rng.randrange(len(data)), rng.choice((1, 16, 512, 4096))
    end = min(start + size, len(data))
    data[start:end] = bytes(end - start)


def change_header(data: bytearray, rng: random.Random) -> None:
    """Puts extreme numbers where headers and indices are."""
    for _ in range(rng.randrange(1, 5)):
        width = rng.choice((1, 2, 4))
        near = rng.randrange(min(_HEADER, len(data) - width))
        place = near if rng.random() < 0.5 else len(data) - width - near
        value = rng.choice(_EXTREMES) & ((1 << 8 * width) - 1)
        data[place : place + width] = value.to_bytes(width, rng.choice(("big", "little")))


def insert_noise(data: bytearray, rng: random.Random) -> None:
    """Inserts bytes that do not belong there."""
    data[(place := rng.randrange(len(data))) : place] = rng.randbytes(rng.choice((1, 4, 188, 1000)))


# Of packets ----------------------------------------------------------------------------------------------------------


def remove_packets(packets: list[Any], rng: random.Random) -> None:
    """Removes packets, as a bad network does."""
    for _ in range(rng.randrange(1, 6)):
        if packets:
            del packets[rng.randrange(len(packets))]


def repeat_packets(packets: list[Any], rng: random.Random) -> None:
    """Repeats packets."""
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(packets))
        packets.insert(rng.randrange(place, min(place + 4, len(packets))), packets[place])


def move_times(packets: list[Any], rng: random.Random) -> None:
    """Gives packets other presentation times: far ahead, the same as others, none."""
    for _ in range(rng.randrange(1, 6)):
        stream, pts, dts, duration, data, is_key = packets[place := rng.randrange(len(packets))]
        pts = rng.choice((dts, pts + 10**6, pts + rng.randrange(1000)))
        packets[place] = (stream, pts, dts, duration, data, is_key)


OF_BYTES: dict[str, Callable[[bytearray, random.Random], None]] = {
    function.__name__: function
    for function in (flip_bits, truncate, swap_blocks, zero_run, change_header, insert_noise)
}
OF_PACKETS: dict[str, Callable[[list[Any], random.Random], None]] = {
    function.__name__: function for function in (remove_packets, repeat_packets, move_times)
}
NAMES = (*OF_BYTES, *OF_PACKETS)


def mutate(clip: Path, output: Path, name: str, rng: random.Random) -> None:
    """Writes a broken copy of a clip.

    Args:
        clip: A whole clip.
        output: File that is overwritten.
        name: Name of the mutation, one of :data:`NAMES`.
        rng: Random generator that decides where the damage is.
    """
    if name in OF_PACKETS:
        _remux(clip, output, OF_PACKETS[name], rng)
        return
    data = bytearray(clip.read_bytes())
    OF_BYTES[name](data, rng)
    output.write_bytes(data)


def _remux(clip: Path, output: Path, change: Callable[[list[Any], random.Random], None], rng: random.Random) -> None:
    """Copies packets that are changed on the way; those that the container refuses are left out."""
    with av.open(str(clip)) as given:
        packets = [
            (packet.stream.index, packet.pts, packet.dts, packet.duration, bytes(packet), packet.is_keyframe)
            for packet in given.demux()
            if packet.size and packet.pts is not None and packet.dts is not None
        ]
        change(packets, rng)
        with av.open(str(output), "w", container_options=_SAME) as written:
            copies: list[Any] = [written.add_stream_from_template(stream, opaque=True) for stream in given.streams]
            for index, pts, dts, duration, data, is_key in packets:
                packet: Any = av.Packet(data)
                packet.stream, packet.time_base = copies[index], given.streams[index].time_base
                packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, is_key
                try:
                    written.mux_one(packet)
                except av.error.FFmpegError:
                    continue
