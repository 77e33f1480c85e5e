"""Copying the input's other streams: each is tried, to find whether the output container can carry it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
from av.stream import Disposition

from pipeline.encode.container import MOV_FAMILY, write_sample
from pipeline.media.pyav18 import open_media
from pipeline.media.stream_names import codec_name, describe
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Stream

    from pipeline.media.source_info import SourceInfo

_ATTACHING = {"matroska"}
"""FFmpeg's names of the containers that keep cover art as an attached file, not as a stream."""

_PICTURE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """Streams that are copied beside the video.

    Attributes:
        streams: Streams to copy packet by packet, in the order of the input, each with the codec tag to keep (empty for
            the container's own choice).
        covers: Streams whose picture becomes an attached file.
        notes: Notes for the user on what can't be copied, one line each.
    """

    streams: tuple[tuple[Stream, str], ...]
    covers: tuple[Stream, ...]
    notes: tuple[Note, ...]


def plan_copies(info: SourceInfo, format_name: str) -> CopyPlan:
    """Finds which of the input's other streams a container can carry.

    Args:
        info: Description of the input.
        format_name: FFmpeg's name of the output container.
    """
    streams: list[tuple[Stream, str]] = []
    covers: list[Stream] = []
    notes: list[Note] = []
    for stream in info.copied:
        if stream.disposition & Disposition.attached_pic and format_name in _ATTACHING:
            if stream.index in info.covers and codec_name(stream) in _PICTURE_TYPES:
                covers.append(stream)
                continue
        else:
            tag = _accepted_tag(format_name, stream)
            if tag is not None:
                streams.append((stream, tag))
                continue
        if not _written_by_muxer(format_name, stream, info):
            text = f"{format_name} can't carry {describe(stream)}; left out"
            notes.append(Note(NoteCode.STREAM_LEFT_OUT, text, stream.index))
    return CopyPlan(tuple(streams), tuple(covers), tuple(notes))


def add_copy(output: OutputContainer, stream: Stream, tag: str) -> Stream:
    """Adds a copy of ``stream`` to an output, with its tags and dispositions; its packets are copied later.

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


def takes_packet(format_name: str, stream: Stream, tag: str, packet: av.Packet[Stream]) -> bool:
    """Whether a container takes a packet of a stream; tested by writing the packet into memory.

    In a damaged file, a demuxer may report a stream that does not exist. A muxer may accept the header of that stream
    and refuse its packets. In the real output this error would come late, and seem to come from another stream.

    Args:
        format_name: FFmpeg's name of the output container.
        stream: Stream of the input.
        tag: Codec tag with which the stream is copied.
        packet: Packet of the stream; it is not changed.
    """
    try:
        with open_media(io.BytesIO(), "w", format=format_name) as output:
            copy = add_copy(output, stream, tag)
            sample: av.Packet[Stream] = av.Packet(bytes(packet))
            for side_data in packet.iter_sidedata():
                side_data.to_packet(sample)
            sample.stream, sample.time_base, sample.is_keyframe = copy, packet.time_base, packet.is_keyframe
            sample.pts = sample.dts = 0
            output.mux_one(sample)
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def add_cover(output: OutputContainer, stream: Stream, picture: bytes) -> None:
    """Attaches a cover picture to an output as a file."""
    extension, mime = _PICTURE_TYPES[codec_name(stream)]
    attachment = output.add_attachment(stream.metadata.get("filename", f"cover.{extension}"), mime, picture)
    attachment.metadata.update({**stream.metadata, **attachment.metadata})


def _written_by_muxer(format_name: str, stream: Stream, info: SourceInfo) -> bool:
    """Whether the stream is a time code track, which the muxer creates from a tag of the video."""
    return (
        format_name in MOV_FAMILY
        and stream.type == "data"
        and "timecode" in stream.metadata
        and "timecode" in info.stream.metadata
    )


def _accepted_tag(format_name: str, stream: Stream) -> str | None:
    """Codec tag with which a container takes the stream (empty for the container's choice); None if it does not."""
    tags = [""]
    if stream.codec_context is not None:
        with contextlib.suppress(UnicodeDecodeError):  # a number, not four characters
            tags.insert(0, stream.codec_context.codec_tag.strip("\0"))
    for tag in dict.fromkeys(tags):
        if len(tag) in (0, 4) and _takes(format_name, stream, tag):
            return tag
    return None


def _takes(format_name: str, stream: Stream, tag: str) -> bool:
    scratch = io.BytesIO()
    try:
        with open_media(scratch, "w", format=format_name) as output:
            copy = add_copy(output, stream, tag)
            output.start_encoding()
            if stream.type in ("subtitle", "data"):
                write_sample(output, copy)
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    return stream.type not in ("subtitle", "data") or _comes_back(scratch, stream)


def _comes_back(scratch: io.BytesIO, stream: Stream) -> bool:
    """Whether the stream's codec can be read back from a file just written.

    Some containers take any codec, but do not store its name.
    """
    scratch.seek(0)
    try:
        with open_media(scratch, "r") as read:
            return any((found.type, codec_name(found)) == (stream.type, codec_name(stream)) for found in read.streams)
    except (av.error.FFmpegError, ValueError, OSError):
        return True  # too little to read back: no reason to leave the stream out
