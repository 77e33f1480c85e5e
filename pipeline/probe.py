"""What the pipeline sees in a file, and what an output of the same kind would keep, as plain values."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av.sidedata.sidedata import Type
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from pipeline.encode.sink import VideoSink
from pipeline.errors import DeblurError
from pipeline.job import SinkOptions
from pipeline.media.pyav18 import fraction
from pipeline.media.side_data import lost_side_data
from pipeline.media.stream_names import describe
from pipeline.media.tags import readable, readable_tags
from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from enum import IntEnum

    from av.stream import Stream

    from pipeline.media.source_info import SourceInfo
    from pipeline.runner.protocols import Source

_HDR = {
    Type.MASTERING_DISPLAY_METADATA: "mastering display",
    Type.CONTENT_LIGHT_LEVEL: "content light level",
}


def facts(source: Source, suffix: str) -> dict[str, Any]:
    """What the pipeline sees and would keep.

    Args:
        source: The input, open and not read yet.
        suffix: File extension of the output that is planned, with the dot.

    Returns:
        Values that JSON can hold: ``container``, ``video``, ``streams``, ``output``, ``notes``. Times are in seconds.
    """
    info = source.info
    output, left_out = _output(info, suffix)
    return {
        "name": info.name,
        "container": {
            "format": info.format_name,
            "format_long": info.format_long_name,
            "duration_s": info.container_duration,
            "start_s": info.container_start,
            "chapters": len(info.chapters),
            "metadata": readable_tags(info.tags),
        },
        "video": _video(info),
        "streams": [_stream(stream, info, left_out) for stream in info.streams],
        "output": output,
        "notes": [note.text for note in source.notes],
    }


def _video(info: SourceInfo) -> dict[str, Any]:
    stream, frame = info.stream, info.first_frame
    aspect = stream.sample_aspect_ratio
    return {
        "stream": stream.index,
        "codec": info.codec,
        "profile": stream.profile,
        "width": info.spec.width,
        "height": info.spec.height,
        "sample_aspect_ratio": str(fraction(aspect)) if aspect else None,
        "coded_pixel_format": info.coded_pixel_format,
        "pixel_format": info.pixel_format,
        "planes": asdict(info.spec),
        "average_rate": str(info.average_rate) if info.average_rate else None,
        "time_base": str(info.time_base),
        "duration_s": info.duration,
        "frame_estimate": info.frame_estimate,
        "rotation": info.rotation,
        "is_mirrored": _is_mirrored(info.display_matrix),
        "interlaced": info.interlaced,
        "color": {
            "range": _tag(ColorRange, frame.color_range, {0: "unspecified", 1: "limited", 2: "full"}),
            "matrix": _tag(
                Colorspace,
                frame.colorspace,
                {0: "rgb", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc", 10: "bt2020c"},
            ),
            "primaries": _tag(ColorPrimaries, frame.color_primaries, {}),
            "transfer": _tag(ColorTrc, frame.color_trc, {16: "pq", 18: "hlg"}),
        },
        "hdr": [name for kind, name in _HDR.items() if kind in frame.side_data],
        "unwritable": lost_side_data("", frame.side_data),
    }


def _is_mirrored(matrix: tuple[int, ...] | None) -> bool:
    return matrix is not None and matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0


def _tag(enum: type[IntEnum], value: int, names: dict[int, str]) -> str:
    """A tag's name, as people write it where that differs from FFmpeg's."""
    if value == 2 and enum is not ColorRange:  # H.273 says the same for all three
        return "unspecified"
    try:
        return names.get(value) or enum(value).name.lower()
    except ValueError:
        return str(value)


def _stream(stream: Stream, info: SourceInfo, left_out: set[int]) -> dict[str, Any]:
    context, description = stream.codec_context, describe(stream)
    if stream.index == info.stream.index:
        role = "deblurred"
    elif all(stream.index != copied.index for copied in info.copied):
        role = "not read by the demuxer"
    else:
        role = "left out" if stream.index in left_out else "copied"
    return {
        "index": stream.index,
        "type": stream.type,
        "codec": context.codec.canonical_name if context is not None else None,
        "language": stream.language and readable(stream.language),
        "description": description,
        "role": role,
        "metadata": readable_tags(stream.metadata),
    }


def _output(info: SourceInfo, suffix: str) -> tuple[dict[str, Any], set[int]]:
    """How an output would be written, found out by planning one; and the indices of the streams that it leaves out."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            sink = VideoSink(Path(folder) / f"plan{suffix}", info, SinkOptions())
        except DeblurError as error:
            return {"suffix": suffix, "error": str(error).replace(str(Path(folder) / "plan"), "")}, set()
        plan, notes = sink.plan, list(sink.notes)
        sink.abandon()
    facts = {
        "suffix": suffix,
        "codec": plan.codec,
        "encoder": plan.encoder,
        "pixel_format": plan.pixel_format,
        "width": plan.width,
        "height": plan.height,
        "notes": [note.text for note in notes],
    }
    return facts, {note.stream for note in notes if note.code is NoteCode.STREAM_LEFT_OUT and note.stream is not None}
