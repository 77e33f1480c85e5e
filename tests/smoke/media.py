"""Small media files made to order, and what a file holds when it is opened again.

Works with PyAV 18 and 19 alike: nothing here calculates with rationals of PyAV.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SIZE = (96, 64)
RATE = 25

_ANY_TAGS: dict[str, Any] = {"metadata_errors": "surrogateescape"} if av.__version__.startswith("18.") else {}
"""With it, PyAV 18 takes bytes of tags that are no UTF-8 as PyAV 19 always does."""


@dataclass(frozen=True)
class Contents:
    """A media file, read back."""

    format: str
    """Name of the container format in FFmpeg."""
    streams: list[tuple[str, str]]
    """Type and codec of each stream."""
    metadata: dict[str, str]
    languages: list[str | None]
    chapters: list[tuple[Fraction, Fraction, str]]
    """Begin and end in seconds, and title, of each chapter."""
    attachments: list[tuple[str | None, str | None, bytes]]
    """Name, type and content of each attached file."""
    times: list[Fraction]
    """Time of each frame of the video, in seconds."""
    pictures: list[str]
    """Digest of the samples of each frame of the video."""
    packets: dict[int, list[tuple[Fraction, bytes]]]
    """Time in seconds and payload of each packet, by the index of the stream; the video's are left out."""
    rotation: int
    side_data: dict[str, bytes]
    """HDR facts of the first frame, by their names in FFmpeg."""
    color: tuple[int, ...]
    """Range, matrix, primaries and transfer of the first frame, by their numbers in H.273."""

    @property
    def offsets(self) -> list[Fraction]:
        """Time of each frame of the video since the first one, in seconds."""
        return [time - self.times[0] for time in self.times]

    def payloads(self, index: int) -> list[bytes]:
        """Payload of each packet of a stream."""
        return [payload for _, payload in self.packets[index]]


def read(path: Path) -> Contents:
    """Reads and decodes a file whole."""
    with av.open(str(path), **_ANY_TAGS) as container:
        video = container.streams.video[0]
        frames: list[Any] = []
        packets: dict[int, list[tuple[Fraction, bytes]]] = {}
        for packet in container.demux():
            if packet.stream.index == video.index:
                frames.extend(packet.decode())
            elif packet.size:
                row = _seconds(packet.pts or 0, packet.time_base), bytes(packet)
                packets.setdefault(packet.stream.index, []).append(row)
        first = frames[0]
        return Contents(
            format=container.format.name,
            streams=[(stream.type, _codec(stream)) for stream in container.streams],
            metadata=dict(container.metadata),
            languages=[stream.language for stream in container.streams],
            chapters=[
                (
                    _seconds(chapter["start"], chapter["time_base"]),
                    _seconds(chapter["end"], chapter["time_base"]),
                    chapter["metadata"].get("title", ""),
                )
                for chapter in container.chapters()
            ],
            attachments=[(file.name, file.mimetype, file.data) for file in container.streams.attachments],
            times=[_seconds(frame.pts, frame.time_base) for frame in frames],
            pictures=[_digest(frame) for frame in frames],
            packets=packets,
            rotation=first.rotation,
            side_data={
                name: bytes(first.side_data[name])
                for name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
                if _has_side_data(first, name)
            },
            color=tuple(
                int(number) for number in (first.color_range, first.colorspace, first.color_primaries, first.color_trc)
            ),
        )


