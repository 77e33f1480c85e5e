"""Windows as training keeps them are what the pipeline makes of the same frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.data.planes import split, to_frame
from network.data.windows import aligned, flows_of, motion_told, open_shard, write_shard
from network.errors import DataError
from network.planes import PlaneBatch, PlaneSpec
from network.window.stage import WindowStage
from network.window.windows import MISSING, Window
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEIGHT, WIDTH = 96, 128


def _frame(shift: float, seed: int = 0, tint: tuple[float, float, float] = (128, 128, 128)) -> NDArray[np.uint8]:
    picture = Scene(seed, tint).picture(shift, 0.5 * shift, HEIGHT, WIDTH)
    return to_frame(picture.astype(np.float32) / 255)


FRAMES = {
    "moving": (_frame(-5), _frame(0), _frame(4)),
    "first": (None, _frame(0), _frame(4)),
    "last": (_frame(-5), _frame(0), None),
    "single": (None, _frame(0), None),
    "repeated": (_frame(0), _frame(0), _frame(4)),
    "cut": (_frame(-5), _frame(0), _frame(0, 7, (240, 240, 240))),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_window_is_what_the_pipeline_gives_the_network(name: str) -> None:
    frames = FRAMES[name]
    made, flows = aligned(*frames)
    stage = WindowStage(PlaneSpec(WIDTH, HEIGHT), Window(1, 1))
    batch = PlaneBatch.empty(stage.spec, 3)
    for place, frame in enumerate(frames):
        if frame is not None:
            luma, chroma = split(frame)
            for plane, source in zip(batch.planes, (luma, *chroma), strict=True):
                plane[place] = source
    places = [MISSING if frame is None else place for place, frame in enumerate(frames)]
    stage.fill(batch, np.array([places]))
    luma, chroma = split(made)
    assert np.array_equal(luma, stage.luma[0])
    assert np.array_equal(chroma.reshape(6, HEIGHT // 2, WIDTH // 2), stage.chroma[0])
    # The flow is kept in half precision.
    np.testing.assert_allclose(motion_told(flows), stage.motion[0], atol=4e-3)
    assert np.array_equal(motion_told(flows)[4:] == 1, stage.motion[0][4:] == 1)


def test_neighbours_are_brought_onto_the_present_frame() -> None:
    before, present, after = FRAMES["moving"]
    made, flows = aligned(before, present, after)
    inner = np.s_[16:-16, 16:-16]

    def left(frame: NDArray[np.uint8]) -> float:
        return float(np.abs(split(frame)[0].astype(float) - split(present)[0])[inner].mean())

    assert left(made[0]) < 0.3 * left(before)
    assert left(made[2]) < 0.3 * left(after)
    # What is at a place now was 5 and 2.5 pixels further right and down before, since the window moved that way.
    expected = np.array([5, 2.5, -4, -2]) / 4
    np.testing.assert_allclose(np.median(flows.astype(float), axis=(1, 2)), expected, atol=0.1)


@pytest.mark.parametrize("lost", [(True, False), (False, True), (True, True)])
def test_a_neighbour_that_is_lost_is_marked_and_told_by_the_other(lost: tuple[bool, bool]) -> None:
    _, flows = aligned(*FRAMES["moving"])
    motion, whole = motion_told(flows, lost=lost), motion_told(flows)
    assert [bool((mark == 1).all()) for mark in motion[4:]] == list(lost)
    if all(lost):
        assert not motion[:4].any()
    elif lost[0]:
        np.testing.assert_array_equal(motion[:2], -whole[2:4])
    else:
        np.testing.assert_array_equal(motion[2:4], -whole[:2])


def test_a_shard_comes_back_and_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    made, flows = aligned(*FRAMES["first"])
    windows = np.concatenate((made, made[1:2]))[None]
    path = write_shard(tmp_path, "00000000", windows, flows[None])
    again = open_shard(path)
    assert np.array_equal(again[0], windows)
    assert np.array_equal(again[1], flows[None], equal_nan=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["flows_00000000.npy", "windows_00000000.npy"]
    np.save(flows_of(path), flows[None, :, :-1])
    with pytest.raises(DataError, match=r"windows_00000000\.npy holds .*, not windows; delete it"):
        open_shard(path)
    flows_of(path).write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"flows_00000000\.npy is damaged"):
        open_shard(path)
