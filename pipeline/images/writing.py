"""Writing a picture in the format that the output's name says, with all that stands beside the samples."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from network.files import write_bytes
from pipeline.encode.output_file import writing_errors
from pipeline.errors import UsageError
from pipeline.images.metadata import chunks_of, with_jpeg_segments, with_png_chunks
from pipeline.images.picture import HEIF_SUFFIXES, require_heif
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.images.picture import Picture

QUALITY = 95
"""Default quality of formats with loss, 1 to 100."""

_FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys(HEIF_SUFFIXES, "HEIF"),
    ".webp": "WEBP",
    ".gif": "GIF",
    ".avif": "AVIF",
}
"""Pillow's names of the formats that are written, by extension."""

SUFFIXES = frozenset(_FORMATS)
"""Extensions of files that are pictures."""

_SAME = {"MPO": "JPEG"}  # a JPEG file with further pictures behind the first one
_DEEP = {"PNG", "TIFF"}
_WITH_ALPHA = {"PNG", "TIFF", "WEBP", "GIF", "AVIF", "HEIF"}
_ANIMATED = {"GIF", "WEBP", "PNG", "AVIF"}
_PAGED = {"TIFF"}
_WITH_LOSS = {"JPEG", "AVIF", "HEIF"}


def check_format(output: Path) -> None:
    """Refuses a name whose extension is that of no picture that can be written.

    Raises:
        UsageError: If it is, or a package is missing that writes it.
    """
    if output.suffix.lower() not in _FORMATS:
        known = ", ".join(sorted(suffix for suffix in _FORMATS if len(suffix) < 6))
        raise UsageError(f"{output} has no extension of a picture; choose one of {known}")
    if output.suffix.lower() in HEIF_SUFFIXES:
        require_heif(output)


def write_picture(picture: Picture, frames: Sequence[NDArray[Any]], output: Path, quality: int) -> list[Note]:
    """Writes new samples of a picture, with its transparency, times and metadata.

    Where no sample has changed and the format stays, the file is copied: a format with loss would lose more.

    Args:
        picture: The picture as it was read.
        frames: Its new samples, of the same shapes and dtypes.
        output: File to write; the extension is checked by :func:`check_format`.
        quality: Quality of formats with loss, 1 to 100.

    Returns:
        What the output has not that the input has.

    Raises:
        OutputError: If the file can't be written.
    """
    format_ = _FORMATS[output.suffix.lower()]
    is_same = _is_same(picture, format_)
    notes: list[Note] = []
    if is_same and not picture.damage and all(map(np.array_equal, frames, picture.frames)):
        content = picture.data
    else:
        notes = _losses(picture, format_)
        content = _encoded(picture, frames, format_, quality)
    with writing_errors(str(output)):
        write_bytes(output, content)
    return notes


def _is_same(picture: Picture, format_: str) -> bool:
    return _SAME.get(picture.format, picture.format) == format_


def _losses(picture: Picture, format_: str) -> list[Note]:
    notes = list(picture.losses)
    if picture.frames[0].dtype == np.uint16 and format_ not in _DEEP:
        notes.append(Note(NoteCode.DEPTH_REDUCED, f"{format_} holds 8 bits; 16 bits are rounded to them"))
    if format_ not in _WITH_ALPHA and any(alpha is not None for alpha in picture.alphas):
        notes.append(Note(NoteCode.ALPHA_DROPPED, f"{format_} holds no transparency; it is dropped"))
    kept = _ANIMATED if picture.is_animation else _PAGED
    if len(picture.frames) > 1 and format_ not in kept:
        text = f"{format_} holds one picture; {len(picture.frames) - 1} of {len(picture.frames)} are left out"
        notes.append(Note(NoteCode.STREAM_LEFT_OUT, text))
    if format_ == "GIF":
        notes.append(Note(NoteCode.COLOUR_CONVERTED, "GIF holds 256 colours a frame; the nearest ones are taken"))
        if picture.metadata:
            notes.append(Note(NoteCode.TAGS_DROPPED, "GIF holds no EXIF, colour profile and XMP; they are dropped"))
    return notes


