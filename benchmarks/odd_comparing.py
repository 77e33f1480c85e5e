"""Compares an output with its input: what differs has to be named by a note of its kind. For ``odd_files.py``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error
import numpy as np
from av.stream import Disposition
from odd_pictures import LOSSLESS, picture_faults
from odd_reading import Contents, Samples, Track, pictures_digest, sound
from odd_times import named_seconds, sync_faults, time_faults

from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odd_recipes import Recipe

    from pipeline.notes import Note

_OWN = {
    *("encoder", "major_brand", "minor_version", "compatible_brands", "software", "duration", "bps", "vendor_id"),
    *("number_of_frames", "number_of_bytes", "handler_name", "wm/encodingsettings", "devicesettings"),
    *("file_package_umid", "material_package_umid", "generation_uid", "product_uid", "modification_date"),
    "operational_pattern_ul",
}
"""Keys of tags that describe the file itself: each muxer writes its own."""

_NAMES = {"fr": "fra", "fre": "fra", "de": "deu", "ger": "deu", "und": ""}
"""Other names of a language."""

_MEANINGS = Disposition.forced | Disposition.hearing_impaired | Disposition.comment | Disposition.dub
_MEANINGS |= Disposition.original | Disposition.visual_impaired
_LAYERS = {"mp2", "mp3"}
"""Layers of MPEG sound, for which MP4 has one name."""

_NUMBER = re.compile(r"[-+]\d+\.\d+")
_MS = Fraction(1, 1000)
_RUN_UP = 2 * 1152
"""Samples that a codec may need before its sound begins."""


def compare(given: Contents, made: Contents, notes: Sequence[Note], recipe: Recipe) -> list[tuple[str, str]]:
    """Area and text of everything that differs without a note of its kind.

    Args:
        given: The input.
        made: The output.
        notes: All notes of the run.
        recipe: What was asked for.
    """
    codes = frozenset(str(note.code) for note in notes)
    if given.tags.get("creation_time") == made.tags.get("creation_time"):
        _forget_dates(given)
    lossless = made.video.codec in LOSSLESS or (made.video.codec == "h264" and recipe.crf == 0)
    faults = list(picture_faults(given, made, codes, exact=lossless, deinterlaced=recipe.interlaced))
    late, times = time_faults(given, made, notes)
    faults += times
    if made.container != "avi" or late == 0:
        faults += _moved(given, made, late, codes)
    faults += _track_faults(given, made, notes, late)
    faults += _attached_faults(given, made, notes)
    faults += _tag_faults("file", given.tags, made.tags, notes, None)
    faults += _tag_faults("video", given.video.tags, made.video.tags, notes, given.video.index)
    faults += _chapter_faults(given, made, codes, late)
    if given.boxes != made.boxes and NoteCode.BOXES_DROPPED not in codes:
        faults.append(("boxes", f"{len(given.boxes)} boxes that FFmpeg does not show became {len(made.boxes)}"))
    return faults


def _forget_dates(contents: Contents) -> None:
    """Takes the date away from tracks that have that of the file."""
    for track in (contents.video, *contents.tracks):
        if track.tags.get("creation_time") == contents.tags.get("creation_time"):
            track.tags.pop("creation_time", None)


def _moved(given: Contents, made: Contents, late: Fraction, codes: frozenset[str]) -> Iterator[tuple[str, str]]:
    """A whole file may begin at another time only where its container always begins at its own."""
    if (
        late
        and made.container not in ("mpegts", "avi")
        and NoteCode.STREAMS_MOVED not in codes
        and abs(late) > made.video.tick
    ):
        yield "beginning", f"all is {float(late * 1000):+.3f} ms later from {given.container} to {made.container}"


def _pairs(given: Contents, made: Contents, left_out: set[int | None]) -> Iterator[tuple[Track, Track | None]]:
    """Yields each track of the input that no note leaves out, with the same track of the output."""
    rest = list(made.tracks)
    for track in given.tracks:
        if track.index in left_out:
            continue
        alike = [other for other in rest if (other.kind, other.codec) == (track.kind, track.codec)]
        payload = track.payload
        same = [other for other in rest if other.kind == track.kind and other.payload == payload]
        found = next((other for other in alike if other in same), next(iter((*alike, *same)), None))
        if found is not None:
            rest.remove(found)
        yield track, found


def _track_faults(given: Contents, made: Contents, notes: Sequence[Note], late: Fraction) -> Iterator[tuple[str, str]]:
    left_out = {note.stream for note in notes if note.code == NoteCode.STREAM_LEFT_OUT}
    refused = {note.stream for note in notes if note.code == NoteCode.PACKETS_REFUSED}
    jumped = {note.stream for note in notes if note.code == NoteCode.CLOCK_JUMPED}
    order = []
    found = list(_pairs(given, made, left_out))
    for track, copy in found:
        name = f"{track.kind} {track.codec}"
        if copy is None:
            if track.pieces and track.index not in refused:
                yield _area(track), f"{name} is not in the output"
            continue
        order.append(copy.index)
        if track.index in refused:
            continue
        is_filled = any(note.code == NoteCode.SILENCE_ADDED and note.stream == track.index for note in notes)
        yield from _content_faults(given, made, track, copy, is_filled=is_filled)
        if track.index not in jumped:
            named = named_seconds(notes, NoteCode.SYNC_CHANGED, track.index)
            moved = named_seconds(notes, NoteCode.CONSTANT_RATE, None)
            yield from _time_faults(name, track, copy, late, made, named, moved, is_filled=is_filled)
            if named and not list(_time_faults(name, track, copy, late, made, -named, moved)):
                yield "note", f"{name} is not {float(named * 1000):.0f} ms off, as a note says"
        yield from _tag_faults(track.kind, track.tags, copy.tags, notes, track.index)
        lost = Disposition(track.disposition & ~copy.disposition & _MEANINGS)
        if lost and not _names(notes, track.index, "disposition"):
            yield "disposition", f"{name}: {lost.name} is lost"
    if order != sorted(order):
        yield "order", f"streams come in another order: {order}"
    # A time code track is made from a tag.
    extra = sum("timecode" not in track.tags for track in made.tracks) - len(order)
    extra += sum("timecode" in track.tags for track, copy in found if copy is not None)
    if extra and not any(track.index in left_out for track in given.tracks):
        yield "streams", f"{extra} streams that the input has not"
    yield from _default_faults([(track, copy) for track, copy in found if copy is not None], notes)


def _area(track: Track) -> str:
    return {"audio": "sound", "subtitle": "subtitles", "data": "data", "video": "second video"}.get(
        track.kind, track.kind
    )


def _default_faults(pairs: Iterable[tuple[Track, Track]], notes: Sequence[Note]) -> Iterator[tuple[str, str]]:
    """Which track is the default one matters where there are several, and only some are."""
    kinds: dict[str, list[tuple[bool, bool]]] = {}
    for track, copy in pairs:
        flags = bool(track.disposition & Disposition.default), bool(copy.disposition & Disposition.default)
        kinds.setdefault(track.kind, []).append(flags)
    for kind, flags in kinds.items():
        before = [a for a, _ in flags]
        if len(set(before)) == 2 and before != [b for _, b in flags] and not _names(notes, None, "disposition"):
            yield "disposition", f"{kind}: another track is the default one"


def _content_faults(
    given: Contents, made: Contents, track: Track, copy: Track, *, is_filled: bool
) -> Iterator[tuple[str, str]]:
    """Bytes have to be the same; where a container wraps them otherwise, what is decoded has to be."""
    if track.payload == copy.payload and (track.codec == copy.codec or {track.codec, copy.codec} == _LAYERS):
        return
    area, name = _area(track), f"{track.kind} {track.codec}"
    try:
        if track.kind == "audio":
            before, after = sound(given.path, track.index), sound(made.path, copy.index)
            if is_filled and after.shape[1] > before.shape[1]:  # silence in front, whose samples are all one
                silence, after = np.split(after, [after.shape[1] - before.shape[1]], 1)
                after = after if np.ptp(silence) == 0 else silence
            is_same = _sounds_same(before, after)
            text = f"{name}: {after.shape[-1]} samples instead of {before.shape[-1]}"
        elif track.kind == "video":
            is_same = pictures_digest(given.path, track.index) == pictures_digest(made.path, copy.index)
            text = f"{name}: other frames"
        else:
            is_same, text = False, f"{name}: {len(copy.pieces)} packets instead of {len(track.pieces)}, or others"
    except (av.error.FFmpegError, ValueError) as error:
        is_same, text = False, f"{name}: can't be decoded: {error}"
    if not is_same:
        yield area, text


def _sounds_same(before: Samples, after: Samples) -> bool:
    """Whether the samples are the same, but for the run-up and the end of a codec, which not every container cuts."""
    if before.shape[0] != after.shape[0] or abs(before.shape[1] - after.shape[1]) > _RUN_UP:
        return False
    count = min(before.shape[1], after.shape[1])
    cuts = ((slice(None, count), slice(None, count)), (slice(-count, None), slice(-count, None)))
    return any(np.array_equal(before[:, first], after[:, second]) for first, second in cuts)


def _time_faults(
    name: str,
    track: Track,
    copy: Track,
    late: Fraction,
    made: Contents,
    named: Fraction,
    moved: Fraction,
    *,
    is_filled: bool = False,
) -> Iterator[tuple[str, str]]:
    tolerance = max(
        copy.tick,
        min(track.tick, _MS),
        made.video.tick if made.container in ("matroska,webm", "flv") else _MS / 10,
        _MS / 10,
    )
    if made.container == "avi":
        tolerance = max(tolerance, made.video.tick / 2, moved)  # by which the picture is off, as a note says
    if named:  # a note says in ms how far it is off, and may say too much as little as too little
        tolerance = named + tolerance + _MS if named > 0 else -named - 2 * tolerance - _MS
    before, after = [piece.time for piece in track.pieces], [piece.time for piece in copy.pieces]
    if len(before) != len(after):  # a container that packs sound otherwise
        ends = [_end(track), _end(copy)]
        before, after = [next(iter(before), None), ends[0]], [next(iter(after), None), ends[1]]
        if is_filled:  # it begins with the silence
            before, after = before[1:], after[1:]
    yield from sync_faults(name, before, after, late, tolerance)
    if track.kind == "subtitle" and len(track.pieces) == len(copy.pieces):
        off = [a for a, b in zip(track.pieces, copy.pieces, strict=True) if abs(a.duration - b.duration) > tolerance]
        if off:
            yield "subtitles", f"{name}: {len(off)} lines are shown for another time"


def _end(track: Track) -> Fraction | None:
    ends = [piece.time + piece.duration for piece in track.pieces if piece.time is not None]
    return max(ends, default=None)


def _names(notes: Sequence[Note], stream: int | None, *words: str) -> bool:
    """Whether a note on lost tags is about a stream, or about the file, and has one of the words."""
    return any(
        note.code == NoteCode.TAGS_DROPPED
        and note.stream in (stream, None)
        and any(word.lower() in note.text.lower() for word in words)
        for note in notes
    )


def _tag_faults(
    what: str, before: dict[str, str], after: dict[str, str], notes: Sequence[Note], stream: int | None
) -> Iterator[tuple[str, str]]:
    area = "tags" if what == "file" else "track tags"
    present = {key.lower(): value for key, value in after.items()}
    for key, value in before.items():
        plain = key.lower()
        if plain in _OWN or plain.startswith("_statistics"):
            continue
        got = present.get(plain, present.get(plain.replace(" ", "_")))  # Matroska allows no spaces
        if plain == "language":
            value, got = (_NAMES.get(text or "", text or "") for text in (value, got))
        if plain == "location":  # how many digits it has is up to the container
            value, got = (_NUMBER.sub(lambda found: f"{float(found[0]):+g}", text or "") for text in (value, got))
        if value == got or _names(notes, stream, key):
            continue
        yield area, f"{what}: {key} is {'lost' if not got else f'{got[:40]!r} instead of {value[:40]!r}'}"


def _chapter_faults(
    given: Contents, made: Contents, codes: frozenset[str], late: Fraction
) -> Iterator[tuple[str, str]]:
    if not given.chapters or NoteCode.CHAPTERS_DROPPED in codes:
        return
    titles = [[title for *_, title in some.chapters] for some in (given, made)]
    if titles[0] != titles[1]:
        yield "chapters", f"{titles[1]} instead of {titles[0]}"
        return
    pairs = zip(given.chapters, made.chapters, strict=True)
    for number, (before, after) in enumerate(pairs):
        moved = [(b - a - late) for a, b in zip(before[:2], after[:2], strict=True)]
        if number == len(titles[0]) - 1 and made.container.startswith("mov") and moved[1] > 0:
            moved.pop()  # there, the last one ends with the file
        if max(map(abs, moved)) > 2 * _MS:
            words = " and ".join(f"{float(some * 1000):+.0f} ms" for some in moved)
            yield (
                "chapters",
                f"begin and end of number {number} of {len(titles[0])} moved by {words} against the picture",
            )


def _attached_faults(given: Contents, made: Contents, notes: Sequence[Note]) -> Iterator[tuple[str, str]]:
    left_out = {note.stream for note in notes if note.code == NoteCode.STREAM_LEFT_OUT}
    covers = [data for _, data in made.covers]
    for index, data in given.covers:
        if index not in left_out and data not in covers:
            yield "cover", "the cover picture is lost"
    files = [(name, data) for _, name, data in made.attachments]
    for index, name, data in given.attachments:
        if index not in left_out and (name, data) not in files:
            yield "attachments", f"the attached file {name} is lost"
