"""Reads a media file with PyAV alone: nothing of the program's own decoding. For ``odd_files.py``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
from av.stream import Disposition
from odd_boxes import hidden_boxes

from pipeline.media.pyav18 import fraction, open_media, side_data

if TYPE_CHECKING:
    from pathlib import Path

    from av.sidedata.sidedata import Type

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

Samples = np.ndarray[Any, Any]


@dataclass
class Picture:
    """A decoded frame.

    Attributes:
        time: Time in seconds; None if the file states none.
        given: Decoding time, in seconds, of the packet for which the decoder gave it; None if the file states none.
        frame: The frame itself.
        side_data: Side data, by kind.
    """

    time: Fraction | None
    given: Fraction | None
    frame: av.VideoFrame
    side_data: dict[Type, bytes]


@dataclass
class Piece:
    """A packet.

    Attributes:
        time: Time in seconds; None if the file states none.
        decoded: Decoding time in seconds; None if the file states none.
        duration: Duration in seconds; 0 if the file states none.
        data: Its bytes.
    """

    time: Fraction | None
    decoded: Fraction | None
    duration: Fraction
    data: bytes


@dataclass
class Track:
    """A stream.

    Attributes:
        index: Index in the file.
        kind: Type of the stream.
        codec: FFmpeg's name of the codec.
        tags: Its tags.
        disposition: Its dispositions.
        tick: Unit of its time stamps, in seconds.
        pieces: Its packets.
    """

    index: int
    kind: str
    codec: str
    tags: dict[str, str]
    disposition: int
    tick: Fraction
    pieces: list[Piece] = field(default_factory=list)

    @property
    def is_cover(self) -> bool:
        """Whether it is a picture attached to the file."""
        return bool(self.disposition & Disposition.attached_pic)

    @property
    def payload(self) -> bytes:
        """All bytes."""
        return b"".join(piece.data for piece in self.pieces)


@dataclass
class Contents:
    """A media file, read to its end.

    Attributes:
        path: The file.
        container: FFmpeg's name of the container.
        tags: Its tags.
        chapters: Beginning, end (in seconds) and title of each chapter.
        tracks: All streams but attachments and the video.
        video: The video.
        pictures: Frames of the video.
        attachments: Index, name and content of each attached file that is no picture.
        covers: Index and content of each attached picture.
        aspect: Shape of a pixel.
        boxes: Contents of boxes that FFmpeg does not show.
    """

    path: Path
    container: str
    tags: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    tracks: list[Track]
    video: Track
    pictures: list[Picture]
    attachments: list[tuple[int, str, bytes]]
    covers: list[tuple[int, bytes]]
    aspect: Fraction
    boxes: list[bytes]


def read(path: Path) -> Contents:
    """Reads a file.

    Raises:
        ValueError: If it has no video.
        FFmpegError: If it can't be read.
    """
    container: Any
    with open_media(str(path)) as container:
        shown = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not shown:
            raise ValueError("no video")
        best = max(shown, key=lambda stream: stream.width * stream.height)
        best.codec_context.thread_count = 1
        decoder = _with_alpha(best)
        tracks = {stream.index: _track(stream) for stream in container.streams if stream.type != "attachment"}
        pictures: list[Picture] = []
        given: Fraction | None = None
        for packet in container.demux(*(stream for stream in container.streams if stream.type != "attachment")):
            if packet.size and not (packet.size == 2 and tracks[packet.stream.index].codec == "mov_text"):  # a pause
                base = packet.time_base or Fraction(0)
                times = (None if stamp is None else stamp * base for stamp in (packet.pts, packet.dts))
                piece = Piece(*times, (packet.duration or 0) * base, bytes(packet))
                tracks[packet.stream.index].pieces.append(piece)
            if packet.stream.index == best.index:
                frames = packet.decode() if decoder is None else decoder.decode(packet)
                for frame in frames:
                    if packet.size:
                        given = None if packet.dts is None else packet.dts * packet.time_base
                    elif given is not None:  # those that the decoder keeps to the end follow one by one
                        given += fraction(best.time_base) or 0
                    pictures.append(_picture(frame, packet.time_base, given))
        chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"].get("title", ""))
            for c in container.chapters()
        ]
        covers = [(track.index, track.pieces[0].data) for track in tracks.values() if track.is_cover and track.pieces]
        others = [track for track in tracks.values() if track.index != best.index and not track.is_cover]
        if chapters:  # a track of MP4 that holds their titles
            others = [
                track
                for track in others
                if not (track.kind == "data" and track.codec == "bin_data" and _is_titles(container, track))
            ]
        return Contents(
            path,
            container.format.name,
            dict(container.metadata),
            chapters,
            others,
            tracks[best.index],
            pictures,
            [(stream.index, stream.name, bytes(stream.data)) for stream in container.streams.attachments],
            covers,
            fraction(best.sample_aspect_ratio) or fraction(best.codec_context.sample_aspect_ratio) or Fraction(1),
            hidden_boxes(path),
        )


def _is_titles(container: Any, track: Track) -> bool:
    return container.streams[track.index].discard.name == "all"


def _track(stream: Any) -> Track:
    context = stream.codec_context
    codec = context.codec.canonical_name if context is not None else getattr(stream, "name", None) or ""
    tick = fraction(stream.time_base) or Fraction(0)
    tags = dict(stream.metadata)
    if "name" in tags:  # what MP4 calls a title
        tags["title"] = tags.pop("name")
    return Track(stream.index, stream.type, codec, tags, int(stream.disposition), tick)


def _with_alpha(stream: Any) -> Any:
    """A decoder that sees the transparency of VP8 and VP9, which FFmpeg's own do not; None where there is none."""
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    has_alpha = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    return av.CodecContext.create(name, "r") if name and has_alpha else None


