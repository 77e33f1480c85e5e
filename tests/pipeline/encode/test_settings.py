"""What encoders are told beyond the user's wishes."""

from __future__ import annotations

import io
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipeline.encode import settings
from pipeline.encode.settings import repeatable


def _encoded(frames: list[av.VideoFrame]) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="h264") as container:
        options = repeatable("libx264", {})
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return file.getvalue()


def test_the_same_frames_make_the_same_file_again() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (280, 420, 3), dtype=np.uint8)
    scene = cv2.GaussianBlur(noise, (0, 0), 2)
    frames = [av.VideoFrame.from_ndarray(scene[k : k + 180, k : k + 320].copy(), format="rgb24") for k in range(100)]
    assert len({_encoded(frames) for _ in range(6)}) == 1


@pytest.mark.parametrize("has_avx512", [True, False, None])
def test_x264_alone_leaves_out_avx512_where_there_is_some(
    has_avx512: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "cpu_features", lambda: {"AVX-512": has_avx512})
    wishes = {"crf": "18", "x264-params": "cll=1000,200"}
    told = {**wishes, "x264-params": "cll=1000,200:asm=avx2"} if has_avx512 else wishes
    assert repeatable("libx264", wishes) == told
    assert repeatable("libx265", wishes) == wishes
    assert wishes == {"crf": "18", "x264-params": "cll=1000,200"}
