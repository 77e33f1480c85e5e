"""Names of streams for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.media.tags import readable

if TYPE_CHECKING:
    from av.stream import Stream


def describe(stream: Stream) -> str:
    """Describes a stream for a message, such as ``stream 2 (subtitle, mov_text, eng)``."""
    facts = [stream.type, codec_name(stream) or "unknown codec"]
    if stream.language:
        facts.append(readable(stream.language))
    return f"stream {stream.index} ({', '.join(facts)})"


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; empty if it has none."""
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return getattr(stream, "name", None) or ""  # a stream of an unknown type has no name at all
