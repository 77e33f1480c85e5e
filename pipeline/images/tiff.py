"""Metadata of TIFF files, which OpenCV does not write, and Pillow not as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.images.metadata import Metadata
from pipeline.images.tiff_tags import BYTE, HEADER, LONG, SHORT, UNDEFINED, Tag, has_more_pages, read_tags, write_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.images.tiff_tags import Tags

_WIDTH, _HEIGHT, _BITS, _OFFSETS, _ORIENTATION, _COUNTS, _FORMAT = 256, 257, 258, 273, 274, 279, 339

_OF_SAMPLES = frozenset(
    {
        *(254, 255, _WIDTH, _HEIGHT, _BITS, 259, 262, 263, 264, 265, 266, _OFFSETS, 277, 278, _COUNTS, 280, 281),
        *(284, 288, 289, 290, 291, 292, 293, 301, 317, 318, 319, 320, 322, 323, 324, 325, 330, 338, _FORMAT, 340, 341),
        *(347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
    }
)
"""Tags that say how the samples are stored, and that the encoder writes."""

_ICC, _XMP = 34675, 700

_OWN = {_ICC, _XMP}
"""Tags that a :class:`Metadata` has fields of its own for."""


def deep_metadata(data: bytes) -> tuple[tuple[int, int], Metadata, bool] | None:
    """Size and metadata of a TIFF file of 16 bits.

    Args:
        data: Content of the file.

    Returns:
        Width and height in pixels, the metadata, and whether there are further pages; None for other depths.
    """
    tags = read_tags(data)
    one = Tag.of(SHORT, 1)
    bits, kinds = tags.get(_BITS, one).numbers, tags.get(_FORMAT, one).numbers
    if set(bits) != {16} or set(kinds) != {1} or not {_WIDTH, _HEIGHT} <= tags.keys():
        return None
    return (tags[_WIDTH].numbers[0], tags[_HEIGHT].numbers[0]), _metadata(tags), has_more_pages(data)


def metadata_of(data: bytes) -> Metadata:
    """What a TIFF file says about its first picture."""
    return _metadata(read_tags(data))


def _metadata(tags: Tags) -> Metadata:
    icc, xmp = (tags[tag].value if tag in tags else b"" for tag in (_ICC, _XMP))
    kept = {tag: value for tag, value in tags.items() if tag not in _OF_SAMPLES | _OWN}
    return Metadata(HEADER + write_tags(kept) if kept else b"", icc, xmp)


def as_stored(samples: NDArray[Any], data: bytes) -> NDArray[Any]:
    """Samples as a TIFF file stores them, from those that a library has turned by the file's orientation.

    Pillow and OpenCV turn TIFF files and no others. The orientation is kept as a tag here, so it must not count twice.
    """
    tags = read_tags(data)
    match tags[_ORIENTATION].numbers[0] if _ORIENTATION in tags else 1:
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
    own, kept = read_tags(encoded), read_tags(metadata.exif)
    tags = {tag: value for tag, value in kept.items() if tag not in _OF_SAMPLES | _OWN}
    tags |= {tag: value for tag, value in own.items() if tag in _OF_SAMPLES}
    for tag, kind, value in ((_ICC, UNDEFINED, metadata.icc), (_XMP, BYTE, metadata.xmp)):
        if value:
            tags[tag] = Tag(kind, value)
    counts = own[_COUNTS].numbers
    strips = [encoded[start : start + count] for start, count in zip(own[_OFFSETS].numbers, counts, strict=True)]
    # The directory is as long whatever the places in it are.
    begin = len(HEADER) + len(write_tags(tags | {_OFFSETS: Tag.of(LONG, *counts)}))
    places = [begin + sum(counts[:index]) for index in range(len(counts))]
    return HEADER + write_tags(tags | {_OFFSETS: Tag.of(LONG, *places)}) + b"".join(strips)
