"""The picture of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

import before_after
import cv2
import numpy as np

import deblur_stream
from network.data.pairs import pictures_in, read_picture

if TYPE_CHECKING:
    from pathlib import Path


def test_a_part_of_a_frame_is_shown_as_it_was_and_as_it_becomes_with_its_neighbours(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sharp = cv2.resize(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8), (320, 192), interpolation=cv2.INTER_CUBIC)
    folder = tmp_path / "eval" / "moving" / "blur"
    folder.mkdir(parents=True)
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.blur(np.roll(sharp, 9 * number, axis=1), (9, 1)))
    out = tmp_path / "out.png"
    options = ["--sequence", "moving", "--frame", "2", "--box", "60,20,200,150", "--zoom", "1"]
    before_after.main([str(tmp_path / "eval"), str(out), *options])
    picture = read_picture(out)
    before, bar, after = picture[:, :200], picture[:, 200:208], picture[:, 208:]
    assert np.array_equal(before, read_picture(folder / "2.png")[20:170, 60:260])
    assert bar.min() == 255
    assert after.shape == before.shape
    network = deblur_stream.Deblurrer(precision="fp32")
    frames = [read_picture(path) for path in pictures_in(folder)]
    assert np.array_equal(after, list(network.video(frames))[2][20:170, 60:260])
    assert not np.array_equal(after, network(frames[2])[20:170, 60:260])
    assert not np.array_equal(after, before)
