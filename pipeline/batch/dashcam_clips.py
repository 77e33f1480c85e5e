"""Which clips of a loop recording continue each other: by when they began, how long they are, and what they show."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.decode.container import choose_video, open_container, promised_length
from pipeline.errors import DeblurError
from pipeline.media.tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.batch.inputs import BatchInput
    from pipeline.job import SourceOptions

TOLERANCE = timedelta(seconds=2)
"""Largest gap or overlap between two clips of a recording, in seconds: names tell whole seconds, and many
cameras miss up to a second where they change files, or write it twice."""

_TIME = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_. T]*(\d\d)[-_.h]?(\d\d)[-_.m]?(\d\d)(?!\d)"
    r"|(?<!\d)(\d\d)(\d\d)(\d\d)[-_](\d\d)(\d\d)(\d\d)(?!\d)"
)
"""``2026_1123_081500``, ``20261123-081500``, ``2026-11-23_08-15-00``; without the century ``261123_081500``."""

_CAMERA = re.compile(r"[A-Z]?[A-Z]?([ABFIR])")
"""The last capitals of a name, such as NF and EF (an event) of the front camera: the last one is the camera."""


_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clip:
    """Facts that tell whether a clip continues another.

    Attributes:
        began: Time at which the clip began, by its name or else its header; None if neither says.
        length: Length in seconds; None if unknown.
        camera: Lens of the camera that it is from, as far as its name says; clips of one recording agree.
        picture: Codec, width, height and pixel format; None if it can't be opened.
    """

    began: datetime | None
    length: timedelta | None
    camera: tuple[str, ...]
    picture: tuple[str, int, int, str | None] | None


def join_clips(inputs: Sequence[BatchInput], options: SourceOptions) -> tuple[BatchInput, ...]:
    """Puts clips that continue each other together.

    Clips are of one recording if they lie in one folder, are from one camera by what their names say behind the time
    (``F`` and ``R``, ``front`` and ``back``), show pictures of one kind, and each begins where the one before ends,
    within :data:`TOLERANCE`. Clips with an unknown fact are not put together.

    Args:
        inputs: Inputs of a single file each.
        options: Options that they are read with.

    Returns:
        One input for each recording, at the place of its first clip. Where a clip that is not the first of its camera
        begins a recording, ``note`` says why.
    """
    clips = [(item, _look(item.path, options)) for item in inputs]
    cameras: dict[tuple[str, ...], list[tuple[BatchInput, Clip]]] = {}
    for item, clip in clips:
        cameras.setdefault((str(item.path.parent), item.path.suffix.lower(), *clip.camera), []).append((item, clip))
    recordings: list[list[BatchInput]] = []
    for members in cameras.values():
        members.sort(key=lambda member: (member[1].began or _NEVER, member[0].path.name))
        recordings.append([members[0][0]])
        for (before, earlier), (item, later) in pairwise(members):
            why = _why_apart(earlier, later)
            if why is None:
                recordings[-1].append(item)
            else:
                recordings.append([replace(item, note=f"not joined to {before.path.name}: {why}")])
    places = {item.path: place for place, item in enumerate(inputs)}
    recordings.sort(key=lambda recording: places[recording[0].path])
    return tuple(replace(first, continued=tuple(item.path for item in rest)) for first, *rest in recordings)


def time_in_name(stem: str) -> tuple[datetime | None, str]:
    """The time at which a clip began, and the rest of its name.

    Args:
        stem: A file name without its extension.

    Returns:
        The time, in the camera's own clock, or None; and the rest of the name behind the time, or all of it.
    """
    for match in _TIME.finditer(stem):
        digits = "".join(part for part in match.groups() if part is not None)
        year = "%y" if len(digits) == 12 else "%Y"
        try:
            began = datetime.strptime(digits, f"{year}%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:  # numbers that are no time
            continue
        return began, stem[match.end() :]
    return None, stem


def camera_in_name(rest: str, *, is_behind_time: bool) -> tuple[str, ...]:
    """Part of a name that tells the camera: its words behind the time, or behind the number where there is no time."""
    words = re.findall(r"[A-Za-z]+", rest if is_behind_time else re.split(r"\d", rest)[-1])
    if words and (camera := _CAMERA.fullmatch(words[-1])):
        return (camera[1],)
    return tuple(word.lower() for word in words)


def _look(path: Path, options: SourceOptions) -> Clip:
    began, rest = time_in_name(path.stem)
    camera = camera_in_name(rest, is_behind_time=began is not None)
    try:
        with open_container(path, str(path), options.format, options.limits, None) as container:
            stream = choose_video(container, str(path), options.limits)
            context = stream.codec_context
            picture = context.name, context.width, context.height, context.pix_fmt
            length = promised_length(container, stream)
            header = tags_of(container).get("creation_time") or stream.metadata.get("creation_time")
    except (DeblurError, OSError):
        return Clip(began, None, camera, None)  # what is wrong with it is said when the batch comes to it
    duration = timedelta(seconds=float(length)) if length else None
    return Clip(began or _parsed(header), duration, camera, picture)


def _parsed(header: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(header or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _why_apart(earlier: Clip, later: Clip) -> str | None:
    """Reason why a clip does not continue the one before it; None if it does."""
    if earlier.picture is None:
        return "that can't be read"
    if later.picture is None:
        return "it can't be read"
    if earlier.began is None or later.began is None:
        return "neither names nor headers say when both began"
    if earlier.length is None:
        return "nothing says how long that is"
    if earlier.picture != later.picture:
        return "it has another picture or codec"
    gap = later.began - earlier.began - earlier.length
    if abs(gap) > TOLERANCE:
        seconds = gap.total_seconds()
        return f"it begins {abs(seconds):.0f} s {'after' if seconds > 0 else 'before'} the end of that"
    return None
