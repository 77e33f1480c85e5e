"""What differs between the versions of PyAV, seen from the rest of the code."""

from typing import Any

import av
import pytest
from av.sidedata.sidedata import Type

from pipeline.job import SinkOptions
from pipeline.media.pyav18 import side_data

IS_PYAV_18 = av.__version__.startswith("18.")


@pytest.mark.skipif(IS_PYAV_18, reason="PyAV 18 can't say where chroma samples lie")
@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1", "libvpx-vp9"])
@pytest.mark.parametrize("location", [2, 3])
def test_the_place_of_the_chroma_samples_is_kept(
    location: int, codec: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    def configure(stream: Any) -> None:
        stream.codec_context.chroma_sample_location = location

    clip = make_clip(tmp_path / "in.mkv", frames=2, audio=None, configure=configure)
    assert read_file(clip).frames[0].chroma_location == location
    done = convert(clip, tmp_path / "out.mkv", None, SinkOptions(codec=codec))
    assert read_file(done.path).frames[0].chroma_location == location


def test_side_data_is_found_by_its_kind(tmp_path: Any, make_clip: Any, read_file: Any) -> None:
    hdr = {"x265-params": "log-level=none:max-cll=1000,400"}
    frame = read_file(make_clip(tmp_path / "in.mkv", codec="libx265", frames=2, audio=None, options=hdr)).frames[0]
    found = side_data(frame)
    assert Type.CONTENT_LIGHT_LEVEL in found
    assert bytes(found[Type.CONTENT_LIGHT_LEVEL])[:2] == (1000).to_bytes(2, "little")
    assert Type.MASTERING_DISPLAY_METADATA not in found
