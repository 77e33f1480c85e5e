"""Metadata of every format, written and compared by exiftool, which knows more of them than any library here."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.pipeline.images.conftest import deep, texture, write, write_deep
from tests.pipeline.images.test_run import deblur_one

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed"),
]

TAGS = (
    *("-EXIF:Model=EOS 5D", "-EXIF:DateTimeOriginal=2024:05:06 07:08:09", "-EXIF:OffsetTimeOriginal=+02:00"),
    *("-EXIF:ExposureTime=1/60", "-EXIF:FNumber=2.8", "-EXIF:UserComment=grüße", "-EXIF:Artist=Ångström"),
    *("-GPSLatitude=47.1", "-GPSLatitudeRef=N", "-GPSLongitude=8.2", "-GPSLongitudeRef=E", "-GPSAltitude=432"),
    *("-XMP:Title=Ein Titel", "-XMP:Rating=4", "-XMP-dc:Subject=a", "-XMP-dc:Subject=b", "-XMP-photoshop:City=Bern"),
    *("-IPTC:Keywords=one", "-IPTC:Caption-Abstract=cap", "-EXIF:XResolution=300", "-JFIF:XResolution=300"),
    "-Comment=a comment",
)

OF_SAMPLES = {
    *("Compression", "Predictor", "RowsPerStrip", "SampleFormat", "StripByteCounts", "StripOffsets"),
    *("MediaDataOffset", "MediaDataSize", "FileSize", "PlanarConfiguration"),
}
"""What says how the samples lie in the file."""


def tags_of(path: Path) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603
        ["exiftool", "-j", "-a", "-G1", "-s", "-struct", str(path)],  # noqa: S607
        capture_output=True,
        check=True,
        timeout=60,
    )
    tags = json.loads(done.stdout)[0]
    return {
        key: value
        for key, value in tags.items()
        if not key.startswith(("System:", "ExifTool:", "SourceFile")) and key.split(":")[-1] not in OF_SAMPLES
    }


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.jpg", {}),
        ("progressive.jpg", {"progressive": True}),
        ("grey.jpg", {}),
        ("plain.png", {}),
        ("deep.png", {}),
        ("raw.tif", {"compression": "raw"}),
        ("lzw.tif", {}),
        ("deep.tif", {}),
        ("plain.webp", {"lossless": True}),
        ("plain.avif", {}),
        ("plain.heic", {}),
    ],
)
def test_every_tag_comes_along(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    path, output = tmp_path / name, tmp_path / f"out{name[name.index('.') :]}"
    if path.suffix == ".heic":
        pytest.importorskip("pillow_heif", reason="the extra `heif` is not installed").register_heif_opener()
        Image.fromarray(texture()).save(path)
    elif path.stem in {"deep", "lzw"}:
        write_deep(path, deep(texture()) if path.stem == "deep" else texture())
    elif path.suffix == ".avif":
        Image.fromarray(texture()).save(path)
    else:
        write(path, texture(colours=1 if path.stem == "grey" else 3), **options)
    turned = () if path.suffix in {".avif", ".heic"} else ("-EXIF:Orientation#=6",)  # those tell it in a box
    subprocess.run(  # noqa: S603
        ["exiftool", "-q", "-m", "-overwrite_original", *TAGS, *turned, str(path)],  # noqa: S607
        check=True,
        timeout=60,
    )
    before = tags_of(path)
    assert before["IFD0:Artist"] == "Ångström"
    deblur_one(path, output)
    assert output.read_bytes() != path.read_bytes()
    assert tags_of(output) == before
