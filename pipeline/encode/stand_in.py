"""Streams that FFmpeg can write and PyAV can't add: they are written as another codec, and then described as they are.

PyAV asks a container for its list of codecs. Those of Matroska and MOV leave out what they hold in the way of AVI. And
PyAV adds no stream whose codec has no decoder. The packets are written under the name of a codec that PyAV adds and the
container writes unchanged. When the file is complete, the description of that track is replaced by the right one.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from pipeline.encode.container import write_sample
from pipeline.encode.matroska_edit import TrackCodec, read_codecs
from pipeline.media.movie_boxes import TrackBoxes, read_boxes
from pipeline.media.pyav18 import open_media
from pipeline.media.tags import stream_tags

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Stream

MOVIES = frozenset({"mov", "mp4", "ipod", "f4v", "ismv"})
"""FFmpeg's names of the containers in which a track can be described anew."""

_STAND_INS = {"audio": ("truehd", b"A_TRUEHD"), "video": ("mpeg4", b"V_MPEG4/ISO/ASP")}
"""For sound and pictures, a codec whose packets Matroska takes as they are, and its name there."""

_NOT_LISTED = {b"A_MS/ACM", b"V_MS/VFW/FOURCC", b"V_QUICKTIME"}
"""Names in Matroska of all that AVI and MOV can hold. None is longer than the name that stands in for it."""


def describe_track(format_name: str, stream: Stream, boxes: TrackBoxes | None) -> TrackBoxes | TrackCodec | None:
    """How a container describes a stream that PyAV can't add to it; None if it can't carry the stream.

    Args:
        format_name: FFmpeg's name of the container.
        stream: Stream of the input.
        boxes: Description of its track in the input, where that is an MP4 or MOV file.
    """
    if format_name in MOVIES and boxes is not None and boxes.entries == 1:
        return boxes
    if stream.type not in _STAND_INS or stream.codec_context is None:
        return None
    written = _written_by_ffmpeg(format_name, stream)
    if format_name == "matroska":
        codec = next(iter(read_codecs(io.BytesIO(written))), None)
        return codec if codec and codec.codec_id in _NOT_LISTED else None
    if format_name == "mov" and (movie := read_boxes(io.BytesIO(written))):
        return next((replace(track, references={}) for track in movie.tracks.values()), None)
    return None


def add_stand_in(output: OutputContainer, stream: Stream, track: TrackBoxes | TrackCodec) -> Stream:
    """Adds a stream that takes the packets of ``stream`` as they are.

    Args:
        output: Container of the output.
        stream: Stream of the input.
        track: Description of the track, which is written at the end.

    Raises:
        ValueError: If the container does not know the codec that stands in.
    """
    if isinstance(track, TrackBoxes):
        copy = _movie_track(output, stream)
        copy.metadata.update(stream_tags(stream), handler_name=handler_name(stream))
    else:
        copy = _native_track(output, stream, track)
        copy.metadata.update(stream_tags(stream))
    copy.disposition = stream.disposition
    if stream.time_base:
        copy.time_base = stream.time_base
    return copy


def handler_name(stream: Stream) -> str:
    """Name by which the track of a stream is found again in an MP4 or MOV file."""
    return f"stands for stream {stream.index}"


def stand_in_codec(stream: Stream, track: TrackCodec) -> tuple[TrackCodec, bytes]:
    """What a Matroska file has for the track of a stream, and the ``CodecID`` that it should have."""
    return replace(track, codec_id=_STAND_INS[stream.type][1]), track.codec_id


def _movie_track(output: OutputContainer, stream: Stream) -> Stream:
    if stream.type == "video":
        return output.add_mux_stream("mpeg4", width=64, height=64)
    if output.format.name != "mov":
        return output.add_mux_stream("bin_data")  # data of cameras, of which every sample is kept as it is
    if stream.type == "data" and stream.codec_context is None:
        return output.add_stream_from_template(stream)
    return output.add_mux_stream("mp3", rate=stream.time_base.denominator if stream.time_base else 1000)


def _native_track(output: OutputContainer, stream: Stream, track: TrackCodec) -> Stream:
    name = _STAND_INS[stream.type][0]
    scratch = io.BytesIO()
    with open_media(scratch, "w", format="matroska") as written:
        if stream.type == "video":
            template = written.add_mux_stream(name, width=64, height=64)
        else:
            template = written.add_mux_stream(name, rate=48_000)
        template.time_base = Fraction(1, 1000)
        write_sample(written, template)
    scratch.seek(0)
    with open_media(scratch, "r") as read:
        copy: Any = output.add_stream_from_template(read.streams[0], opaque=True)
    source: Any = stream.codec_context
    context = copy.codec_context
    if stream.type == "audio":
        context.sample_rate, context.layout = source.sample_rate, source.layout
    else:
        context.width, context.height = source.width, source.height
    context.extradata = track.private
    return copy  # type: ignore[no-any-return]


def _written_by_ffmpeg(format_name: str, stream: Stream) -> bytes:
    """A file with the stream and one packet of zeros, by the muxer that asks no container for its codecs; or nothing.

    That muxer hands on to others all but chapters, so it does not serve for the output itself.
    """
    written = _Kept()
    with contextlib.suppress(av.error.FFmpegError, ValueError, OSError):
        with open_media(f"[f={format_name}]kept", "w", format="tee", io_open=lambda *_: written) as output:
            copy = output.add_stream_from_template(stream, opaque=True)
            packet: av.Packet[Stream] = av.Packet(bytes(4096))
            packet.stream, packet.is_keyframe, packet.time_base = copy, True, stream.time_base or Fraction(1, 1000)
            packet.pts = packet.dts = 0
            packet.duration = 1
            output.mux_one(packet)
        return written.data
    return b""


class _Kept(io.BytesIO):
    """Memory whose content outlives its closing."""

    data = b""

    def close(self) -> None:
        """Keeps the content."""
        if not self.closed:
            self.data = self.getvalue()
        super().close()
