"""Adaptation to PyAV 18.1, the last version for Python 3.11, where it differs from PyAV 19.

The rest of the code is written for PyAV 19. When support for Python 3.11 ends, delete this module: call ``av.open``
itself, and use ``frame.side_data`` and ``chroma_sample_location`` directly.

Rationals need little adaptation. PyAV 19 returns an ``AVRational``, which is falsy where it is unset. PyAV 18.1
returns a ``Fraction`` or None. So test for an unset rational by its truth value, never by ``is None``, and convert it
by :func:`fraction` before it is kept or rounded.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.sidedata.sidedata import SideData, Type
    from av.video.codeccontext import VideoCodecContext

_IS_PYAV_18 = int(av.__version__.split(".")[0]) < 19

# Tags are read and written byte by byte, whatever their encoding: bytes that are no UTF-8 are text with surrogates.
if TYPE_CHECKING or not _IS_PYAV_18:  # noqa: SIM108 - in one expression, the type of a partial would join in
    open_media = av.open
else:
    open_media = partial(av.open, metadata_errors="surrogateescape")


def fraction(rational: Any) -> Fraction | None:
    """Converts a rational of PyAV to a number that can be kept, rounded and printed; None where it is unset."""
    return Fraction(rational.numerator, rational.denominator) if rational else None


def chroma_location(frame: av.VideoFrame) -> int | None:
    """Place of the chroma samples, as FFmpeg's ``AVChromaLocation``; None with PyAV 18.1, which can't read it."""
    return None if _IS_PYAV_18 else int(frame.chroma_location)  # type: ignore[attr-defined, unused-ignore]


def set_chroma_location(context: VideoCodecContext, location: int | None) -> None:
    """Sets the place of the chroma samples that an encoder writes; does nothing for None."""
    if location is not None:
        settings: Any = context
        settings.chroma_sample_location = location


def side_data(frame: av.VideoFrame) -> Mapping[Type, SideData]:
    """Side data of a frame by kind; only the first where there are several of one kind."""
    data: Any = frame.side_data
    if not _IS_PYAV_18:
        return data  # type: ignore[no-any-return]
    found: dict[Type, SideData] = {}
    for item in data:  # PyAV 18.1 iterates over the values
        found.setdefault(item.type, item)
    return found
