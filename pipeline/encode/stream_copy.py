"""Copying the input's other streams: each is tried, to find whether the output container can carry it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.stream import Disposition

from pipeline.encode.avi_times import is_untimed
from pipeline.encode.container import MOV_FAMILY, add_template, write_sample
from pipeline.encode.edits import OutputEdits
from pipeline.encode.movie_edit import cover_box
from pipeline.encode.stand_in import MOVIES, add_stand_in, describe_track
from pipeline.media.pyav18 import open_media
from pipeline.media.stream_names import codec_name, describe
from pipeline.media.tags import stream_tags
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from av.container import OutputContainer
    from av.stream import Stream

    from pipeline.encode.matroska_edit import TrackCodec
    from pipeline.media.movie_boxes import MovieBoxes, TrackBoxes
    from pipeline.media.source_info import SourceInfo

_ATTACHING = {"matroska"}
"""FFmpeg's names of the containers that keep cover art as an attached file, not as a stream."""

_BOXING = {"mov"}
"""Those that keep it in a box, which FFmpeg reads and does not write."""

_PICTURE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass(frozen=True, slots=True)
class StreamCopy:
    """How a stream is copied packet by packet.

    Attributes:
        stream: Stream of the input.
        tag: Codec tag to keep; empty for the container's own choice.
        track: Description to write when the file is complete, for a stream that PyAV can't add; None for others.
    """

    stream: Stream
    tag: str = ""
    track: TrackBoxes | TrackCodec | None = None


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """Streams that are copied beside the video.

    Attributes:
        streams: Streams to copy packet by packet, in the order of the input.
        covers: Streams whose picture becomes an attached file, or a box.
        notes: Notes for the user on what can't be copied, one line each.
    """

    streams: tuple[StreamCopy, ...]
    covers: tuple[Stream, ...]
    notes: tuple[Note, ...]


def plan_copies(
    info: SourceInfo, format_name: str, *, boxes: MovieBoxes | None = None, editable: bool = False
) -> CopyPlan:
    """Finds which of the input's other streams a container can carry.

    Args:
        info: Description of the input.
        format_name: FFmpeg's name of the output container.
        boxes: Boxes of the input, where it is an MP4 or MOV file.
        editable: Whether the output can be changed when it is complete, so that tracks can be described anew.
    """
    streams: list[StreamCopy] = []
    covers: list[Stream] = []
    notes: list[Note] = []
    for stream in info.copied:
        is_cover = bool(stream.disposition & Disposition.attached_pic)
        if is_cover and format_name in _ATTACHING | _BOXING:
            is_known = stream.index in info.covers and codec_name(stream) in _PICTURE_TYPES
            if is_known and (editable or format_name not in _BOXING):
                covers.append(stream)
                continue
        else:
            is_made = _written_by_muxer(format_name, stream, info)
            track = boxes.tracks.get(stream.id) if boxes else None
            copy = _accepted(format_name, stream, track, editable=editable and not is_cover and not is_made)
            if copy is not None:
                streams.append(copy)
                continue
        if not _written_by_muxer(format_name, stream, info):
            text = f"{format_name} can't carry {describe(stream)}; left out"
            notes.append(Note(NoteCode.STREAM_LEFT_OUT, text, stream.index))
    return CopyPlan(tuple(streams), tuple(covers), tuple(notes))


def add_copy(output: OutputContainer, copied: StreamCopy) -> Stream:
    """Adds a copy of a stream to an output, with its tags and dispositions; its packets are copied later.

    Raises:
        ValueError: If the container does not know the codec.
    """
    stream, tag = copied.stream, copied.tag
    if copied.track is not None:
        return add_stand_in(output, stream, copied.track)
    if stream.codec_context is None:
        copy: Stream = output.add_stream_from_template(stream)
    else:
        copy = add_template(output, stream)
        if tag:
            copy.codec_context.codec_tag = tag
        copy.metadata.update(stream_tags(stream))
        copy.disposition = stream.disposition
    if stream.time_base:
        copy.time_base = stream.time_base
    return copy


