"""Transparency of VP8 and VP9, which lies beside each coded frame, and which FFmpeg's own decoders pass over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
from av.codec.context import Flags
from av.packet import PacketSideData, packet_sidedata_type_from_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that read the alpha, by codec."""

_ALPHA = 1
"""Number by which WebM marks what lies beside a frame as its alpha; it comes first, in eight bytes, big-endian."""


_KIND: Final = "matroska_block_additional"


def is_with_alpha(packet: av.Packet[Any], decoder: av.VideoCodecContext) -> bool:
    """Whether a packet has an alpha that its decoder does not read and another one does."""
    return decoder.name in _DECODERS and int.from_bytes(beside(packet)[:8], "big") == _ALPHA


def beside(packet: av.Packet[Any]) -> bytes:
    """What Matroska and WebM keep beside a coded frame, with its number in front; empty if there is nothing."""
    return bytes(packet.get_sidedata(_KIND)) if packet.has_sidedata(_KIND) else b""


def put_beside(packet: av.Packet[Any], data: bytes) -> None:
    """Puts beside a coded frame what :func:`beside` gave; nothing if that is empty."""
    if data:
        make: Any = PacketSideData  # the arguments are not in PyAV's stubs
        made = make(packet_sidedata_type_from_literal(_KIND), len(data))
        made.update(data)
        packet.set_sidedata(made, move=True)


def decoder_with_alpha(plain: av.VideoCodecContext, options: Mapping[str, str]) -> av.VideoCodecContext:
    """A decoder that reads the alpha of VP8 or VP9, with the colour tags of the container.

    Args:
        plain: Decoder of the stream, which is not used any more.
        options: Options of the decoder, by FFmpeg's names.
    """
    decoder: Any = av.CodecContext.create(_DECODERS[plain.name], "r")
    decoder.thread_type = "AUTO"
    decoder.options = dict(options)
    decoder.flags |= Flags.output_corrupt
    decoder.width, decoder.height = plain.width, plain.height
    decoder.color_range, decoder.colorspace = plain.color_range, plain.colorspace
    decoder.color_primaries, decoder.color_trc = plain.color_primaries, plain.color_trc
    return decoder  # type: ignore[no-any-return]
