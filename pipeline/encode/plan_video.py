"""Opening an output, and planning the encoding of its video for the container that its name or the options say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av.error

from pipeline.encode.plan import plan_encoder
from pipeline.errors import UsageError
from pipeline.media.places import for_ffmpeg
from pipeline.media.pyav18 import open_media

if TYPE_CHECKING:
    from av.container import OutputContainer

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.job import SinkOptions
    from pipeline.media.source_info import SourceInfo


def plan_video(info: SourceInfo, target: Path | BinaryIO, name: str, options: SinkOptions) -> tuple[EncoderPlan, str]:
    """Plans the encoding of an output's video. Writes nothing.

    Args:
        info: Description of the input that the frames come from.
        target: Path of a file, or a file object. The extension of a path names the container unless ``options`` do.
        name: Name of the output, for messages.
        options: Options for writing the output.

    Returns:
        The plan for the encoder, and FFmpeg's name of the container.

    Raises:
        UsageError: If the options contradict each other or do not fit the container.
    """
    if isinstance(target, Path) and target.name.strip():
        target = target.with_name(target.name.strip())  # a space behind the extension hides it from FFmpeg
    scratch = open_output(target, name, options.format, {})  # opening writes nothing yet
    if scratch.format.no_file:
        if scratch.format.name == "image2":
            raise UsageError(f"{name} names pictures; write a video such as .mp4, .mkv or .gif, or use deblur image")
        raise UsageError(f"{scratch.format.name} is not one file; choose a container such as .mp4 or .mkv")
    plan = plan_encoder(info, scratch, options.codec, options.crf, options.preset, options.bitrate)
    return plan, scratch.format.name


def open_output(target: Path | BinaryIO, name: str, format_name: str | None, muxer: dict[str, str]) -> OutputContainer:
    """Opens an output, and writes nothing yet.

    Args:
        target: Path of a file, or a file object.
        name: Name of the output, for messages.
        format_name: FFmpeg's name of the container; None to go by the extension.
        muxer: Options of the muxer, by FFmpeg's names.

    Raises:
        UsageError: If there is no such container, or the extension names none.
    """
    try:
        return open_media(for_ffmpeg(target), "w", format=format_name, container_options=muxer)
    except (ValueError, av.error.FFmpegError) as error:
        if format_name:
            raise UsageError(f"unknown `format` {format_name!r}; try mp4, matroska or webm", field="format") from error
        raise UsageError(
            f"{name}: its extension names no video container; use .mp4, .mkv or .webm, or add `format`",
            field="format",
        ) from error
