"""Which of several videos is deblurred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.decode.container import choose_video
from pipeline.errors import InputError
from pipeline.job import Limits
from pipeline.media.pyav18 import open_media

if TYPE_CHECKING:
    from pathlib import Path


def write_videos(path: Path, videos: list[tuple[int, int, int, str]]) -> None:
    """Writes videos side by side, each with a width, height, number of frames and disposition."""
    with open_media(str(path), "w") as out:
        streams = []
        for width, height, _, disposition in videos:
            stream: Any = out.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = av.stream.Disposition[disposition]
            streams.append(stream)
        for stream, (width, height, frames, _) in zip(streams, videos, strict=True):
            for number in range(frames):
                frame = av.VideoFrame(width, height, "yuv420p")
                for plane in frame.planes:
                    plane.update(bytes([number * 9]) * plane.buffer_size)
                frame.pts = number
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_largest_picture_is_chosen(suffix: str, order: int, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    videos = [(64, 48, 2, "visual_impaired"), (16, 16, 20, "default")][::order]
    write_videos(path, videos)
    with open_media(str(path)) as container:
        chosen = choose_video(container, "clip", Limits())
        assert (chosen.width, chosen.height) == (64, 48)


def test_of_equal_pictures_the_default_one_is_chosen(tmp_path: Path) -> None:
    write_videos(tmp_path / "clip.mkv", [(64, 48, 9, "comment"), (64, 48, 9, "default")])
    with open_media(str(tmp_path / "clip.mkv")) as container:
        assert choose_video(container, "clip", Limits()).index == 1


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    with open_media(str(tmp_path / "song.mka"), "w", format="matroska") as out:
        sound: Any = out.add_stream("flac", rate=48_000, layout="mono")
        encoder: Any = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "rgb24", 1
        picture = bytes([*encoder.encode(av.VideoFrame(64, 48, "rgb24")), *encoder.encode(None)][0])
        out.add_attachment("cover.png", "image/png", picture)
        samples = av.AudioFrame(format="s16", layout="mono", samples=4096)
        samples.sample_rate = 48_000
        out.mux(sound.encode(samples))
        out.mux(sound.encode(None))
    with open_media(str(tmp_path / "song.mka")) as container, pytest.raises(InputError, match="no video stream"):
        choose_video(container, "song.mka", Limits())
