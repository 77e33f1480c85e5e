"""One picture file in memory: samples, transparency, times and metadata, as it was read."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageFile, ImageSequence, UnidentifiedImageError

from pipeline.errors import InputError, LimitError, UsageError
from pipeline.images.metadata import (
    Metadata,
    holds_more_pictures,
    is_lossless_webp,
    jpeg_segments,
    png_chunks,
    png_depth,
)
from pipeline.images.tiff import as_stored, deep_metadata, metadata_of
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.job import Limits

HEIF_SUFFIXES = frozenset({".heic", ".heif"})

_COLOURS = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"})
"""Pillow's modes that become grey or RGB of 8 bits without loss."""

_DURATION = 100
"""Milliseconds that a frame of an animation is shown where the file does not say."""

_MAGIC_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, or the frames of an animation or the pages of a document.

    Attributes:
        path: File that it was read from.
        data: Content of the file.
        format: Pillow's name of the format, such as ``JPEG``.
        frames: RGB (H, W, 3) or grey (H, W), uint8 or uint16, the whole range in use; at least one.
        alphas: Transparency of each frame, (H, W) of the same dtype; None for a frame that has none.
        durations: Milliseconds that each frame is shown; empty if it is no animation.
        loop: How often an animation is repeated, 0 for ever; None for once.
        metadata: What stands beside the samples.
        encoding: How the samples were encoded, as Pillow's writer of the same format takes it.
        damage: What is wrong with the file, in a few words; empty if nothing is.
        losses: What the file holds and is not in these fields.
    """

    path: Path
    data: bytes
    format: str
    frames: tuple[NDArray[Any], ...]
    alphas: tuple[NDArray[Any] | None, ...]
    durations: tuple[int, ...] = ()
    loop: int | None = None
    metadata: Metadata = field(default_factory=Metadata)
    encoding: dict[str, Any] = field(default_factory=dict)
    damage: str = ""
    losses: tuple[Note, ...] = ()

    @property
    def is_animation(self) -> bool:
        """Whether its frames follow each other in time."""
        return bool(self.durations)


def read_picture(path: Path, limits: Limits) -> Picture:
    """Reads a picture. The orientation that EXIF tells is left to whoever shows it.

    Args:
        path: A file of any format that Pillow reads, also of 16 bits.
        limits: What it may hold.

    Raises:
        InputError: If the file can't be read or is no picture.
        LimitError: If it exceeds a limit.
        UsageError: If its colours are of a kind that can't be deblurred, or a package is missing that reads it.
    """
    if path.suffix.lower() in HEIF_SUFFIXES:
        require_heif(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tags that are odd; Pillow goes on, and so does this
            return _read_deep(path, data, limits) or _read(path, data, limits)
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is no picture that can be read") from error
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, cv2.error) as error:
        raise InputError(f"{path} can't be read: {error}") from error


def require_heif(path: Path) -> None:
    """Has Pillow read and write HEIF.

    Raises:
        UsageError: If the package for it is missing.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise UsageError(f"{path} is HEIF, which needs an extra: pip install 'deblur-stream[heif]'") from error
    pillow_heif.register_heif_opener()


def _read(path: Path, data: bytes, limits: Limits) -> Picture:
    with _opened(data) as image:
        _check(path, image.size, limits)
        if image.mode not in _COLOURS:
            raise UsageError(f"{path} has {image.mode} colours; convert it to RGB or grey first")
        damage = _load(image)
        metadata = _metadata(image, data)
        count = 1 if damage else getattr(image, "n_frames", 1)
        if limits.frames is not None and count > limits.frames:
            raise LimitError(f"{path} has {count} frames, over the limit of {limits.frames} (`limits.frames`)")
        encoding, loop = _encoding(image, data), image.info.get("loop")
        frames, alphas, durations = [], [], []
        for page in [image] if count == 1 else ImageSequence.Iterator(image):
            samples, alpha = _samples(page)
            if image.format == "TIFF" and count == 1:
                samples = as_stored(samples, data)
                alpha = None if alpha is None else as_stored(alpha, data)
            frames.append(samples)
            alphas.append(alpha)
            durations.append(round(page.info.get("duration") or _DURATION))
        is_animation = count > 1 and image.format in {"GIF", "WEBP", "PNG", "AVIF"}
        return Picture(
            path,
            data,
            image.format or "",
            tuple(frames),
            tuple(alphas),
            tuple(durations) if is_animation else (),
            loop,
            metadata,
            encoding,
            damage,
            _losses(image, data),
        )


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """A picture whose header is read. Pillow's own limit is off, since :class:`Limits` has one."""
    bound, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(io.BytesIO(data)) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = bound


