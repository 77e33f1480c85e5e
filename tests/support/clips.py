"""Clips made to order, and what a media file holds when it is opened again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from pipeline.media.pyav18 import open_media
from pipeline.media.tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def write_clip(  # noqa: C901 - one knob after another
    path: Path | Any,
    *,
    codec: str = "libx264",
    format: str | None = None,  # noqa: A002 - as PyAV calls it
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    frames: int = 12,
    rate: Fraction | int = 25,
    time_base: Fraction | None = None,
    times: list[int] | None = None,
    durations: list[int] | None = None,
    shown: Sequence[int] | None = None,
    audio: str | None = "aac",
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    chapters: list[tuple[int, int, str]] | None = None,
    attachment: tuple[str, str, bytes] | None = None,
    stream_metadata: dict[str, str] | None = None,
    configure: Callable[[Any], None] | None = None,
) -> Path:
    """Writes a moving pattern with sound; ``times`` and ``durations`` are in ticks of ``time_base``.

    ``shown`` holds the number of each frame's picture, which is its own number otherwise; one below 0 is blurred.
    """
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (size[1] * 2, size[0] * 2, 3), dtype=np.uint8)
    with open_media(
        str(path) if isinstance(path, Path) else path, "w", format=format, container_options=muxer or {}
    ) as out:
        out.metadata.update(metadata or {})
        base = time_base or 1 / Fraction(rate)
        video: Any = out.add_stream(codec, rate=Fraction(rate), options=options or {})
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        video.codec_context.time_base = video.time_base = base
        video.metadata.update(stream_metadata or {})
        if configure:
            configure(video)
        sound: Any = None
        if audio:
            sound = out.add_stream(audio, rate=48000)
            sound.metadata["language"] = "fra"
        if attachment:
            out.add_attachment(*attachment)
        if chapters:
            rows: list[Any] = [
                {"id": i, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for i, (start, end, title) in enumerate(chapters)
            ]
            out.set_chapters(rows)
        stamps = times or [round(i / Fraction(rate) / base) for i in range(frames)]

        def mux_video(packets: list[Any]) -> None:
            for packet in packets:
                if durations:
                    packet.duration = durations[stamps.index(packet.pts)]
                out.mux(packet)

        for number, stamp in enumerate(stamps):
            chosen = shown[number] if shown else number
            shift = 2 * abs(chosen) % size[1]
            picture = texture[shift : shift + size[1], shift : shift + size[0]]
            if chosen < 0:
                picture = picture.mean((0, 1), keepdims=True).astype(np.uint8).repeat(size[1], 0).repeat(size[0], 1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(
                format=pix_fmt, threads=1
            )
            frame.pts, frame.time_base = stamp, base
            if durations:
                frame.duration = durations[number]
            mux_video(video.encode(frame))
        mux_video(video.encode(None))
        if sound:
            seconds = float((stamps[-1] + 1) * base)
            tone = (np.sin(np.arange(int(48000 * seconds)) / 20) * 8000).astype(np.int16)
            samples = av.AudioFrame.from_ndarray(tone[None].repeat(2, 1)[:, : 2 * len(tone)], "s16", "stereo")
            samples.sample_rate, samples.pts, samples.time_base = 48000, 0, Fraction(1, 48000)
            resampler = av.AudioResampler(sound.format.name, "stereo", 48000, frame_size=sound.frame_size or None)
            for chunk in [*resampler.resample(samples), *resampler.resample(None)]:
                out.mux(sound.encode(chunk))
            out.mux(sound.encode(None))
    return path


@dataclass
class Contents:
    """A media file, read back."""

    streams: list[tuple[str, str]]
    """Type and codec of each stream."""
    metadata: dict[str, str]
    stream_metadata: list[dict[str, str]]
    dispositions: list[int]
    chapters: list[tuple[float, float, str]]
    times: list[Fraction]
    """Presentation times of the video's frames, in seconds."""
    durations: list[Fraction]
    """Durations of the video's frames, in seconds."""
    frames: list[av.VideoFrame]
    packets: dict[int, list[tuple[Fraction | None, bytes]]]
    """Time in seconds and payload of each packet, by stream."""
    packet_durations: list[Fraction]
    """Durations of the video's packets, in seconds, in decoding order."""
    length: Fraction
    """Length of the video, in seconds, as the container says; 0 if it does not."""
    video: Any
    """Facts of the video stream: pix_fmt, color_*, sample_aspect_ratio, time_base, codec_tag, width, height."""
    attachments: list[tuple[str | None, bytes]]


def read_file(path: Path, video: int | None = None) -> Contents:
    """Reads a media file back, whole; ``video`` is the number of the stream that is decoded."""
    container: Any
    with open_media(str(path)) as container:
        chosen = container.streams.best("video") if video is None else container.streams[video]
        assert isinstance(chosen, av.VideoStream)
        frames, packet_durations = [], []
        packets: dict[int, list[tuple[Fraction | None, bytes]]] = {}
        for packet in container.demux():
            if packet.size and packet.stream.index == chosen.index:
                packet_durations.append((packet.duration or 0) * packet.time_base)
            if packet.size:
                time = None if packet.pts is None else packet.pts * packet.time_base
                packets.setdefault(packet.stream.index, []).append((time, bytes(packet)))
            if packet.stream.index == chosen.index:
                frames.extend(packet.decode())
        facts = {
            name: getattr(chosen.codec_context, name)
            for name in (
                "pix_fmt",
                "width",
                "height",
                "color_range",
                "color_primaries",
                "color_trc",
                "colorspace",
                "codec_tag",
            )
        }
        facts |= {
            "sample_aspect_ratio": chosen.sample_aspect_ratio or chosen.codec_context.sample_aspect_ratio,
            "time_base": chosen.time_base,
            "index": chosen.index,
            "average_rate": chosen.average_rate,
        }
        return Contents(
            streams=[
                (s.type, s.codec_context.codec.canonical_name if s.codec_context else getattr(s, "name", None) or "")
                for s in container.streams
            ],
            metadata=tags_of(container),
            stream_metadata=[dict(s.metadata) for s in container.streams],
            dispositions=[int(s.disposition) for s in container.streams],
            chapters=[
                (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"].get("title", ""))
                for c in container.chapters()
            ],
            times=[f.pts * f.time_base for f in frames],
            durations=[f.duration * f.time_base for f in frames],
            frames=frames,
            packets=packets,
            packet_durations=packet_durations,
            length=Fraction((chosen.duration or 0) * (chosen.time_base or 0)),
            video=type("Video", (), facts),
            attachments=[(s.name, s.data) for s in container.streams.attachments],
        )
