"""Compares the pictures of two files. For ``odd_files.py``."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from odd_reading import Samples, planar, samples

from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odd_reading import Contents, Picture

LOSSLESS = {"ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "png", "qtrle", "rawvideo", "v210"}
"""Codecs whose frames have to come back sample by sample."""

SAME, CONVERTED, DEINTERLACED = 30.0, 20.0, 18.0
"""Least likeness, in dB (PSNR), of frames that a codec changed, that were converted as well, or deinterlaced."""

_CHANGED = {NoteCode.PIXEL_FORMAT, NoteCode.COLOUR_CONVERTED, NoteCode.DEPTH_REDUCED, NoteCode.ENCODER_CHANGED}
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
_MATRICES = {1: Colorspace.ITU709, 4: Colorspace.FCC, 7: Colorspace.SMPTE240M}
_LIGHT = {Type.MASTERING_DISPLAY_METADATA: "=20i", Type.CONTENT_LIGHT_LEVEL: "=2I"}


def picture_faults(
    given: Contents, made: Contents, codes: frozenset[str], *, exact: bool, deinterlaced: bool
) -> Iterator[tuple[str, str]]:
    """Yields area and text of what differs without a note.

    Args:
        given: The input.
        made: The output.
        codes: Codes of all notes.
        exact: Whether the samples have to come back one by one.
        deinterlaced: Whether the frames were deinterlaced.
    """
    if len(given.pictures) != len(made.pictures):
        yield "count", f"{len(made.pictures)} frames instead of {len(given.pictures)}"
        return
    if not given.pictures:
        return
    first, second = given.pictures[0], made.pictures[0]
    yield from _samples_faults(given, made, codes, exact=exact, deinterlaced=deinterlaced)
    yield from _colour_faults(first.frame, second.frame, codes)
    if _alpha(first.frame) and not _alpha(second.frame) and NoteCode.ALPHA_DROPPED not in codes:
        yield "transparency", f"{first.frame.format.name} became {second.frame.format.name}"
    turned = NoteCode.PICTURE_TURNED in codes
    is_off = _orientation(second) != (None if turned else _orientation(first))
    if is_off and (turned or NoteCode.SIDE_DATA_DROPPED not in codes):
        yield "rotation", f"{_orientation(second)} instead of {_orientation(first)}"
    if given.aspect != made.aspect and not turned and NoteCode.ASPECT_DROPPED not in codes:
        yield "aspect", f"pixels of {made.aspect} instead of {given.aspect}"
    for kind, layout in _LIGHT.items():
        if _ratios(first, kind, layout) != _ratios(second, kind, layout) and NoteCode.SIDE_DATA_DROPPED not in codes:
            yield "side data", f"{kind.name} is lost or changed"
    captions = [[picture.side_data.get(Type.A53_CC) for picture in some.pictures] for some in (given, made)]
    if any(captions[0]) and captions[0] != captions[1] and NoteCode.CAPTIONS_DROPPED not in codes:
        same = sum(a == b for a, b in zip(*captions, strict=True))
        yield (
            "captions",
            f"closed captions of {len(captions[0]) - same} of {len(captions[0])} frames are lost or changed",
        )


def _samples_faults(
    given: Contents, made: Contents, codes: frozenset[str], *, exact: bool, deinterlaced: bool
) -> Iterator[tuple[str, str]]:
    worst, unlike, limit = np.inf, 0, SAME
    for before, after in zip(given.pictures, made.pictures, strict=True):
        a, b, is_plain = _comparable(before, after, turned=NoteCode.PICTURE_TURNED in codes)
        if a[0].shape != b[0].shape:
            if NoteCode.SIZE_PADDED not in codes and NoteCode.FRAMES_CHANGED not in codes:
                yield (
                    "size",
                    f"{after.frame.width}x{after.frame.height} instead of {before.frame.width}x{before.frame.height}",
                )
                return
            b = [plane[: like.shape[0], : like.shape[1]] for plane, like in zip(b, a, strict=True)]
        is_same = all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        if exact and not is_same and (is_plain or not _CHANGED & codes) and not deinterlaced:
            unlike += 1
        limit = DEINTERLACED if deinterlaced else SAME if is_plain else CONVERTED
        worst = min(worst, _likeness(a, b, before.frame))
    if unlike:
        yield (
            "picture",
            f"{unlike} of {len(given.pictures)} frames differ though the codec is lossless (worst {worst:.1f} dB)",
        )
    elif worst < limit:
        yield "picture", f"a frame is only {worst:.1f} dB like the input's"
    formats = given.pictures[0].frame.format.name, made.pictures[0].frame.format.name
    if (
        np.isfinite(worst)
        and planar(formats[0]).replace("a", "") != planar(formats[1]).replace("a", "")
        and not _CHANGED & codes
    ):
        yield "pixel format", f"{formats[1]} instead of {formats[0]}"


def _comparable(before: Picture, after: Picture, *, turned: bool) -> tuple[list[Samples], list[Samples], bool]:
    """Planes of both frames in one format, the first turned as a player does, and whether they are as they were."""
    first, second = before.frame, after.frame
    a, b = planar(first.format.name), planar(second.format.name)
    is_rgb = first.format.is_rgb or first.format.has_palette
    if a == b:
        planes = samples(_repacked(first, a)), samples(_repacked(second, b))
        if turned:
            planes = [_turned(plane, before) for plane in planes[0]], planes[1]
        # Where samples are the same and their meaning is not, that is a fault of the colour tags.
        is_same = [plane.shape for plane in planes[0]] == [plane.shape for plane in planes[1]]
        is_same = is_same and all(map(np.array_equal, *planes))
        if is_same or is_rgb or (_range(first), _space(first)) == (_range(second), _space(second)):
            return *planes, is_same or not turned
    planes = samples(_as_rgb(first)), samples(_as_rgb(second))
    return [_turned(plane, before) for plane in planes[0]] if turned else planes[0], planes[1], False


def _repacked(frame: av.VideoFrame, name: str) -> av.VideoFrame:
    if frame.format.name == name or frame.format.name.replace("yuvj", "yuv") == name:
        return frame
    known = ColorRange.JPEG if _range(frame) == 2 else ColorRange.MPEG
    return frame.reformat(format=name, interpolation=_EXACT, src_color_range=known, dst_color_range=known, threads=1)


def _as_rgb(frame: av.VideoFrame) -> av.VideoFrame:
    return frame.reformat(
        format="gbrp",
        interpolation=_EXACT,
        src_colorspace=_MATRICES.get(_space(frame), Colorspace.ITU601),
        src_color_range=ColorRange.JPEG if _range(frame) == 2 else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,  # with more, libswscale may write beyond rows
    )


def _likeness(a: list[Samples], b: list[Samples], frame: av.VideoFrame) -> float:
    bits = max(component.bits for component in av.VideoFormat(planar(frame.format.name)).components)
    peak = 255.0 if a[0].dtype == np.uint8 else float((1 << bits) - 1)
    error = sum(float(np.square(x.astype(float) - y.astype(float)).sum()) for x, y in zip(a, b, strict=False))
    count = sum(x.size for x in a[: len(b)])
    return float("inf") if not error else 10 * float(np.log10(peak**2 * count / error))


def _turned(plane: Samples, picture: Picture) -> Samples:
    """A plane as a player shows it: turned and mirrored by the display matrix."""
    matrix = _orientation(picture)
    if matrix is None:
        return plane
    a, b, c, d = matrix
    x, y = np.meshgrid(np.arange(plane.shape[1]), np.arange(plane.shape[0]))
    across, down = a * x + c * y, b * x + d * y
    across, down = across - across.min(), down - down.min()
    turned = np.empty((down.max() + 1, across.max() + 1), plane.dtype)
    turned[down, across] = plane
    return turned


def _orientation(picture: Picture) -> tuple[int, int, int, int] | None:
    """The turning part of the display matrix, in whole numbers; None where the picture is shown as it is."""
    data = picture.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return None
    numbers = struct.unpack_from("=9i", data)
    part = tuple(round(numbers[place] / 65536) for place in (0, 1, 3, 4))
    return None if part == (1, 0, 0, 1) else part  # type: ignore[return-value]


def _alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _range(frame: av.VideoFrame) -> int:
    name = frame.format.name
    unknown = 2 if name.startswith(("yuvj", "gray", "ya")) else 1
    return 2 if name.startswith("yuvj") else int(frame.color_range) or unknown


def _space(frame: av.VideoFrame) -> int:
    """Matrix; the two names of BT.601, and none at this size, are one."""
    return {0: 5, 2: 5, 6: 5}.get(int(frame.colorspace), int(frame.colorspace))


def _colour_faults(before: av.VideoFrame, after: av.VideoFrame, codes: frozenset[str]) -> Iterator[tuple[str, str]]:
    pairs = {
        "primaries": (before.color_primaries, after.color_primaries),
        "transfer": (before.color_trc, after.color_trc),
    }
    is_yuv = not any(
        f.format.is_rgb or f.format.has_palette or planar(f.format.name).startswith("gray") for f in (before, after)
    )
    if is_yuv and NoteCode.COLOUR_CONVERTED not in codes:
        pairs["matrix"] = before.colorspace, after.colorspace
        pairs["range"] = (_range(before), _range(after))
    for name, (a, b) in pairs.items():
        values = [2 if int(value) == 0 and name != "range" else int(value) for value in (a, b)]
        if values[0] != values[1]:
            is_unset = int(after.color_range) == 0 if name == "range" else values[1] == 2
            is_new = name != "range" and values[0] == 2
            what = "lost" if is_unset else "made up" if is_new else "changed"
            if what != "lost" or NoteCode.COLOUR_TAGS_DROPPED not in codes:
                yield "colour", f"{name} {what}: {values[1]} instead of {values[0]}"


def _ratios(picture: Picture, kind: Type, layout: str) -> tuple[float, ...] | None:
    data = picture.side_data.get(kind)
    if data is None:
        return None
    numbers = struct.unpack_from(layout, data)
    if kind is Type.CONTENT_LIGHT_LEVEL:
        return tuple(map(float, numbers))
    return tuple(round(n / d, 3) if d else 0.0 for n, d in zip(numbers[::2], numbers[1::2], strict=True))
