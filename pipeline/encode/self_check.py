"""Trying a plan before the work starts: a small picture is written as the output will be, read back and compared."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from network.planes import Matrix
from pipeline.encode.colours import Colours, convert_colours
from pipeline.encode.video_encoder import VideoEncoder
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED, RANGE_UNSPECIFIED, SPACE_UNSPECIFIED, guess_matrix, spec_of
from pipeline.media.pyav18 import open_media
from pipeline.media.reformatter import Reformatter
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from av.container import OutputContainer
    from numpy.typing import NDArray

    from network.planes import PlaneSpec
    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo

_RGB = Colours(Matrix.RGB, full_range=True)

_COLOURS = (
    ((0, 0, 0), (255, 255, 255), (230, 20, 20), (20, 200, 20)),
    ((30, 40, 230), (220, 210, 30), (200, 120, 60), (128, 128, 128)),
)
"""Colours of the test picture, by row and column."""

_LARGEST_DIFFERENCE = 9
"""Difference of a patch's mean that encoders with loss stay below, of 255. A wrong matrix makes 20 and more."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came back of a test picture.

    Attributes:
        is_right: Whether it is the picture that was written, but for what encoding loses.
        shown: What a player takes the samples for; None if nothing came back.
        colorspace: FFmpeg's ``AVColorSpace`` that the output states.
        untold: What the input says of its colours and the output does not, in words.
    """

    is_right: bool
    shown: Colours | None = None
    colorspace: int = SPACE_UNSPECIFIED
    untold: tuple[str, ...] = ()


def opens(plan: EncoderPlan, info: SourceInfo, format_name: str) -> bool:
    """Whether the encoder and the container both accept a plan; tested by writing a header into memory."""
    try:
        with ordinary_scheduling(), contextlib.ExitStack() as closing:
            scratch = av.open(io.BytesIO(), "w", format=format_name)
            closing.callback(_close, scratch)
            stream: Any = scratch.add_stream(plan.encoder, rate=plan.rate)
            plan.configure(stream.codec_context, info)
            scratch.start_encoding()
    except (av.error.FFmpegError, ValueError, OverflowError):
        return False
    return True


def _close(scratch: OutputContainer) -> None:
    # GIF can't be closed without a frame.
    with contextlib.suppress(av.error.FFmpegError, ValueError, OSError):
        scratch.close()


def check_picture(plan: EncoderPlan, info: SourceInfo, format_name: str) -> Check:
    """Writes a test picture through encoder and container, reads it back and compares it.

    The picture is small where the encoder takes that, since colours, order of bytes and tags don't depend on the size.
    The remainders of the size stay, since the padding of lines does.

    Args:
        plan: Plan that opens, with options that keep a good quality.
        info: Description of the input that the frames come from.
        format_name: FFmpeg's name of the container.
    """
    small = (96 + plan.width % 48, 64 + plan.height % 16)
    for width, height in (small, (plan.width, plan.height)):
        sized = replace(plan, width=width, height=height)
        picture = _like_the_first(test_picture(width, height, info.spec, info.pixel_format), info)
        written = _written(sized, info, format_name, picture)
        read = None if written is None else _read(written, format_name)
        if read is not None:
            return _compared(picture, read, plan, info)
    return Check(is_right=False)


def test_picture(width: int, height: int, spec: PlaneSpec, pixel_format: str) -> av.VideoFrame:
    """A picture of flat patches, of which no two channels, planes or corners can be mistaken for each other.

    Args:
        width: Width, in pixels; at least 16.
        height: Height, in pixels; at least 16.
        spec: Layout of the planes, but for their size.
        pixel_format: FFmpeg's name of the native format with such planes, with alpha or without.
    """
    rows = np.arange(height) * len(_COLOURS) // height
    columns = np.arange(width) * len(_COLOURS[0]) // width
    pixels = np.array(_COLOURS, np.uint8)[rows][:, columns]
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    target = Colours(spec.matrix, spec.full_range)
    return convert_colours(frame, pixel_format, _RGB, target, Reformatter())


test_picture.__test__ = False  # type: ignore[attr-defined] # its name is no test's


def _like_the_first(picture: av.VideoFrame, info: SourceInfo) -> av.VideoFrame:
    """Gives a picture the tags of the input's first frame, and a time."""
    first = info.first_frame
    picture.colorspace, picture.color_range = first.colorspace, first.color_range
    picture.color_primaries, picture.color_trc = first.color_primaries, first.color_trc
    picture.pts, picture.time_base = 0, info.time_base
    picture.duration = max(round((info.interval or Fraction(1, 25)) / info.time_base), 1)
    return picture


