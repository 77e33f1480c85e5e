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
from pipeline.media.pyav18 import fraction, side_data
from pipeline.media.side_data import lost_side_data
from pipeline.media.stream_names import describe
from pipeline.media.tags import readable, readable_tags, tags_of

if TYPE_CHECKING:
    from enum import IntEnum

    from av.stream import Stream

    from pipeline.decode.source import VideoSource

_HDR = {
    Type.MASTERING_DISPLAY_METADATA: "mastering display",
    Type.CONTENT_LIGHT_LEVEL: "content light level",
}


def facts(source: VideoSource, suffix: str) -> dict[str, Any]:
    """What the pipeline sees and would keep.

    Args:
        source: The input, open and not read yet.
        suffix: Of an output's name, with the dot, that the plan is made for.

    Returns:
        Values that JSON knows: ``container``, ``video``, ``streams``, ``output``, ``notes``. Times are in seconds.
    """
    container, output = source.container, _output(source, suffix)
    return {
        "name": source.name,
        "container": {
            "format": container.format.name,
            "format_long": container.format.long_name,
            "duration_s": container.duration / 1_000_000 if container.duration else None,
            "start_s": container.start_time / 1_000_000 if container.start_time else 0.0,
            "chapters": len(source.chapters),
            "metadata": readable_tags(tags_of(container)),
        },
        "video": _video(source),
        "streams": [_stream(stream, source, output.get("notes", [])) for stream in container.streams],
        "output": output,
        "notes": source.notes,
    }


def _video(source: VideoSource) -> dict[str, Any]:
    stream, frame = source.stream, source.first_frame
    aspect = stream.sample_aspect_ratio
    sides = side_data(frame)
    return {
        "stream": stream.index,
        "codec": source.codec,
        "profile": stream.profile,
        "width": source.spec.width,
        "height": source.spec.height,
        "sample_aspect_ratio": str(fraction(aspect)) if aspect else None,
        "coded_pixel_format": source.coded_pixel_format,
        "pixel_format": source.pixel_format,
        "planes": asdict(source.spec),
        "average_rate": str(source.average_rate) if source.average_rate else None,
        "time_base": str(source.time_base),
        "duration_s": source.duration,
        "frame_estimate": source.frame_estimate,
        "rotation": source.rotation,
        "is_mirrored": _is_mirrored(source.display_matrix),
        "interlaced": source.interlaced,
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
        "hdr": [name for kind, name in _HDR.items() if kind in sides],
        "unwritable": lost_side_data("", frame),
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


def _stream(stream: Stream, source: VideoSource, output_notes: list[str]) -> dict[str, Any]:
    context, description = stream.codec_context, describe(stream)
    if stream.index == source.stream.index:
        role = "deblurred"
    elif all(stream.index != copied.index for copied in source.copied):
        role = "not read by the demuxer"
    else:
        role = "left out" if any(description in note for note in output_notes) else "copied"
    return {
        "index": stream.index,
        "type": stream.type,
        "codec": context.codec.canonical_name if context is not None else None,
        "language": stream.language and readable(stream.language),
        "description": description,
        "role": role,
        "metadata": readable_tags(stream.metadata),
    }


def _output(source: VideoSource, suffix: str) -> dict[str, Any]:
    """How an output would be written, found out by planning one."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            sink = VideoSink(Path(folder) / f"plan{suffix}", source, SinkOptions())
        except DeblurError as error:
            return {"suffix": suffix, "error": str(error).replace(str(Path(folder) / "plan"), "")}
        plan, notes = sink.plan, list(sink.notes)
        sink.abandon()
    return {
        "suffix": suffix,
        "codec": plan.codec,
        "encoder": plan.encoder,
        "pixel_format": plan.pixel_format,
        "width": plan.width,
        "height": plan.height,
        "notes": notes,
    }
