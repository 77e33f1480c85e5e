"""Comparing what was written with what was planned, from the header of the output alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
from av.stream import Disposition

from network.names import as_url
from pipeline.media.movie_boxes import read_movie
from pipeline.media.pyav18 import open_media
from pipeline.media.stream_names import codec_name, describe
from pipeline.media.tags import readable, stream_tags
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.stream import Stream

    from pipeline.encode.movie_edit import MovieEdit

_STREAM_TAGS = ("language", "title")

_ROLES = (
    Disposition.dub
    | Disposition.original
    | Disposition.comment
    | Disposition.lyrics
    | Disposition.karaoke
    | Disposition.forced
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.captions
    | Disposition.descriptions
)
"""Dispositions that say what a stream is for. The default one is not among them: it matters among several alone."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What an output should hold beside its video.

    Attributes:
        video: Video of the input.
        streams: Streams of the input that were copied, in the order of the file.
        covers: How many of them are cover pictures.
        tags: Keys of the container's tags.
        chapters: Number of chapters.
        movie: Boxes that were put into it.
    """

    video: Stream
    streams: Sequence[Stream]
    covers: Sequence[Stream]
    tags: Sequence[str]
    chapters: int
    movie: MovieEdit


def differences(path: Path, promise: Promise) -> list[Note]:
    """Names what is not in an output that should be in it.

    It reads the header, and of the rest what FFmpeg reads to know the streams: a few megabytes at most.

    Args:
        path: Path of the output.
        promise: What it should hold.
    """
    try:
        with open_media(as_url(path)) as output:
            notes = [*_streams(output, promise), *_tags(output, promise), *_chapters(output, promise)]
    except (av.error.FFmpegError, OSError, ValueError) as error:
        return [Note(NoteCode.OUTPUT_UNREADABLE, f"the output can't be read again to check it: {error}")]
    return [*notes, *_boxes(path, promise.movie)]


def _streams(output: InputContainer, promise: Promise) -> list[Note]:
    notes: list[Note] = []
    left = list(output.streams)
    main = next((stream for stream in left if stream.type == "video" and not _is_cover(stream)), None)
    if main is not None:
        left.remove(main)
        notes += _stream_tags(promise.video, main)
    covers = [stream for stream in left if _is_cover(stream)]
    for stream in promise.covers[len(covers) :]:
        text = f"{describe(stream)}, a cover picture, is not in the output"
        notes.append(Note(NoteCode.STREAM_LEFT_OUT, text, stream.index))
    pairs = counterparts(promise.streams, [stream for stream in left if not _is_cover(stream)])
    for stream in promise.streams:
        found = pairs.get(stream.index)
        if found is None:
            text = f"{describe(stream)} is not in the output"
            notes.append(Note(NoteCode.STREAM_LEFT_OUT, text, stream.index))
            continue
        if _channels(stream) and not _channels(found):
            text = f"the output does not say how many channels {describe(stream)} has; few players will play it"
            notes.append(Note(NoteCode.STREAM_LEFT_OUT, text, stream.index))
        notes += _stream_tags(stream, found)
    return [*notes, *_defaults([(stream, pairs[stream.index]) for stream in promise.streams if stream.index in pairs])]


def counterparts(streams: Sequence[Stream], candidates: Sequence[Stream]) -> dict[int, Stream]:
    """The copy of each stream, by its index: of the same kind, and of the same codec, or of another one with a name.

    Some containers have one name for several codecs that are decoded alike, such as those of MPEG audio.

    Args:
        streams: Streams of the input.
        candidates: Streams of the output.
    """
    left = list(candidates)
    found: dict[int, Stream] = {}
    for is_exact in (True, False):
        for stream in streams:
            same = (other for other in left if other.type == stream.type and stream.index not in found)
            fits = (o for o in same if (codec_name(o) == codec_name(stream) if is_exact else codec_name(o)))
            if copy := next(fits, None):
                left.remove(copy)
                found[stream.index] = copy
    return found


def _defaults(pairs: Sequence[tuple[Stream, Stream]]) -> list[Note]:
    """Where there are several streams of a kind, some marked as the default, each has to keep its mark."""
    notes = []
    for kind in dict.fromkeys(stream.type for stream, _ in pairs):
        some = [(stream, copy) for stream, copy in pairs if stream.type == kind]
        changed = [
            describe(stream) for stream, copy in some if (stream.disposition ^ copy.disposition) & Disposition.default
        ]
        if changed and len({stream.disposition & Disposition.default for stream, _ in some}) == 2:
            text = f"which {kind} stream is the default one (a disposition) differs in the output: {', '.join(changed)}"
            notes.append(Note(NoteCode.TAGS_DROPPED, text))
    return notes


def _channels(stream: Stream) -> int:
    return stream.codec_context.layout.nb_channels if isinstance(stream, av.AudioStream) and stream.codec_context else 0


def _stream_tags(stream: Stream, found: Stream) -> list[Note]:
    wanted, there = stream_tags(stream), stream_tags(found)
    lost = [
        f"{key} ({readable(value)})"
        for key in _STREAM_TAGS
        if (value := wanted.get(key)) and value != "und" and there.get(key, "und") == "und"
    ]
    roles = Disposition(stream.disposition & ~found.disposition & _ROLES)
    if roles:
        lost.append(f"disposition ({', '.join(role.name or '' for role in roles)})")
    if not lost:
        return []
    text = f"{describe(stream)} has lost in the output: {', '.join(lost)}"
    return [Note(NoteCode.TAGS_DROPPED, text, stream.index)]


def _tags(output: InputContainer, promise: Promise) -> list[Note]:
    kept = {key.lower() for key in output.metadata}
    lost = [readable(key) for key in promise.tags if key.lower() not in kept]
    return [Note(NoteCode.TAGS_DROPPED, f"these tags are not in the output: {', '.join(lost)}")] if lost else []


def _chapters(output: InputContainer, promise: Promise) -> list[Note]:
    missing = promise.chapters - len(output.chapters())
    if missing <= 0:
        return []
    text = f"{missing} of {promise.chapters} chapters are not in the output"
    return [Note(NoteCode.CHAPTERS_DROPPED, text)]


def _boxes(path: Path, movie: MovieEdit) -> list[Note]:
    # Tags and covers were looked for above.
    wanted = Counter(box[4:8] for box in (*movie.in_user_data, *movie.at_end) if box[4:8] != b"meta")
    if not wanted:
        return []
    found = read_movie(path)
    there = Counter(box[4:8] for box in (*found.in_user_data, *found.at_end)) if found else Counter[bytes]()
    lost = [kind.decode("latin-1").strip() for kind in wanted - there]
    return [Note(NoteCode.BOXES_DROPPED, f"these boxes are not in the output: {', '.join(lost)}")] if lost else []


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)