def takes_packet(format_name: str, copied: StreamCopy, packet: av.Packet[Stream]) -> bool:
    """Whether a container takes a packet of a stream; tested by writing the packet into memory.

    In a damaged file, a demuxer may report a stream that does not exist. A muxer may accept the header of that stream
    and refuse its packets. In the real output this error would come late, and seem to come from another stream.

    Args:
        format_name: FFmpeg's name of the output container.
        copied: How the packet's stream is copied.
        packet: Packet of the stream; it is not changed.
    """
    try:
        with open_media(io.BytesIO(), "w", format=format_name) as output:
            copy = add_copy(output, copied)
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
    """Attaches a cover picture to an output as a file, where the container keeps it so."""
    if output.format.name not in _ATTACHING:
        return
    extension, mime = _PICTURE_TYPES[codec_name(stream)]
    attachment = output.add_attachment(stream.metadata.get("filename", f"cover.{extension}"), mime, picture)
    attachment.metadata.update({**stream.metadata, **attachment.metadata})


def cover_boxes(format_name: str, covers: Sequence[Stream], pictures: Mapping[int, bytes]) -> tuple[bytes, ...]:
    """The box that holds cover pictures, where the container keeps them so; nothing for others, and for no pictures."""
    if format_name not in _BOXING or not covers:
        return ()
    return (cover_box([(codec_name(stream), pictures[stream.index]) for stream in covers]),)


def _written_by_muxer(format_name: str, stream: Stream, info: SourceInfo) -> bool:
    """Whether the stream is a time code track, which the muxer creates from a tag of the video."""
    return (
        format_name in MOV_FAMILY
        and stream.type == "data"
        and "timecode" in stream.metadata
        and "timecode" in info.stream.metadata
    )


def _accepted(format_name: str, stream: Stream, boxes: TrackBoxes | None, *, editable: bool) -> StreamCopy | None:
    """How a container takes a stream; None if it does not."""
    if format_name in MOVIES and stream.codec_context is None and not codec_name(stream):
        tags = []  # the container would take it, and write a track that says of no kind what it is
    elif stream.codec_context is None:
        tags = [""]
    else:
        tags = _tags(stream)
    for tag in dict.fromkeys(tags):
        copied = StreamCopy(stream, tag)
        if _takes(format_name, copied):
            return copied
    if not editable:
        return None
    track = describe_track(format_name, stream, boxes)
    copied = StreamCopy(stream, track=track)
    return copied if track is not None and _takes(format_name, copied) else None


def _tags(stream: Stream) -> list[str]:
    tags = [""]
    with contextlib.suppress(UnicodeDecodeError):  # a number, not four characters
        tags.insert(0, stream.codec_context.codec_tag.strip("\0"))
    return [tag for tag in tags if len(tag) in (0, 4)]


def _takes(format_name: str, copied: StreamCopy) -> bool:
    scratch, stream = io.BytesIO(), copied.stream
    needs_sample = stream.type in ("subtitle", "data") or copied.track is not None
    try:
        with open_media(scratch, "w", format=format_name) as output:
            copy = add_copy(output, copied)
            output.start_encoding()
            if is_untimed(format_name, stream, copy):
                return False
            # Of sound and pictures, some muxers look into each packet, and refuse zeros.
            with contextlib.nullcontext() if needs_sample else contextlib.suppress(av.error.FFmpegError):
                write_sample(output, copy)
        OutputEdits.of([(copied.stream, copied.track)]).apply(scratch)
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    if stream.type == "attachment":
        attached: Any = stream
        return bytes(attached.data) in scratch.getvalue()  # some take it, and write nothing
    return _comes_back(scratch, stream, by_name=needs_sample)


def _comes_back(scratch: io.BytesIO, stream: Stream, *, by_name: bool) -> bool:
    """Whether the stream's codec, or at least its kind, can be read back from a file just written.

    Some containers take any codec, but do not store its name: FLAC in a transport stream is data of no kind. And some
    would make a cover a second video.
    """
    scratch.seek(0)
    try:
        with open_media(scratch, "r") as read:
            if by_name:
                wanted = stream.type, codec_name(stream)
                return any((found.type, codec_name(found)) == wanted for found in read.streams)
            is_cover = stream.disposition & Disposition.attached_pic
            same = [found for found in read.streams if found.type == stream.type]
            return not len(read.streams) or any(found.disposition & is_cover == is_cover for found in same)
    except (av.error.FFmpegError, ValueError, OSError):
        return True  # too little to read back: no reason to leave the stream out
