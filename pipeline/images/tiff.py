"""Tags of TIFF files, which Pillow carries over only for pictures that it can read: those of 8 bits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline.images.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WIDTH, _HEIGHT, _BITS, _OFFSETS, _COUNTS, _FORMAT = 256, 257, 258, 273, 279, 339

_OF_SAMPLES = frozenset(
    {
        *(254, 255, _WIDTH, _HEIGHT, _BITS, 259, 262, 263, 264, 265, 266, _OFFSETS, 277, 278, _COUNTS, 280, 281),
        *(284, 288, 289, 290, 291, 292, 293, 301, 317, 318, 319, 320, 322, 323, 324, 325, 330, 338, _FORMAT, 340, 341),
        *(347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
    }
)
"""Tags that say how the samples are stored, and that the encoder writes."""

_ICC, _XMP = 34675, 700
_BYTE, _UNDEFINED, _LONG = 1, 7, 4

_OWN = {_ICC, _XMP}
"""Tags that a :class:`Metadata` has fields of its own for."""


def deep_metadata(data: bytes) -> tuple[tuple[int, int], Metadata, bool] | None:
    """Size and metadata of a TIFF file of 16 bits.

    Args:
        data: Content of the file.

    Returns:
        Width and height in pixels, the metadata, and whether there are further pages; None for other depths.
    """
    directory = _directory(data)
    bits, kinds = directory.get(_BITS, (1,)), directory.get(_FORMAT, (1,))
    if set(bits) != {16} or set(kinds) != {1}:
        return None
    return (directory[_WIDTH], directory[_HEIGHT]), metadata_of(data), bool(directory.next)


def metadata_of(data: bytes) -> Metadata:
    """What a TIFF file says about its first picture."""
    exif = Image.Exif()
    exif.load(data)
    icc, xmp = exif.get(_ICC, b""), exif.get(_XMP, b"")
    for tag in [tag for tag in exif if tag in _OF_SAMPLES | _OWN]:
        del exif[tag]
    return Metadata(exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else b"", bytes(icc), bytes(xmp))


def as_stored(samples: NDArray[Any], data: bytes) -> NDArray[Any]:
    """Samples as a TIFF file stores them, from those that a library has turned by the file's orientation.

    Pillow and OpenCV turn TIFF files and no others. The orientation is kept as a tag here, so it must not count twice.
    """
    exif = Image.Exif()
    exif.load(data)
    match exif.get(ExifTags.Base.Orientation, 1):
        case 2:
            samples = samples[:, ::-1]
        case 3:
            samples = samples[::-1, ::-1]
        case 4:
            samples = samples[::-1]
        case 5:
            samples = samples.swapaxes(0, 1)
        case 6:
            samples = np.rot90(samples)
        case 7:
            samples = samples[::-1, ::-1].swapaxes(0, 1)
        case 8:
            samples = np.rot90(samples, -1)
    return np.ascontiguousarray(samples)


def with_tags(encoded: bytes, metadata: Metadata) -> bytes:
    """A TIFF file of one picture as an encoder wrote it, with metadata.

    The directory of tags is written anew before the samples, because it grows.
    """
    directory = _directory(encoded)
    offsets, counts = _numbers(directory[_OFFSETS]), _numbers(directory[_COUNTS])
    strips = [encoded[start : start + count] for start, count in zip(offsets, counts, strict=True)]
    # Pillow adds the place where its directory ends.
    directory[_OFFSETS] = tuple(sum(counts[:index]) for index in range(len(counts)))
    directory.tagtype[_OFFSETS] = _LONG
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    for tag, value in _with_directories(exif).items():
        if tag not in _OF_SAMPLES | _OWN:
            directory[tag] = value
    for tag, kind, value in ((_ICC, _UNDEFINED, metadata.icc), (_XMP, _BYTE, metadata.xmp)):
        if value:
            directory.tagtype[tag] = kind
            directory[tag] = value
    out = io.BytesIO()
    directory.save(out)
    return out.getvalue() + b"".join(strips)


def _directory(data: bytes) -> ImageFileDirectory_v2:
    """The first directory of tags of a TIFF file."""
    directory = ImageFileDirectory_v2(data[: 16 if data[2:3] == b"+" or data[3:4] == b"+" else 8])
    file = io.BytesIO(data)
    file.seek(directory.next)
    directory.load(file)
    for tag in list(directory):  # Pillow decodes a tag when it is read, and writes only those that were
        directory[tag]
    return directory


def _with_directories(exif: Image.Exif) -> dict[int, Any]:
    """Tags with the directories that some of them point to."""
    tags = dict(exif.items())
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if tag in tags:
            tags[tag] = exif.get_ifd(tag)
    inner = tags.get(ExifTags.IFD.Exif)
    if inner and ExifTags.IFD.Interop in inner:
        inner[ExifTags.IFD.Interop] = exif.get_ifd(ExifTags.IFD.Interop)
    return tags


def _numbers(value: int | Sequence[int]) -> Sequence[int]:
    return (value,) if isinstance(value, int) else value