def luma(path: Path) -> list[np.ndarray[Any, Any]]:
    """Luma of each frame of a video with 8 bits, of shape (height, width)."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(container.streams.video[0])]


def texture(seed: int = 0) -> np.ndarray[Any, Any]:
    """Random blocks of 16x16 pixels, of shape (4 height, 4 width) and 8 bits, with edges for a network to find."""
    blocks = np.random.default_rng(seed).integers(16, 236, (SIZE[1] // 4, SIZE[0] // 4), dtype=np.uint8)
    return np.kron(blocks, np.ones((16, 16), np.uint8))


def moving(number: int) -> np.ndarray[Any, Any]:
    """Frame ``number`` of a view that moves over a texture, of shape (height, width, 3) and 8 bits."""
    shift = 3 * number % (2 * SIZE[1])
    window = slice(shift, shift + SIZE[1]), slice(shift, shift + SIZE[0])
    return np.stack([texture(seed)[window] for seed in range(3)], axis=2)


@dataclass(frozen=True)
class Sound:
    """A sound track of silence."""

    codec: str = "aac"
    language: str = "fra"


@dataclass(frozen=True)
class Words:
    """A track of subtitles, a line each second."""

    codec: str
    lines: tuple[str, ...]

    @property
    def payloads(self) -> list[bytes]:
        """Payload of each packet; a line of mov_text begins with its length."""
        texts = [line.encode() for line in self.lines]
        return [len(text).to_bytes(2, "big") + text if self.codec == "mov_text" else text for text in texts]


def write(
    path: Path,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    frames: int = 12,
    *,
    options: dict[str, str] | None = None,
    picture: Callable[[int], np.ndarray[Any, Any]] = moving,
    sound: Sound | None = None,
    words: Words | None = None,
    tags: dict[str, str] | None = None,
    chapters: Sequence[tuple[int, int, str]] = (),
    attachment: tuple[str, str, bytes] | None = None,
    degrees: int = 0,
    color: tuple[int, int, int, int] | None = None,
) -> Path:
    """Writes a clip of 96x64 pixels at 25 frames a second.

    Args:
        path: The extension says the container.
        codec: Encoder of the video.
        pixels: Pixel format.
        frames: Number of frames.
        options: Options of the encoder.
        picture: Gives the RGB picture of a frame.
        sound: Sound track.
        words: Track of subtitles.
        tags: Tags of the container.
        chapters: Begin and end in milliseconds, and title.
        attachment: Name, type and content of an attached file.
        degrees: Rotation tag.
        color: Range, matrix, primaries and transfer, by their numbers in H.273.
    """
    with av.open(str(path), "w", **_ANY_TAGS) as output:
        output.metadata.update(tags or {})
        output.set_chapters(
            [
                {"id": n, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (start, end, title) in enumerate(chapters)
            ]
        )
        video: Any = output.add_stream(codec, rate=RATE, options=options or {})
        video.width, video.height, video.pix_fmt = *SIZE, pixels
        if degrees:
            video.set_display_rotation(degrees)
        if color:
            context = video.codec_context
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = color
        audio: Any = output.add_stream(sound.codec, rate=48000, layout="mono") if sound else None
        if sound:
            audio.metadata["language"] = sound.language
        subtitles: Any = output.add_mux_stream(words.codec, time_base=Fraction(1, 1000)) if words else None
        if attachment:
            output.add_attachment(*attachment)
        output.start_encoding()
        for number, payload in enumerate(words.payloads if words else ()):
            packet: Any = av.Packet(payload)
            packet.stream, packet.time_base = subtitles, Fraction(1, 1000)
            packet.pts = packet.dts = 1000 * number
            packet.duration = 900
            output.mux(packet)
        for number in range(frames):
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(number)), "rgb24")
            frame = rgb.reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio:
            _write_silence(output, audio, Fraction(frames, RATE))
    return path


def _write_silence(output: Any, audio: Any, seconds: Fraction) -> None:
    length = audio.frame_size or 960
    for start in range(0, int(48000 * seconds), length):
        silence = av.AudioFrame(format=audio.format.name, layout="mono", samples=length)
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        silence.sample_rate, silence.pts, silence.time_base = 48000, start, Fraction(1, 48000)
        output.mux(audio.encode(silence))
    output.mux(audio.encode(None))


def _seconds(ticks: int, base: Any) -> Fraction:
    return ticks * Fraction(base.numerator, base.denominator)


def _codec(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else stream.name or ""


def _has_side_data(frame: Any, name: str) -> bool:
    try:
        frame.side_data[name]
    except KeyError:
        return False
    return True


def _digest(frame: Any) -> str:
    """Digest of the samples without the padding of the lines."""
    digest = hashlib.sha256()
    deep = any(component.bits > 8 for component in frame.format.components)
    for plane in frame.planes:
        lines = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
        digest.update(lines[:, : plane.width * (2 if deep else 1)].tobytes())
    return digest.hexdigest()