def _written(plan: EncoderPlan, info: SourceInfo, format_name: str, picture: av.VideoFrame) -> io.BytesIO | None:
    """A file with one frame; None if the encoder or the container refuses it."""
    file = io.BytesIO()
    try:
        with ordinary_scheduling(), open_media(file, "w", format=format_name) as output:
            stream: Any = output.add_stream(plan.encoder, rate=plan.rate)
            plan.configure(stream.codec_context, info)
            encoder = VideoEncoder(output, stream, plan, info)
            for packet in (*encoder.encode(picture), *encoder.flush()):
                packet.stream = stream
                output.mux_one(packet)
    except (av.error.FFmpegError, ValueError, OverflowError, OSError):
        return None
    return file


def _read(file: io.BytesIO, format_name: str) -> av.VideoFrame | None:
    """The first frame of a file; None if no video is found in it."""
    # Few bytes of one format look like another one's.
    for demuxer in (format_name, None):
        file.seek(0)
        with contextlib.suppress(av.error.FFmpegError, ValueError, OSError), open_media(file, "r", demuxer) as source:
            return next(iter(source.decode(video=0)), None) if source.streams.video else None
    return None


def _compared(picture: av.VideoFrame, read: av.VideoFrame, plan: EncoderPlan, info: SourceInfo) -> Check:
    if (read.width, read.height) != (picture.width, picture.height):
        return Check(is_right=False)
    planned, given = plan.colours(info.spec), Colours(info.spec.matrix, info.spec.full_range)
    shown = _shown(read, info)
    taken = shown
    if planned == given and Matrix.RGB not in (planned.matrix, shown.matrix):
        # The samples are the input's own, and so are they where the output can't say what they mean.
        taken = Colours(
            planned.matrix if read.colorspace == SPACE_UNSPECIFIED else shown.matrix,
            planned.full_range if read.color_range == RANGE_UNSPECIFIED else shown.full_range,
        )
    reformatter = Reformatter()
    before = _patches(convert_colours(picture, "gbrp", given, _RGB, reformatter))
    after = _patches(convert_colours(read, "gbrp", taken, _RGB, reformatter))
    largest = _LARGEST_DIFFERENCE + 256 / 2 ** _fewest_bits(plan.pixel_format)
    is_right = bool(np.abs(before - after).max() < largest)
    return Check(is_right, shown, read.colorspace, _untold(read, plan, info))


def _untold(read: av.VideoFrame, plan: EncoderPlan, info: SourceInfo) -> tuple[str, ...]:
    first = info.first_frame
    rows = [
        ("primaries", first.color_primaries, int(read.color_primaries), SPACE_UNSPECIFIED),
        ("transfer", first.color_trc, int(read.color_trc), SPACE_UNSPECIFIED),
    ]
    if plan.matrix is not Matrix.RGB:
        stated = {None: RANGE_UNSPECIFIED, True: RANGE_FULL, False: RANGE_LIMITED}[plan.full_range]
        rows.insert(0, ("matrix", plan.colorspace, int(read.colorspace), SPACE_UNSPECIFIED))
        rows.append(("range", stated, int(read.color_range), RANGE_UNSPECIFIED))
    return tuple(name for name, wanted, found, unset in rows if wanted not in (unset, found))


def _shown(frame: av.VideoFrame, info: SourceInfo) -> Colours:
    """What a player takes a frame of the output for: what it says, or else what is usual at the size of the video."""
    spec, _ = spec_of(frame)
    if spec.matrix is Matrix.RGB:
        return _RGB
    width, height = info.spec.width, info.spec.height
    matrix = guess_matrix(width, height, frame.colorspace, frame.color_primaries)
    return Colours(matrix, spec.full_range or frame.color_range == RANGE_FULL)


def _patches(frame: av.VideoFrame) -> NDArray[np.float64]:
    """Means of the inner parts of the patches: shape (rows, columns, 3)."""
    pixels = frame.to_ndarray(format="rgb24")
    rows, columns = len(_COLOURS), len(_COLOURS[0])
    height, width = pixels.shape[0] // rows, pixels.shape[1] // columns
    means = [
        [
            pixels[
                row * height + height // 4 : (row + 1) * height - height // 4,
                column * width + width // 4 : (column + 1) * width - width // 4,
            ].mean((0, 1))
            for column in range(columns)
        ]
        for row in range(rows)
    ]
    return np.array(means)


def _fewest_bits(pixel_format: str) -> int:
    bits = [component.bits for component in av.VideoFormat(pixel_format).components if not component.is_alpha]
    return min(bits)
