"""What a picture's file holds beside the samples: EXIF, colour profile, XMP and the like, carried over byte by byte.

JPEG and PNG are rows of blocks with a name each, so the blocks of the input are put into the output as they are. Other
formats get EXIF, colour profile and XMP through the library that writes them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PNG_OF_SAMPLES = {b"IHDR", b"PLTE", b"tRNS", b"hIST", b"sBIT", b"bKGD", b"sPLT", b"IDAT", b"IEND"}
"""PNG chunks that describe how the samples are stored. The encoder writes its own."""

_PNG_OF_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}

_JPEG_OF_ENCODER = {0xE0, 0xEE}
"""JPEG segments JFIF and Adobe, which say how the encoder stored the colours."""

_JFIF = b"JFIF\0"
"""Start of a JPEG segment that also says how many samples there are to an inch. It is kept for that."""

_SCAN, _END = 0xDA, 0xD9
_APP0, _APP15, _COMMENT = 0xE0, 0xEF, 0xFE
_INDEX_OF_PICTURES = b"MPF\0"
"""Start of a JPEG segment that says where further pictures are in the file. They are not written."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What stands beside the samples.

    Attributes:
        exif: EXIF as TIFF structure, without a prefix; empty if there is none.
        icc: ICC colour profile; empty if there is none.
        xmp: XMP packet; empty if there is none.
        jpeg: Segments of a JPEG file, each with its marker and length.
        png: Chunks of a PNG file, each with its length and check sum.
    """

    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    jpeg: tuple[bytes, ...] = ()
    png: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any((self.exif, self.icc, self.xmp, self.jpeg, self.png))


def jpeg_segments(data: bytes) -> tuple[bytes, ...]:
    """The segments of a JPEG file that say something about the picture, up to its samples."""
    return tuple(
        segment
        for marker, segment in _segments(data)
        if (_APP0 <= marker <= _APP15 or marker == _COMMENT)
        and (marker not in _JPEG_OF_ENCODER or segment[4:].startswith(_JFIF))
        and not segment[4:].startswith(_INDEX_OF_PICTURES)
    )


def with_jpeg_segments(encoded: bytes, segments: tuple[bytes, ...]) -> bytes:
    """A JPEG file as an encoder wrote it, with segments behind those of the encoder, and JFIF in its place."""
    place, head = 2, [encoded[:2]]
    jfif = [segment for segment in segments if segment[4:].startswith(_JFIF)]
    for marker, segment in _segments(encoded):
        if marker not in _JPEG_OF_ENCODER:
            break
        place += len(segment)
        head.append(jfif[0] if jfif and segment[4:].startswith(_JFIF) else segment)
    return b"".join([*head, *(segment for segment in segments if segment not in jfif), encoded[place:]])


def holds_more_pictures(data: bytes) -> bool:
    """Whether a JPEG file says that it holds further pictures, such as a gain map for bright screens."""
    return any(segment[4:].startswith(_INDEX_OF_PICTURES) for _marker, segment in _segments(data))


def png_chunks(data: bytes) -> tuple[bytes, ...]:
    """The chunks of a PNG file that say something about the picture."""
    return tuple(
        chunk for name, chunk in _chunks(data) if name not in _PNG_OF_SAMPLES and name not in _PNG_OF_ANIMATION
    )


def chunks_of(metadata: Metadata) -> tuple[bytes, ...]:
    """PNG chunks that hold EXIF, colour profile and XMP."""
    chunks = []
    if metadata.icc:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif:
        chunks.append(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + metadata.xmp))
    return tuple(chunks)


def text_chunk(key: str, text: str) -> bytes:
    """A PNG chunk that holds a text.

    Args:
        key: Its name, 1 to 79 characters of Latin-1.
        text: The text.
    """
    return _chunk(b"iTXt", key.encode("latin-1") + bytes(5) + text.encode(errors="replace"))


def with_png_chunks(encoded: bytes, chunks: tuple[bytes, ...]) -> bytes:
    """A PNG file as an encoder wrote it, with chunks behind the header in place of what the encoder says of itself."""
    kept = [(name, chunk) for name, chunk in _chunks(encoded) if name in _PNG_OF_SAMPLES | _PNG_OF_ANIMATION]
    header, rest = kept[0][1], [chunk for _name, chunk in kept[1:]]
    return _PNG_SIGNATURE + header + b"".join(chunks) + b"".join(rest)


def png_depth(data: bytes) -> int:
    """Bits of a sample of a PNG file; 0 if it is none."""
    return data[24] if data.startswith(_PNG_SIGNATURE) and len(data) > 24 else 0  # in the header, which comes first


def is_lossless_webp(data: bytes) -> bool:
    """Whether a WebP file holds its samples without loss."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and b"VP8L" in data[12:4096]


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of every JPEG segment before the samples; ends where the file is damaged."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in {_SCAN, _END}:
            return
        if marker == 0xFF:  # a byte that fills up
            place += 1
            continue
        length = 2 + struct.unpack_from(">H", data, place + 2)[0]
        yield marker, data[place : place + length]
        place += length


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of every PNG chunk; ends where the file is damaged."""
    place = len(_PNG_SIGNATURE)
    while place + 12 <= len(data):
        length = 12 + struct.unpack_from(">I", data, place)[0]
        yield data[place + 4 : place + 8], data[place : place + length]
        place += length


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
