"""Conversion between decoded frames and batches of planes: formats, colour properties, and copies both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation

from network.planes import Layout, Matrix, PlaneSpec
from pipeline.media.native_formats import NATIVE, depth_of, has_alpha, native_format, pixel_format_of
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from network.planes import PlaneBatch

RANGE_UNSPECIFIED, RANGE_LIMITED, RANGE_FULL = 0, 1, 2
"""Values of FFmpeg's ``AVColorRange``."""

SPACE_RGB, SPACE_BT709, SPACE_UNSPECIFIED = 0, 1, 2
"""Values of FFmpeg's ``AVColorSpace`` (ITU-T H.273, MatrixCoefficients) that this module names."""

PRIMARIES_BT2020 = 9

_MATRICES = {
    1: Matrix.BT709,
    4: Matrix.BT601,  # FCC: differs from BT.601 in the third decimal place
    5: Matrix.BT601,
    6: Matrix.BT601,
    7: Matrix.BT709,  # SMPTE 240M: differs from BT.709 in the third decimal place
    9: Matrix.BT2020,
    10: Matrix.BT2020,
}

EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT


def guess_matrix(width: int, height: int, colorspace: int, primaries: int = SPACE_UNSPECIFIED) -> Matrix:
    """Colour matrix of YUV samples, guessed where the stream does not state it.

    The guess follows the convention of the industry. It is BT.2020 where the primaries are those of BT.2020, BT.709
    above standard definition (over 576 lines or 1024 columns), and BT.601 otherwise.

    Args:
        width: Width of the picture, in pixels.
        height: Height of the picture, in pixels.
        colorspace: Colour matrix, as FFmpeg's ``AVColorSpace``; 2 is unspecified.
        primaries: Colour primaries, as FFmpeg's ``AVColorPrimaries``; 2 is unspecified.
    """
    if colorspace in _MATRICES:
        return _MATRICES[colorspace]
    if primaries == PRIMARIES_BT2020:
        return Matrix.BT2020
    return Matrix.BT709 if height > 576 or width > 1024 else Matrix.BT601


def format_of(frame: av.VideoFrame) -> str:
    """FFmpeg's name of the pixel format of a frame's samples, also where they are on a GPU."""
    return (frame.sw_format or frame.format).name


def on_host(frame: av.VideoFrame) -> av.VideoFrame:
    """Returns a frame in the processor's memory, with all its properties; a frame on a GPU is copied."""
    if frame.sw_format is None:
        return frame
    tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
    copied = Reformatter().reformat(frame, format=frame.sw_format.name)
    # The reformatter renames some matrices though it converts nothing.
    copied.colorspace, copied.color_primaries, copied.color_trc, copied.color_range = tags
    return copied


def copied(frame: av.VideoFrame) -> av.VideoFrame:
    """Returns a frame with the same samples in memory of its own, its time, and no other property.

    A frame on a GPU is returned as it is: nothing here writes to one.
    """
    if frame.sw_format is not None:
        return frame
    copy = VideoFrame(frame.width, frame.height, frame.format.name)
    for index in range(plane_count(frame)):
        plane_rows(copy, index)[...] = plane_rows(frame, index)
    copy.pts, copy.time_base = frame.pts, frame.time_base
    return copy


def spec_of(frame: av.VideoFrame) -> tuple[PlaneSpec, str]:
    """Layout of the planes of frames like this one, once they are in a native format.

    Args:
        frame: Decoded frame with its colour tags.

    Returns:
        Layout of the planes, and the name of their pixel format (that of the frame itself if it is native).
    """
    coded = format_of(frame)
    name = native_format(coded, alpha=has_alpha(coded) or _has_clear_colour(frame))
    layout, depth, is_rgb = NATIVE[name]
    matrix = Matrix.RGB if is_rgb else guess_matrix(frame.width, frame.height, frame.colorspace, frame.color_primaries)
    full_range = is_rgb or frame.color_range == RANGE_FULL or coded.startswith("yuvj")
    if layout is Layout.GRAY and frame.color_range == RANGE_UNSPECIFIED:
        full_range = True  # as libswscale takes it
    return PlaneSpec(frame.width, frame.height, layout, depth, matrix, full_range), name


