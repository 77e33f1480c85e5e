"""Metadata, byte by byte."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pipeline.images.metadata import (
    Metadata,
    chunks_of,
    holds_more_pictures,
    is_lossless_webp,
    jpeg_segments,
    png_chunks,
    png_depth,
    with_jpeg_segments,
    with_png_chunks,
)
from tests.pipeline.images.conftest import XMP, exif, profile, texture, write, write_deep

if TYPE_CHECKING:
    from pathlib import Path


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def test_segments_of_a_jpeg_file_come_back_as_they_were(jpeg: bytes) -> None:
    wanted = (
        segment(0xE1, b"Exif\0\0" + exif()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + profile()),
        segment(0xED, b"Photoshop 3.0\0 something"),
        segment(0xFE, b"a comment"),
    )
    written = with_jpeg_segments(jpeg, wanted)
    jfif, *others = jpeg_segments(written)
    assert (*others,) == wanted
    assert jfif[4:].startswith(b"JFIF\0")
    with Image.open(io.BytesIO(written)) as image:
        assert image.info["icc_profile"] == profile()
        assert image.info["exif"] == b"Exif\0\0" + exif()
        np.testing.assert_array_equal(image, Image.open(io.BytesIO(jpeg)))


def test_dots_per_inch_of_a_jpeg_file_are_those_of_the_input(jpeg: bytes) -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).save(out, "JPEG", dpi=(300, 150))
    written = with_jpeg_segments(jpeg, jpeg_segments(out.getvalue()))
    with Image.open(io.BytesIO(written)) as image:
        assert image.info["dpi"] == (300, 150)
        np.testing.assert_array_equal(image, Image.open(io.BytesIO(jpeg)))
    assert written.count(b"JFIF\0") == 1


def test_the_index_of_further_pictures_is_left_out(jpeg: bytes) -> None:
    several = with_jpeg_segments(jpeg, (segment(0xE2, b"MPF\0" + bytes(40)), segment(0xFE, b"a comment")))
    assert holds_more_pictures(several)
    assert not holds_more_pictures(jpeg)
    assert jpeg_segments(several)[1:] == (segment(0xFE, b"a comment"),)


def test_what_is_damaged_ends_the_search(jpeg: bytes) -> None:
    whole = with_jpeg_segments(jpeg, (segment(0xFE, b"a comment"),))
    for length in range(0, len(whole), 7):
        assert len(jpeg_segments(whole[:length])) <= 2
    assert jpeg_segments(b"") == png_chunks(b"") == ()


def test_chunks_of_a_png_file_come_back_as_they_were(tmp_path: Path) -> None:
    data = write(tmp_path / "in.png").read_bytes()
    chunks = png_chunks(data)
    assert {chunk[4:8] for chunk in chunks} >= {b"iCCP", b"eXIf", b"iTXt", b"tEXt"}
    plain = write(tmp_path / "plain.png", texture()[::-1]).read_bytes()
    written = with_png_chunks(plain, chunks)
    assert png_chunks(written) == chunks
    with Image.open(io.BytesIO(written)) as image:
        np.testing.assert_array_equal(image, texture()[::-1])
        assert image.info["Title"] == "a texture"


def test_chunks_are_made_of_other_formats_metadata(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.png").read_bytes()
    written = with_png_chunks(plain, chunks_of(Metadata(exif(), profile(), XMP)))
    with Image.open(io.BytesIO(written)) as image:
        image.load()
        assert image.info["icc_profile"] == profile()
        assert image.info["exif"].removeprefix(b"Exif\0\0") == exif()
        assert image.info["xmp"] == XMP
    assert chunks_of(Metadata()) == ()


@pytest.mark.parametrize(("lossless", "expected"), [(True, True), (False, False)])
def test_webp_without_loss_is_known(lossless: bool, expected: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "in.webp", lossless=lossless)
    assert is_lossless_webp(path.read_bytes()) is expected


def test_the_depth_of_a_png_file_is_known(tmp_path: Path, jpeg: bytes) -> None:
    shallow = write(tmp_path / "8.png").read_bytes()
    deep = write_deep(tmp_path / "16.png", texture().astype(np.uint16)).read_bytes()
    assert [png_depth(data) for data in (shallow, deep, jpeg, b"")] == [8, 16, 0, 0]
