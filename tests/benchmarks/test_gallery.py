"""The gallery: its pictures show what its script says, and its page states the figures of the script."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import gallery
import numpy as np
import pytest

import deblur_stream
from network.data.pairs import pictures_in, read_picture
from network.evaluation.metrics import psnr

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "images" / "gallery"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four frames of a moving scene, sharp and blurred, and a photograph."""
    rng = np.random.default_rng(0)
    sharp = cv2.resize(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8), (320, 192), interpolation=cv2.INTER_CUBIC)
    for side, width in (("blur", 9), ("sharp", 1)):
        folder = tmp_path / "eval" / "reds" / "moving" / side
        folder.mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(str(folder / f"{number}.png"), cv2.blur(np.roll(sharp, 9 * number, axis=1), (width, 1)))
    (tmp_path / "eval" / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "eval" / "photos" / "photo.png"), sharp)
    return tmp_path


@pytest.fixture(scope="module")
def network() -> deblur_stream.Deblurrer:
    """The shipped network."""
    return deblur_stream.Deblurrer(precision="fp32")


def test_a_part_is_shown_before_after_and_as_it_should_be(data: Path, network: deblur_stream.Deblurrer) -> None:
    example = gallery.Example("moving", gallery.from_reds("moving", 2), (60, 20, 200, 150))
    picture, found = gallery.show(example, data, network)
    before, after, truth = (picture[:, start : start + 200] for start in (0, 206, 412))
    assert picture.shape == (150, 612, 3)
    assert picture[:, 200:206].min() == 255
    folder = data / "eval" / "reds" / "moving"
    assert np.array_equal(before, read_picture(folder / "blur" / "2.png")[20:170, 60:260])
    assert np.array_equal(truth, read_picture(folder / "sharp" / "2.png")[20:170, 60:260])
    frames = [read_picture(path) for path in pictures_in(folder / "blur")]
    assert np.array_equal(after, list(network.video(frames))[2][20:170, 60:260])
    assert not np.array_equal(after, network(frames[2])[20:170, 60:260])  # its neighbours were seen
    assert found["part"] == [round(psnr(each, truth), 2) for each in (before, after)]


def test_a_sharp_frame_is_shown_beside_what_becomes_of_it(data: Path, network: deblur_stream.Deblurrer) -> None:
    example = gallery.Example("sharp", gallery.from_reds("moving", 1, "sharp"), (60, 20, 100, 80), zoom=2)
    picture, found = gallery.show(example, data, network)
    assert picture.shape == (160, 406, 3)
    assert found["part"][0] == 100


def test_a_photograph_is_blurred_along_the_path_of_its_seed(data: Path) -> None:
    first, again, other = (gallery.from_photograph("photo.png", 14, seed)(data) for seed in (0, 0, 1))
    assert all(np.array_equal(one, two) for one, two in zip(first.frames, again.frames, strict=True))
    assert not np.array_equal(first.frames[1], other.frames[1])
    assert first.sharp is not None
    assert psnr(first.frames[1], first.sharp) < 35
    assert first.sharp.shape == (96, 224, 3)
    assert gallery.from_photograph("photo.png", 14, 0, night=True)(data).frames[1].mean() < first.frames[1].mean() / 1.5


def test_the_page_has_every_picture_with_the_figures_that_were_found() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    figures = json.loads((ROOT / "docs" / "results" / "data" / "gallery.json").read_text(encoding="utf-8"))["figures"]
    assert list(figures) == [example.name for example in gallery.GALLERY]
    assert {path.stem for path in PICTURES.iterdir()} == set(figures)
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 1_500_000
    for name, found in figures.items():
        section = page.partition(f"images/gallery/{name}.jpg")[2].partition("\n## ")[0]
        for place in ("part", "frame"):
            before, after = (f"{value:.2f}" for value in found[place])
            assert after in section, name
            assert before in section or before == "100.00", name


def test_the_part_that_gains_least_is_found(data: Path, network: deblur_stream.Deblurrer) -> None:
    folder = data / "eval" / "reds" / "moving"
    blurred, sharp = (read_picture(folder / side / "1.png") for side in ("blur", "sharp"))
    blurred[80:150, 120:180] = sharp[80:150, 120:180]  # nothing is to be gained there
    cv2.imwrite(str(folder / "blur" / "1.png"), blurred[..., ::-1])
    gain, place, box = gallery.least_gain(data, network, "moving", (60, 60))
    assert gain < 0
    assert (place, box) == (1, (120, 80, 60, 60))