def _load(image: Image.Image) -> str:
    """Decodes a picture, also one whose end is missing.

    Returns:
        What is wrong with it.
    """
    try:
        image.load()
    except OSError as error:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            image.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        return str(error)
    return ""


def _samples(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    if image.has_transparency_data:
        if image.mode == "LA":
            both = np.asarray(image)
            return both[..., 0].copy(), both[..., 1].copy()
        every = np.asarray(image.convert("RGBA"))
        return every[..., :3].copy(), every[..., 3].copy()
    return np.asarray(image.convert("L" if image.mode in {"1", "L"} else "RGB")).copy(), None


def _metadata(image: Image.Image, data: bytes) -> Metadata:
    if image.format == "TIFF":
        return metadata_of(data)
    exif, xmp = image.info.get("exif") or b"", image.info.get("xmp") or b""
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return Metadata(
        exif.removeprefix(b"Exif\0\0"),
        image.info.get("icc_profile") or b"",
        xmp,
        jpeg_segments(data) if image.format in {"JPEG", "MPO"} else (),
        png_chunks(data) if image.format == "PNG" else (),
    )


def _losses(image: Image.Image, data: bytes) -> tuple[Note, ...]:
    if image.format in {"JPEG", "MPO"} and holds_more_pictures(data):
        text = "further pictures in the file, such as a gain map for bright screens, are left out"
        return (Note(NoteCode.SIDE_DATA_DROPPED, text),)
    return ()


def _encoding(image: Image.Image, data: bytes) -> dict[str, Any]:
    if image.format in {"JPEG", "MPO"}:
        from PIL.JpegImagePlugin import get_sampling

        sampling = get_sampling(image)
        progressive = bool(image.info.get("progressive"))
        return {"progressive": progressive} | ({"subsampling": sampling} if sampling >= 0 else {})
    if image.format == "WEBP":
        return {"lossless": True} if is_lossless_webp(data) else {}
    if image.format == "TIFF":
        return {"compression": image.info.get("compression", "raw")}
    return {}


def _read_deep(path: Path, data: bytes, limits: Limits) -> Picture | None:
    """A picture of 16 bits, which Pillow would make one of 8; None if it is none."""
    losses: tuple[Note, ...] = ()
    if png_depth(data) == 16:
        size: tuple[int, int] = struct.unpack_from(">II", data, 16)
        format_ = "PNG"
        with _opened(data) as image:
            metadata = _metadata(image, data)
    else:
        found = deep_metadata(data) if data[:4] in _MAGIC_TIFF else None
        if found is None:
            return None
        format_, (size, metadata, has_more) = "TIFF", found
        if has_more:
            losses = (Note(NoteCode.STREAM_LEFT_OUT, "of several pages of 16 bits, the first one alone is kept"),)
    _check(path, size, limits)
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        raise InputError(f"{path} is no picture that can be read")
    if format_ == "TIFF":
        samples = as_stored(samples, data)
    alpha = samples[..., 3].copy() if samples.ndim == 3 and samples.shape[2] == 4 else None
    colours = samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., 2::-1])
    return Picture(path, data, format_, (colours,), (alpha,), metadata=metadata, losses=losses)


def _check(path: Path, size: tuple[int, ...], limits: Limits) -> None:
    excess = limits.picture_excess(size[0], size[1])
    if excess is not None:
        raise LimitError(f"{path} is {excess}")
