"""Sums of 8-bit products do not stop at the end of 16 bits, on processors that add in so many."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from network import catalogue
from pipeline.engines.openvino_core import openvino_core

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

SIZE = 192

TO_YCC = np.array([[0.2126, 0.7152, 0.0722], [-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]])
"""RGB to BT.709's luma and chroma."""


def blurred(picture: Picture) -> Picture:
    """By the mean of 9 pixels in a row."""
    return np.mean([np.roll(picture, shift, -1) for shift in range(-4, 5)], 0, dtype=np.float32)


def noise() -> Picture:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE)).astype(np.float32)


def black_and_white_noise() -> Picture:
    return (255 * np.random.default_rng(1).integers(0, 2, (3, SIZE, SIZE))).astype(np.float32)


def checkerboard() -> Picture:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.broadcast_to(255 * ((rows + columns) % 2), (3, SIZE, SIZE)).astype(np.float32)


def text() -> Picture:
    letters = np.random.default_rng(2).integers(0, 2, (SIZE // 4, SIZE // 4)).repeat(4, 0).repeat(4, 1)
    return np.broadcast_to(255 * letters, (3, SIZE, SIZE)).astype(np.float32)


def blurred_text() -> Picture:
    return blurred(text())


def blue_blurred_text() -> Picture:
    return blurred_text() * np.array([0, 0, 1], np.float32)[:, None, None]


def lamp_trail() -> Picture:
    picture = np.zeros((3, SIZE, SIZE), np.float32)
    picture[:, 90:94, 40:150] = 255
    return blurred(picture)


def white() -> Picture:
    return np.full((3, SIZE, SIZE), 255, np.float32)


@cache
def compiled(path: Path | None, **properties: str) -> Callable[[Picture], Picture]:
    """A network over time, on a picture without neighbours: what it makes of luma, in codes of 255."""
    assert path is not None
    core = openvino_core()
    wanted: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", **properties}
    model = core.compile_model(core.read_model(path), "CPU", wanted)

    def deblur(picture: Picture) -> Picture:
        luma, *chroma = np.tensordot(TO_YCC, picture / np.float32(255), 1).astype(np.float32)
        halves = np.stack([plane.reshape(SIZE // 2, 2, SIZE // 2, 2).mean((1, 3)) for plane in chroma])
        motion = np.zeros((1, 6, SIZE // 8, SIZE // 8), np.float32)
        motion[:, 4:] = 1
        inputs = {"luma": luma[None, None].repeat(3, 1), "chroma": np.tile(halves, (3, 1, 1))[None], "motion": motion}
        return np.clip(255 * (luma + model(inputs)[0][0, 0]), 0, 255)

    return deblur


@pytest.mark.parametrize(
    "made", [white, noise, black_and_white_noise, checkerboard, text, blurred_text, blue_blurred_text, lamp_trail]
)
def test_extremes_come_out_no_worse_than_with_sums_that_can_not_stop(made: Callable[[], Picture]) -> None:
    picture, quantised = made(), catalogue.int8_file(catalogue.DEFAULT)
    exact = compiled(catalogue.onnx_file(catalogue.DEFAULT))(picture)
    # Without the transformation into 8-bit products the same roundings are computed in floating point.
    here, endless = (
        np.abs(result(picture) - exact)
        for result in (compiled(quantised), compiled(quantised, LP_TRANSFORMS_MODE="NO"))
    )
    # Kernels round at other places than the graph says, in codes of 255.
    assert here.max() < endless.max() + 3
    assert np.sqrt(np.mean(here**2)) < 1.2 * np.sqrt(np.mean(endless**2)) + 0.1
