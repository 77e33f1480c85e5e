"""Which of the input's other streams, tags and chapters an output container can carry, found out by trying."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.error
from av.stream import Disposition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import Chapter, OutputContainer
    from av.stream import Stream

    from pipeline.source import VideoSource

_MUXER_OWNED = {"major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"}
"""Tags that describe the file itself; a muxer writes its own."""

_STALE = {"encoder", "bps", "duration", "number_of_frames", "number_of_bytes"}
"""Tags of a stream that describe the encoded bits, wrong after they are encoded anew."""

_ATTACHING = {"matroska"}
"""Containers that keep cover art as an attached file, not as a stream."""

_PICTURE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What comes along beside the video.

    Attributes:
        streams: To be copied packet by packet, in the order of the input, each with the codec tag to keep ("" for
            the container's own).
        covers: Streams whose picture becomes an attached file.
        notes: What can't come along, one line each.
    """

    streams: tuple[tuple[Stream, str], ...]
    covers: tuple[Stream, ...]
    notes: tuple[str, ...]


def plan_copies(source: VideoSource, format_name: str) -> CopyPlan:
    """Finds out what a container can carry of the input's other streams.

    Args:
        source: The input.
        format_name: FFmpeg's name of the output container.
    """
    streams: list[tuple[Stream, str]] = []
    covers: list[Stream] = []
    notes: list[str] = []
    for stream in source.copied:
        if stream.disposition & Disposition.attached_pic and format_name in _ATTACHING:
            if stream.index in source.cover_packets and _codec_name(stream) in _PICTURE_TYPES:
                covers.append(stream)
                continue
        else:
            tag = _accepted_tag(format_name, stream)
            if tag is not None:
                streams.append((stream, tag))
                continue
        notes.append(f"{format_name} can't carry {describe(stream)}; left out")
    return CopyPlan(tuple(streams), tuple(covers), tuple(notes))


def describe(stream: Stream) -> str:
    """A stream in a user's words, such as ``stream 2 (subtitle, mov_text, eng)``."""
    facts = [stream.type, _codec_name(stream) or "unknown codec"]
    if stream.language:
        facts.append(stream.language)
    return f"stream {stream.index} ({', '.join(facts)})"


def add_copy(output: OutputContainer, stream: Stream, tag: str) -> Stream:
    """Adds a stream to an output whose packets are copied from ``stream``, with its tags and dispositions.

    Raises:
        ValueError: If the container does not know the codec.
    """
    if stream.codec_context is None:
        copy = output.add_stream_from_template(stream)
    else:
        copy = output.add_stream_from_template(stream, opaque=True)
        if tag:
            copy.codec_context.codec_tag = tag
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
    if stream.time_base:
        copy.time_base = stream.time_base
    return copy


def add_cover(output: OutputContainer, stream: Stream, picture: bytes) -> None:
    """Attaches a cover picture as a file."""
    extension, mime = _PICTURE_TYPES[_codec_name(stream)]
    attachment = output.add_attachment(stream.metadata.get("filename", f"cover.{extension}"), mime, picture)
    attachment.metadata.update({**stream.metadata, **attachment.metadata})


def video_tags(stream: Stream) -> dict[str, str]:
    """The tags of the video stream that stay true after it is encoded anew."""
    return {
        key: value
        for key, value in stream.metadata.items()
        if key.lower() not in _STALE and not key.upper().startswith("_STATISTICS")
    }


def container_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags of a container that a muxer does not write by itself."""
    return {key: value for key, value in tags.items() if key.lower() not in _MUXER_OWNED}


def lost_tags(
    format_name: str, codec: str, options: dict[str, str], tags: dict[str, str], chapters: Sequence[Chapter]
) -> tuple[list[str], bool]:
    """Which tags a container drops, and whether it drops the chapters, found out by writing and reading a header.

    Args:
        format_name: FFmpeg's name of the container.
        codec: Of a video stream that it takes.
        options: For the muxer.
        tags: Of the container.
        chapters: To be written.

    Returns:
        Keys of the tags that are lost, and True if there are chapters and they are lost. Where an empty file of
        the format can't be read back, nothing counts as lost.
    """
    scratch = io.BytesIO()
    try:
        with av.open(scratch, "w", format=format_name, container_options=options) as output:
            stream = output.add_mux_stream(codec, width=64, height=64)
            stream.time_base = Fraction(1, 1000)
            output.metadata.update(tags)
            output.set_chapters(list(chapters))
            output.start_encoding()
        scratch.seek(0)
        with av.open(scratch, "r", metadata_errors="replace") as read:
            kept = {key.lower() for key in read.metadata}
            lost_chapters = bool(chapters) and not read.chapters()
    except (av.error.FFmpegError, ValueError, OSError):
        return [], False
    return [key for key in tags if key.lower() not in kept], lost_chapters


def _codec_name(stream: Stream) -> str:
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return stream.name or ""


def _accepted_tag(format_name: str, stream: Stream) -> str | None:
    """The codec tag with which a container takes the stream ("" for its own choice); None if it does not."""
    tags = [""]
    if stream.codec_context is not None:
        try:
            tags.insert(0, stream.codec_context.codec_tag.strip("\0"))
        except UnicodeDecodeError:
            pass  # a number, not four characters: only the old container knows it
    for tag in dict.fromkeys(tags):
        if len(tag) in (0, 4) and _takes(format_name, stream, tag):
            return tag
    return None


def _takes(format_name: str, stream: Stream, tag: str) -> bool:
    scratch = io.BytesIO()
    try:
        with av.open(scratch, "w", format=format_name) as output:
            copy = add_copy(output, stream, tag)
            output.start_encoding()
            if stream.type in ("subtitle", "data"):
                _write_sample(output, copy)
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    return stream.type not in ("subtitle", "data") or _comes_back(scratch, stream)


def _write_sample(output: OutputContainer, copy: Stream) -> None:
    packet: av.Packet[Stream] = av.Packet(bytes(16))
    packet.stream = copy
    packet.time_base = copy.time_base or Fraction(1, 1000)
    packet.pts = packet.dts = 0
    packet.duration = 1
    output.mux_one(packet)


def _comes_back(scratch: io.BytesIO, stream: Stream) -> bool:
    """Whether a file just written still says what the stream is: some containers take anything, nameless."""
    scratch.seek(0)
    try:
        with av.open(scratch, "r", metadata_errors="replace") as read:
            return any(_codec_name(found) == _codec_name(stream) for found in read.streams)
    except (av.error.FFmpegError, ValueError, OSError):
        return True  # too little to read back: no reason to leave the stream out