def convert_frame(frame: av.VideoFrame, spec: PlaneSpec, pixel_format: str, reformatter: Reformatter) -> av.VideoFrame:
    """Converts a frame to ``pixel_format`` and the size of ``spec``; returns the frame itself if it fits already.

    A frame on a GPU stays there unless it is converted.

    Time stamps, side data and colour tags are kept. The range and the matrix are never changed.

    Args:
        frame: Decoded frame.
        spec: Layout of the wanted planes.
        pixel_format: Name of a native format.
        reformatter: Converter that is reused from frame to frame.
    """
    if format_of(frame) == pixel_format and (frame.width, frame.height) == (spec.width, spec.height):
        return frame
    frame = on_host(frame)
    tags = (frame.colorspace, frame.color_primaries, frame.color_trc)
    color_range = RANGE_FULL if frame.format.name.startswith("yuvj") else frame.color_range
    known_range = RANGE_FULL if spec.full_range else RANGE_LIMITED
    converted = reformatter.reformat(
        frame,
        width=spec.width,
        height=spec.height,
        format=pixel_format,
        interpolation=EXACT,
        src_color_range=known_range,
        dst_color_range=known_range,
    )
    # The reformatter renames some matrices (BT.470BG becomes SMPTE 170M) though it converts nothing.
    converted.colorspace, converted.color_primaries, converted.color_trc = tags
    converted.color_range = color_range
    return converted


def _has_clear_colour(frame: av.VideoFrame) -> bool:
    """Whether a colour of a frame's palette is not opaque."""
    if not frame.format.has_palette:
        return False
    palette = np.frombuffer(frame.planes[1], np.uint32, 256)  # type: ignore[call-overload, unused-ignore]
    return bool((palette >> 24 != 255).any())


def plane_count(frame: av.VideoFrame) -> int:
    """Number of planes of a frame in a native format, its alpha included, which comes last."""
    return 2 if _is_grey_with_alpha(frame) else len(frame.planes)


def _is_grey_with_alpha(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith("ya")


def plane_rows(frame: av.VideoFrame, index: int) -> NDArray[Any]:
    """View of the samples of a plane without line padding: shape (height, samples per line), uint8 or uint16.

    Args:
        frame: Frame in a native format.
        index: Index of the plane, from 0.

    Raises:
        ValueError: If the lines are stored from bottom to top.
    """
    # FFmpeg interleaves grey and its alpha in one plane.
    packed = 2 if _is_grey_with_alpha(frame) else 1
    plane = frame.planes[index if packed == 1 else 0]
    if plane.line_size < 0:
        raise ValueError("frames stored from bottom to top are not supported")
    dtype = np.dtype(np.uint8 if depth_of(frame.format.name) == 8 else np.uint16)
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)  # type: ignore[call-overload, unused-ignore]
    if packed == 2:
        grey_or_alpha: NDArray[Any] = rows[:, index : 2 * plane.width : 2]
        return grey_or_alpha
    interleaved = 2 if index == 1 and len(frame.planes) == 2 else 1
    samples: NDArray[Any] = rows[:, : plane.width * interleaved]
    return samples


def read_planes(frame: av.VideoFrame, batch: PlaneBatch, index: int) -> None:
    """Copies the planes of a frame into a batch.

    Args:
        frame: Frame in the native format and size of ``batch.spec``, with or without alpha.
        batch: Batch that is written, at ``index`` only.
        index: Place of the frame in the batch, 0 to ``batch.size - 1``.

    Raises:
        ValueError: If the frame does not match ``batch.spec``.
    """
    _check(frame, batch)
    for number, plane in enumerate(batch.planes):
        rows = plane_rows(frame, number)
        plane[index].reshape(rows.shape)[...] = rows


def write_planes(batch: PlaneBatch, index: int, like: av.VideoFrame) -> av.VideoFrame:
    """Returns a frame with the planes of a batch and all other properties of ``like``, its alpha included.

    The other samples of ``like`` are replaced: the returned frame *is* ``like``, detached from the decoder's buffers.
    This keeps every property, also those that PyAV does not know. Only the picture type is cleared, so that the
    encoder chooses its own.

    Args:
        batch: Batch that is read, at ``index`` only.
        index: Place of the frame in the batch, 0 to ``batch.size - 1``.
        like: Decoded frame, in the native format and size of ``batch.spec``, with or without alpha.

    Raises:
        ValueError: If ``like`` does not match ``batch.spec``.
    """
    _check(like, batch)
    like.make_writable()
    for number, plane in enumerate(batch.planes):
        rows = plane_rows(like, number)
        rows[...] = plane[index].reshape(rows.shape)
    like.pict_type = PictureType.NONE
    return like


def _check(frame: av.VideoFrame, batch: PlaneBatch) -> None:
    spec = batch.spec
    facts = spec.layout, spec.depth, spec.matrix is Matrix.RGB
    if NATIVE.get(frame.format.name) != facts or (frame.width, frame.height) != (spec.width, spec.height):
        raise ValueError(
            f"a {frame.format.name} frame of {frame.width}x{frame.height} does not fit planes of "
            f"{pixel_format_of(spec)}, {spec.width}x{spec.height}"
        )
