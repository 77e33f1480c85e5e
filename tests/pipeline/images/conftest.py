"""Small pictures of every format that is written, with metadata."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
MAKER_NOTE = bytes(range(64))
"""Bytes that only the camera's maker understands."""


def exif() -> bytes:
    """EXIF with the place, an orientation, and a maker's note, as TIFF structure."""
    made = Image.Exif()
    made[0x010F], made[0x0112] = "Acme", 6
    made.get_ifd(0x8769)[0x927C] = MAKER_NOTE
    made.get_ifd(0x8825)[1] = "N"
    made.get_ifd(0x8825)[2] = (48.0, 8.0, 14.5)
    return made.tobytes().removeprefix(b"Exif\0\0")


@functools.cache  # it holds the second at which it is made
def profile() -> bytes:
    """A colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def texture(height: int = 40, width: int = 56, colours: int = 3) -> NDArray[np.uint8]:
    """A smooth RGB picture, in which formats with loss lose little; or grey, with one colour."""
    rng = np.random.default_rng(0)
    small = rng.integers(30, 220, (6, 8, 3), dtype=np.uint8)
    picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return picture if colours == 3 else picture[..., 0].copy()


def deep(picture: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The picture in 16 bits, with all of them in use."""
    noise = np.random.default_rng(1).integers(0, 257, picture.shape)
    return (picture.astype(np.uint16) * 256 + noise).astype(np.uint16)


def write(path: Path, picture: NDArray[np.uint8] | None = None, **options: object) -> Path:
    """Writes a picture with all metadata, by Pillow."""
    tags = {"exif": exif(), "icc_profile": profile(), "xmp": XMP}
    if path.suffix == ".jpg":
        tags["exif"] = b"Exif\0\0" + tags["exif"]
    if path.suffix == ".tif":
        made = Image.Exif()
        made.load(exif())
        made[700] = tags.pop("xmp")  # as Pillow writes it here
        tags["exif"] = made.tobytes()
    if path.suffix == ".gif":
        tags = {}
    if path.suffix == ".png":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", tags.pop("xmp").decode())
        info.add_text("Title", "a texture")
        options["pnginfo"] = info
    Image.fromarray(texture() if picture is None else picture).save(path, **(tags | options))  # type: ignore[arg-type]
    return path


def animation(path: Path, count: int = 4) -> Path:
    """Writes frames that move to the right, a tenth of a second each."""
    frames = [Image.fromarray(np.roll(texture(), 3 * number, axis=1)) for number in range(count)]
    options = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0, **options)  # type: ignore[arg-type]
    return path


def write_deep(path: Path, picture: NDArray[np.uint16] | NDArray[np.uint8]) -> Path:
    """Writes a picture of 8 or 16 bits, grey, RGB or RGBA, by OpenCV."""
    samples = picture if picture.ndim == 2 else picture[..., [2, 1, 0, 3][: picture.shape[2]]]
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(samples))[1].tobytes())
    return path


@pytest.fixture
def jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(texture()).save(out, "JPEG", quality=95)
    return out.getvalue()
