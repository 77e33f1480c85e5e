"""Options of the output container, and the tags and chapters that it can carry."""

from __future__ import annotations

import contextlib
import io
import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from pipeline.encode.kept_tags import container_tags, free_form, lost_tags
from pipeline.encode.movie_edit import MovieEdit
from pipeline.media.pyav18 import open_media
from pipeline.media.tags import readable
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import OutputContainer
    from av.stream import Stream

    from pipeline.media.source_info import SourceInfo

MOV_FAMILY = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v", "ismv"})
"""FFmpeg's names of the containers that its MOV muxer writes."""

_SQUARE = {"matroska", "webm", "avi"}
"""Containers that lose the pixel aspect ratio, because PyAV can't pass it to their muxers."""

_SELF_DESCRIBING = {"h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video", "mjpeg"}
"""Codecs whose coded stream carries the pixel aspect ratio itself."""

_FINEST_TIMESCALE = 50_000_000


@dataclass(frozen=True, slots=True)
class MuxerPlan:
    """Options of the output container, and notes on what is lost.

    Attributes:
        options: Options of the muxer, by FFmpeg's names.
        shift: Seconds by which all streams have to be moved later.
        moved: Seconds by which the output is later than the input: the shift, or what FFmpeg moves by itself.
        notes: Notes for the user on what the container can't carry, one line each.
        tags: Keys of the tags that the output should have.
        has_chapters: Whether the output should have chapters.
        movie: What is put into an MP4 or MOV file when it is complete.
    """

    options: dict[str, str]
    shift: Fraction
    moved: Fraction
    notes: tuple[Note, ...]
    tags: tuple[str, ...] = ()
    has_chapters: bool = False
    movie: MovieEdit = field(default_factory=MovieEdit)


def plan_muxer(
    info: SourceInfo, format_name: str, codec: str, *, seekable: bool, movie: MovieEdit | None = None
) -> MuxerPlan:
    """Chooses the options of a muxer.

    Args:
        info: Description of the input.
        format_name: FFmpeg's name of the container.
        codec: FFmpeg's name of the video codec.
        seekable: Whether the muxer can seek back in the output.
        movie: What is put into the output when it is complete; None if it can't be changed then.
    """
    tags, chapters = container_tags(info.tags), info.chapters
    lost, lost_chapters = lost_tags(format_name, codec, {}, tags, chapters, movie)
    options: dict[str, str] = {}
    if format_name in MOV_FAMILY:
        options = _mov_options(info, seekable=seekable)
        if lost and movie is not None:
            # Beside the usual form, which most players read, and which has the cover.
            movie = replace(movie, in_movie=(*movie.in_movie, *free_form(format_name, codec, tags, lost)))
            lost, _ = lost_tags(format_name, codec, {}, tags, chapters, movie)
        elif lost and not info.covers:  # the muxer writes one form or the other, and only the usual one has a cover
            still_lost, _ = lost_tags(format_name, codec, {"movflags": "use_metadata_tags"}, tags, chapters)
            if len(still_lost) < len(lost):
                options["movflags"] = "+".join(filter(None, (options.get("movflags"), "use_metadata_tags")))
                lost = still_lost
    elif format_name == "mpegts" and info.format_name == "mpegts" and not info.is_shifted:
        options["mpegts_copyts"] = "1"  # else the muxer moves all times by its own delay
    moved = _moved_by(info, format_name, codec)
    notes = _time_and_shape_notes(info, format_name, codec, moved)
    if lost:
        text = f"{format_name} can't carry these tags: {', '.join(map(readable, lost))}"
        notes.append(Note(NoteCode.TAGS_DROPPED, text))
    if lost_chapters:
        notes.append(Note(NoteCode.CHAPTERS_DROPPED, f"{format_name} can't carry chapters; left out"))
    kept = tuple(key for key in tags if key not in lost)
    return MuxerPlan(
        options,
        shift_of(info, format_name),
        moved,
        tuple(notes),
        kept,
        bool(chapters) and not lost_chapters,
        movie or MovieEdit(),
    )


def keeps_times(format_name: str) -> bool:
    """Whether a container keeps the time of each frame. If not, the frame rate is constant.

    Args:
        format_name: FFmpeg's name of the container.
    """
    flag: Any = av.format.Flags.variable_fps.value
    # FFmpeg sets the flag for some of the formats of one muxer and forgets the others.
    return format_name in MOV_FAMILY or bool(av.ContainerFormat(format_name, "w").flags & flag)


def shift_of(info: SourceInfo, format_name: str) -> Fraction:
    """Seconds by which all streams have to be moved later, so that a container can say when they begin.

    Edit lists of MOV and MP4 cut off what is shown before zero; the run-up of sound may lie there. Where the frame rate
    is constant, the video begins at zero, and so must what begins first.

    Args:
        info: Description of the input.
        format_name: FFmpeg's name of the container.
    """
    if format_name in MOV_FAMILY:
        return max(-info.first_shown, Fraction(0))
    if keeps_times(format_name):
        return Fraction(0)
    return -min(info.earliest, info.first_shown)


def _mov_options(info: SourceInfo, *, seekable: bool) -> dict[str, str]:
    options: dict[str, str] = {}
    if not seekable:
        # In fragments nothing has to be filled in later; the delay lets the first one carry an edit list.
        options["movflags"] = "frag_keyframe+delay_moov+default_base_moof"
    if info.time_base.numerator == 1:
        options["video_track_timescale"] = str(info.time_base.denominator)
    if not info.starts_at_zero:
        options["movie_timescale"] = str(_movie_timescale(info))
    return options