def _picture(frame: Any, time_base: Fraction, given: Fraction | None) -> Picture:
    base = frame.time_base or time_base
    return Picture(
        None if frame.pts is None else frame.pts * Fraction(base),
        given,
        frame,
        {kind: bytes(data) for kind, data in side_data(frame).items()},
    )


def samples(frame: av.VideoFrame) -> list[Samples]:
    """Samples of each plane of a planar frame, without padding."""
    planes = []
    deep = max(component.bits for component in frame.format.components) > 8
    kind = np.dtype(np.uint16 if deep else np.uint8)
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).view(kind).reshape(plane.height, -1)  # type: ignore[call-overload]
        planes.append(rows[:, : plane.width])
    return planes


def planar(name: str) -> str:
    """Planar format that holds the same samples as a pixel format, in which frames are compared."""
    form = av.VideoFormat(name, 16, 16)
    depth = max(component.bits for component in form.components)
    alpha = any(component.is_alpha for component in form.components)
    if form.is_rgb or form.has_palette:
        return ("gbrap" if alpha or form.has_palette else "gbrp") + ("16le" if depth > 8 else "")
    if len(form.components) <= 2:
        return "gray16le" if depth > 8 else "gray"
    if name.startswith("yuvj"):
        return name.replace("yuvj", "yuv")
    width, height = form.chroma_width(16), form.chroma_height(16)
    kind = {(8, 8): "420", (8, 16): "422", (16, 16): "444", (4, 16): "411", (16, 8): "440", (4, 4): "410"}[
        width, height
    ]
    end = f"{depth}le" if depth > 8 else ""
    return f"yuv{'a' if alpha else ''}{kind}p{end}"


def sound(path: Path, index: int) -> Samples:
    """Decoded samples of a stream of sound, one row for each channel."""
    container: Any
    parts = []
    with open_media(str(path)) as container:
        for frame in container.decode(container.streams[index]):
            data = frame.to_ndarray()
            parts.append(data if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels).T)
    return np.concatenate(parts, 1) if parts else np.zeros((0, 0))


def pictures_digest(path: Path, index: int) -> list[str]:
    """Digest of each frame of a stream."""
    container: Any
    with open_media(str(path)) as container:
        return [
            hashlib.sha256(b"".join(plane.tobytes() for plane in samples(frame))).hexdigest()
            for frame in container.decode(container.streams[index])
        ]
