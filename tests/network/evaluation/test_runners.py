"""Networks and engines over pictures in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from network import catalogue, weights
from network.errors import DataError, NetworkError
from network.evaluation.evaluate import Candidate, Deblurred, Sample, deblur_picture, deblur_samples
from network.evaluation.runners import (
    Neighbours,
    deblur_in_order,
    part_of_window,
    runner_for,
    windowed,
    without,
)
from network.evaluation.tiles import Tiling
from network.models.idc_video import IDCVideo
from network.models.identity import Identity
from network.models.layers import fold_for_inference
from network.window.windows import Window
from pipeline.engines.load import load_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

Picture = np.ndarray

GREYS = (100, 108, 118, 120)


class Ghost(nn.Module):
    """Turns each frame into the neighbour on one side of it, as far as there is one."""

    window = Window(1, 1)

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def forward(self, luma: Tensor, chroma: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        assert motion.shape[1] == 6
        return luma[:, self.place : self.place + 1] - luma[:, 1:2], torch.zeros_like(chroma[:, :2])


def flat(grey: int, height: int = 64, width: int = 80) -> Picture:
    return np.full((height, width, 3), grey, np.uint8)


def frames_of(sequence: str, greys: Sequence[int] = GREYS) -> list[Sample]:
    return [Sample(f"{sequence}/{grey}", flat(grey), flat(grey), sequence) for grey in greys]


def greys_of(results: Sequence[Deblurred], candidate: int = 0) -> list[int]:
    """The one code of each result; the conversion to luma and back may round it by one."""
    found = []
    for result in results:
        assert np.ptp(result.outputs[candidate]) <= 1
        found.append(round(float(result.outputs[candidate].mean())))
    return found


def test_frames_come_with_their_neighbours() -> None:
    assert list(windowed("abc", Window(1, 1))) == [(None, "a", "b"), ("a", "b", "c"), ("b", "c", None)]
    assert list(windowed("abc", Window(0, 2))) == [("a", "b", "c"), ("b", "c", None), ("c", None, None)]
    assert list(windowed("ab", Window(2, 0))) == [(None, None, "a"), (None, "a", "b")]
    assert list(windowed("ab", Window())) == [("a",), ("b",)]
    assert list(windowed("", Window(1, 1))) == []


def test_a_smaller_window_is_the_middle_of_a_larger_one() -> None:
    assert part_of_window("abcd", Window(1, 2), Window(1, 1)) == ("a", "b", "c")
    assert part_of_window("abcd", Window(1, 2), Window()) == ("b",)


def test_neighbours_can_be_left_out() -> None:
    window = Window(1, 1)
    assert without("abc", window, Neighbours.BOTH) == ("a", "b", "c")
    assert without("abc", window, Neighbours.PREVIOUS) == ("a", "b", None)
    assert without("abc", window, Neighbours.NONE) == (None, "b", None)


def test_a_network_over_time_sees_the_frames_beside_each() -> None:
    candidates = [Candidate("before", Ghost(0)), Candidate("nothing", Identity()), Candidate("after", Ghost(2))]
    results = list(deblur_samples(candidates, frames_of("one")))
    assert greys_of(results, 0) == [100, 100, 108, 118]
    assert greys_of(results, 1) == list(GREYS)
    assert greys_of(results, 2) == [108, 118, 120, 120]
    assert [result.frames for result in results] == [(2, 1, 2), (3, 1, 3), (3, 1, 3), (2, 1, 2)]


@pytest.mark.parametrize(
    ("neighbours", "before", "after", "frames"),
    [
        (Neighbours.PREVIOUS, [100, 100, 108, 118], list(GREYS), [1, 2, 2, 2]),
        (Neighbours.NONE, list(GREYS), list(GREYS), [1, 1, 1, 1]),
    ],
)
def test_what_may_not_be_seen_is_missing(
    neighbours: Neighbours, before: list[int], after: list[int], frames: list[int]
) -> None:
    candidates = [Candidate("before", Ghost(0)), Candidate("after", Ghost(2))]
    results = list(deblur_samples(candidates, frames_of("one"), neighbours=neighbours))
    assert greys_of(results, 0) == before
    assert greys_of(results, 1) == after
    assert [result.frames for result in results] == [(number, number) for number in frames]


def test_sequences_and_single_pictures_do_not_mix() -> None:
    samples = [*frames_of("one", (100, 108)), *frames_of("two", (118, 120)), *frames_of("", (112, 116))]
    results = list(deblur_samples([Candidate("after", Ghost(2))], samples))
    assert greys_of(results) == [108, 108, 120, 120, 112, 116]
    assert [result.sample.name for result in results] == [sample.name for sample in samples]


def test_no_more_frames_are_read_than_a_window_has() -> None:
    read = []

    def reading() -> Sequence[Sample]:  # type: ignore[misc]
        for sample in frames_of("one"):
            read.append(sample.name)
            yield sample

    results = deblur_samples([Candidate("after", Ghost(2))], reading())
    next(results)
    assert len(read) == 2


def test_pictures_in_order_need_no_ground_truth() -> None:
    found = deblur_in_order(runner_for(Ghost(2)), [flat(grey) for grey in GREYS])
    assert [round(float(picture.mean())) for picture in found] == [108, 118, 120, 120]


def test_a_single_picture_has_no_neighbours() -> None:
    assert abs(int(deblur_picture(Ghost(0), flat(77)).max()) - 77) <= 1


def test_frames_of_a_sequence_that_differ_in_size_are_refused() -> None:
    samples = [Sample("a", flat(9), flat(9), "s"), Sample("b", flat(9, 64, 96), flat(9, 64, 96), "s")]
    with pytest.raises(DataError, match="80x64 and 96x64 follow each other; a sequence needs frames of one size"):
        list(deblur_samples([Candidate("after", Ghost(2))], samples))
    assert len(list(deblur_samples([Candidate("nothing", Identity())], samples))) == 2


def test_a_network_over_time_has_no_tiles() -> None:
    with pytest.raises(NetworkError, match="only networks of RGB run in tiles"):
        runner_for(Ghost(0), tiling=Tiling(64, 16))


def panned(count: int) -> list[Sample]:
    """Frames of a camera that moves, odd in size."""
    coarse = np.random.default_rng(0).integers(0, 256, (14, 24, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (190, 110), interpolation=cv2.INTER_CUBIC)
    shots = [np.ascontiguousarray(wide[3 : 3 + 101, 5 * index : 5 * index + 133]) for index in range(count)]
    return [Sample(str(index), cv2.blur(shot, (5, 1)), shot, "pan") for index, shot in enumerate(shots)]


@pytest.mark.parametrize("neighbours", list(Neighbours))
def test_an_engine_gives_what_pytorch_gives(neighbours: Neighbours) -> None:
    file = catalogue.weights_file("idc-video")
    assert file is not None
    network = fold_for_inference(weights.load(file)[0])
    candidates = [Candidate("torch", network), Candidate("engine", load_engine("openvino", precision="fp32"))]
    results = list(deblur_samples(candidates, panned(3), neighbours=neighbours))
    for result in results:
        ours, theirs = (output.astype(int) for output in result.outputs)
        assert np.abs(ours - theirs).max() <= 1
        assert np.abs(ours - result.sample.blurred).max() > 3
        assert min(result.seconds) > 0
        assert result.frames[0] == result.frames[1]


def test_an_engine_without_a_window_takes_pictures_one_by_one() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (33, 45, 3), dtype=np.uint8)
    assert np.array_equal(deblur_picture(load_engine("openvino", "identity"), picture), picture)


def test_a_network_that_changes_nothing_gives_back_every_code() -> None:
    rng = np.random.default_rng(3)
    shots = [rng.integers(0, 256, (53, 77, 3), dtype=np.uint8) for _ in range(3)]
    found = list(deblur_in_order(runner_for(IDCVideo((8, 8, 8), 1).eval()), shots))
    assert all(np.array_equal(one, other) for one, other in zip(found, shots, strict=True))