def _encoded(picture: Picture, frames: Sequence[NDArray[Any]], format_: str, quality: int) -> bytes:
    metadata = picture.metadata
    is_same = _is_same(picture, format_)
    keeps_all = len(frames) > 1 and format_ in (_ANIMATED if picture.is_animation else _PAGED)
    if format_ in _DEEP and not keeps_all:
        content = _by_opencv(frames[0], picture.alphas[0], f".{format_.lower()}")
    else:
        options = _options(picture, format_, quality, is_same=is_same)
        content = _by_pillow(picture, frames if keeps_all else frames[:1], format_, options)
    if format_ == "JPEG" and is_same:
        return with_jpeg_segments(content, metadata.jpeg)
    if format_ == "PNG":
        return with_png_chunks(content, metadata.png if is_same else chunks_of(metadata))
    if format_ == "TIFF" and not keeps_all:
        from pipeline.images.tiff import with_tags

        return with_tags(content, metadata)
    return content


def _options(picture: Picture, format_: str, quality: int, *, is_same: bool) -> dict[str, Any]:
    """What Pillow's writer of a format is told."""
    metadata = picture.metadata
    options: dict[str, Any] = dict(picture.encoding) if is_same else {}
    if format_ in _WITH_LOSS or (format_ == "WEBP" and not options.get("lossless")):
        options["quality"] = quality
    if format_ == "WEBP":
        options["exact"] = True  # colours below full transparency too
    if format_ in {"WEBP", "AVIF", "HEIF", "TIFF"} or (format_ == "JPEG" and not is_same):
        named = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
        options |= {key: value for key, value in named.items() if value}
    if format_ == "AVIF" and "exif" in options:
        options["exif"] = _Exif(options["exif"])
    if format_ == "JPEG" and "exif" in options:
        options["exif"] = b"Exif\0\0" + options["exif"]
    return options


class _Exif(Image.Exif):
    """EXIF that stays as it is, since Pillow writes it anew for AVIF, and takes texts for ASCII."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.load(content)
        self._content = content

    def tobytes(self, offset: int = 8) -> bytes:  # noqa: ARG002 - the places in it begin with the header
        """The content as it was, the orientation included, which AVIF tells in its own way too."""
        return self._content


def _by_pillow(picture: Picture, frames: Sequence[NDArray[Any]], format_: str, options: dict[str, Any]) -> bytes:
    pages = [
        _page(frame, alpha if format_ in _WITH_ALPHA else None)
        for frame, alpha in zip(frames, picture.alphas, strict=False)
    ]
    if len(pages) > 1:
        options |= {"save_all": True, "append_images": pages[1:]}
        if picture.is_animation:
            options["duration"] = list(picture.durations)
            options["loop"] = picture.loop if picture.loop is not None else (1 if format_ == "WEBP" else None)
            if format_ == "GIF":
                options |= {"disposal": 2, "optimize": False}
    out = io.BytesIO()
    pages[0].save(out, format_, **{key: value for key, value in options.items() if value is not None})
    return out.getvalue()


def _page(frame: NDArray[Any], alpha: NDArray[Any] | None) -> Image.Image:
    """A frame as Pillow's picture of 8 bits."""
    page = Image.fromarray(_to_8_bits(frame))
    if alpha is not None:
        page.putalpha(Image.fromarray(_to_8_bits(alpha)))
    return page


def _to_8_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _by_opencv(frame: NDArray[Any], alpha: NDArray[Any] | None, suffix: str) -> bytes:
    """One picture of 8 or 16 bits in a format without loss."""
    if alpha is None:
        samples = frame if frame.ndim == 2 else frame[..., ::-1]
    else:
        colours = np.dstack([frame] * 3) if frame.ndim == 2 else frame[..., ::-1]
        samples = np.dstack([colours, alpha])
    return cv2.imencode(suffix, np.ascontiguousarray(samples))[1].tobytes()