def _time_and_shape_notes(info: SourceInfo, format_name: str, codec: str, moved: Fraction) -> list[Note]:
    notes = []
    if note := _moved_note(info, format_name, moved):
        notes.append(note)
    aspect = info.stream.sample_aspect_ratio
    if aspect and aspect != 1 and format_name in _SQUARE and codec not in _SELF_DESCRIBING:
        shape = f"{aspect.numerator}:{aspect.denominator}"
        text = f"the shape of the pixels ({shape}) can't be written for {codec} in {format_name}"
        notes.append(Note(NoteCode.ASPECT_DROPPED, text))
    return notes


def _moved_by(info: SourceInfo, format_name: str, codec: str) -> Fraction:
    """Seconds by which the output is later than the input."""
    shift = shift_of(info, format_name)
    return _moved_by_muxer(info, format_name, codec) if not shift and info.earliest < 0 else shift


def _moved_note(info: SourceInfo, format_name: str, shift: Fraction) -> Note | None:
    milliseconds = 1000 * float(abs(shift))
    if milliseconds < 1:
        return None
    if shift < 0:
        text = f"{format_name} begins at zero; all streams are moved earlier by {milliseconds:.0f} ms"
    else:
        first = "the video" if info.first_time <= info.earliest else "sound"
        text = (
            f"{first} begins {milliseconds:.0f} ms before zero, which {format_name} can't say; "
            "all streams are moved later by that much"
        )
    return Note(NoteCode.STREAMS_MOVED, text)


def _moved_by_muxer(info: SourceInfo, format_name: str, codec: str) -> Fraction:
    """Seconds by which the container moves all streams later where one begins before zero; measured with a sample.

    Some containers can store times before zero. From FFmpeg 9 on, Matroska can do so for the run-up of encoded sound.
    """
    negative: Any = av.format.Flags.ts_negative.value
    if av.ContainerFormat(format_name, "w").flags & negative:
        return Fraction(0)
    scratch = io.BytesIO()
    times: list[Fraction] = []
    try:
        with open_media(scratch, "w", format=format_name) as output:
            samples = []
            for stream in info.copied:
                if stream.type == "audio" and stream.index in info.begins:
                    samples += [(copy, info.begins[stream.index]) for copy in _sound(output, stream)]
            if info.first_time < 0:
                video = output.add_mux_stream(codec, width=64, height=64)
                video.time_base = info.time_base
                samples.append((video, info.first_time))
            for sample, time in samples:
                write_sample(output, sample, time)
                times.append(time)
        if not times:
            return Fraction(0)  # it takes none of them, and the picture begins at zero
        scratch.seek(0)
        with open_media(scratch, "r") as read:
            found = {p.stream.index: p.pts * p.time_base for p in read.demux() if p.pts is not None}
        return max((found[place] - time for place, time in enumerate(times) if place in found), default=Fraction(0))
    except (av.error.FFmpegError, ValueError, OSError):
        return -info.earliest  # so do all that FFmpeg does not say it of


def _sound(output: OutputContainer, stream: Stream) -> Iterator[Stream]:
    """Yields an audio stream added to an output; yields nothing where the container does not take the codec."""
    with contextlib.suppress(av.error.FFmpegError, ValueError):
        yield add_template(output, stream)


_FLV_NAMED = {"aac", "mp3", "ac3", "eac3", "opus", "flac"}
"""Codecs of sound that FLV has a name of four characters for."""


def add_template(output: OutputContainer, stream: Stream) -> Any:
    """Adds a stream of the same codec and parameters.

    FFmpeg 8 ends the whole process where FLV gets another codec of sound than those with a name, and its channels are
    not said to be one or two.

    Raises:
        ValueError: If the container does not know the codec, or can't hold that many channels.
    """
    copy: Any = output.add_stream_from_template(stream, opaque=True)
    if (
        output.format.name == "flv"
        and stream.type == "audio"
        and copy.codec_context.codec.canonical_name not in _FLV_NAMED
    ):
        channels = copy.codec_context.layout.nb_channels
        if channels not in (1, 2):
            raise ValueError(f"flv can't hold {channels} channels of this codec")
        copy.codec_context.layout = ("mono", "stereo")[channels - 1]
    return copy


def write_sample(output: OutputContainer, stream: Stream, time: Fraction = Fraction(0)) -> None:
    """Writes a packet of zeros, to find out what a container does with a stream.

    Args:
        output: Container in memory.
        stream: Stream of ``output``.
        time: Time of the packet, in seconds.
    """
    packet: av.Packet[Stream] = av.Packet(bytes(16))
    packet.stream, packet.is_keyframe = stream, True
    packet.time_base = stream.time_base or Fraction(1, 1000)
    packet.pts = packet.dts = round(time / packet.time_base)
    packet.duration = 1
    output.mux_one(packet)


def _movie_timescale(info: SourceInfo) -> int:
    """Time scale, in ticks a second, in which the late start of every stream is nearly a whole number of ticks."""
    denominators = [s.time_base.denominator for s in info.streams if s.time_base]
    exact = math.lcm(1000, *denominators)
    return exact if exact <= _FINEST_TIMESCALE else min(max(denominators), _FINEST_TIMESCALE)
