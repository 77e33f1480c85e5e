"""Directories of tags, byte by byte."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from pipeline.images.tiff import metadata_of, with_tags
from pipeline.images.tiff_tags import EXIF, HEADER, Tag, read_tags, write_tags
from tests.pipeline.images.conftest import exif, texture

ARTIST, RESOLUTION, IPTC, EXPOSURE = 315, 282, 33723, 33434
NAME = "Ångström\0".encode()
CAPTION = b"\x1c\x02\x78\x00\x03abc"


def big_endian() -> bytes:
    """A directory of a file that has the highest byte first: a text, a fraction, IPTC typed as numbers, and EXIF."""
    inner = struct.pack(">HHHIII", 1, EXPOSURE, 5, 1, 200, 0)
    entries = [
        struct.pack(">HHII", RESOLUTION, 5, 1, 150),
        struct.pack(">HHII", ARTIST, 2, len(NAME), 120),
        struct.pack(">HHII", IPTC, 4, 2, 140),
        struct.pack(">HHII", EXIF, 4, 1, 160),
    ]
    data = bytearray(220)
    data[:8] = b"MM\0*\0\0\0\x08"
    data[8:10] = struct.pack(">H", len(entries))
    data[10 : 10 + 48] = b"".join(entries)
    data[120 : 120 + len(NAME)] = NAME
    data[140:148] = CAPTION
    data[150:158] = struct.pack(">II", 300, 1)
    data[160 : 160 + len(inner)] = inner
    data[200:208] = struct.pack(">II", 1, 60)
    return bytes(data)


def test_values_of_every_type_survive_a_change_of_byte_order() -> None:
    tags = read_tags(HEADER + write_tags(read_tags(big_endian())))
    assert tags[ARTIST] == Tag(2, NAME)
    assert tags[RESOLUTION] == Tag(5, struct.pack("<II", 300, 1))
    assert tags[IPTC] == Tag(4, CAPTION)
    assert tags[EXIF].directory == {EXPOSURE: Tag(5, struct.pack("<II", 1, 60))}


def test_a_tiff_file_gets_the_tags_as_they_were() -> None:
    encoded = cv2.imencode(".tif", texture())[1].tobytes()
    written = with_tags(encoded, metadata_of(big_endian()))
    assert read_tags(written).keys() >= read_tags(big_endian()).keys()
    for number, tag in read_tags(big_endian()).items():
        assert read_tags(written)[number].value == tag.value or number == EXIF
    assert (cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED) == texture()).all()


@pytest.mark.parametrize("length", range(0, 220, 3))
def test_a_directory_that_is_cut_off_gives_what_is_whole(length: int) -> None:
    whole, found = read_tags(big_endian()), read_tags(big_endian()[:length])
    assert found.keys() <= whole.keys()


def test_a_circle_of_directories_ends() -> None:
    data = bytearray(HEADER + struct.pack("<HHHIII", 1, EXIF, 4, 1, 8, 0))
    assert read_tags(bytes(data))[EXIF].directory == {}


def test_exif_of_another_program_comes_back_with_all_its_directories() -> None:
    before = read_tags(exif())
    after = read_tags(HEADER + write_tags(before))
    assert after.keys() == before.keys()
    assert after[EXIF].directory == before[EXIF].directory
