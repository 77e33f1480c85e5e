"""Networks over pools of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from network.data.planes import split, to_frame, to_picture
from network.data.windows import aligned, write_shard
from network.errors import NetworkError
from network.evaluation.evaluate import Candidate
from network.evaluation.runners import Neighbours
from network.evaluation.windows import deblur_windows
from network.models.idc_video import IDCVideo
from network.models.identity import Identity
from network.training.windows import WindowPool
from network.window.windows import Window
from pipeline.engines.load import load_engine

if TYPE_CHECKING:
    from pathlib import Path


class Ghost(nn.Module):
    """Turns each frame into the next one, as far as there is one."""

    window = Window(1, 1)

    def forward(self, luma: Tensor, chroma: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        assert motion.shape[1] == 6
        return luma[:, 2:] - luma[:, 1:2], chroma[:, 4:] - chroma[:, 2:4]


@pytest.fixture
def pool(tmp_path: Path) -> WindowPool:
    """Two windows of a pan, of which the second has no previous frame."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (160, 96), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
    shots = [to_frame(np.ascontiguousarray(wide[:, 4 * index : 4 * index + 128])) for index in range(3)]
    made = [aligned(shots[0], shots[1], shots[2]), aligned(None, shots[1], shots[2])]
    windows = np.stack([np.concatenate((frames, shots[1][None])) for frames, _ in made])
    write_shard(tmp_path, "0000000", windows, np.stack([flows for _, flows in made]))
    return WindowPool([tmp_path])


def test_windows_are_scored_as_pictures(pool: WindowPool) -> None:
    candidates = [Candidate("after", Ghost()), Candidate("nothing", Identity())]
    results = list(deblur_windows(candidates, pool))
    assert [result.frames for result in results] == [(3, 1), (2, 1)]
    for index, result in enumerate(results):
        frames, _ = pool.window(index)
        assert np.array_equal(result.sample.blurred, to_picture(frames[1]))
        assert np.array_equal(result.sample.sharp, to_picture(frames[3]))
        assert np.array_equal(result.outputs[1], result.sample.blurred)
        assert np.abs(result.outputs[0].astype(int) - to_picture(frames[2])).max() <= 3  # a code of each plane
        assert not np.array_equal(result.outputs[0], result.sample.blurred)
        assert min(result.seconds) > 0


def test_neighbours_can_be_lost(pool: WindowPool) -> None:
    for neighbours, seen in ((Neighbours.PREVIOUS, [2, 1]), (Neighbours.NONE, [1, 1])):
        results = list(deblur_windows([Candidate("after", Ghost())], pool, neighbours=neighbours))
        assert [result.frames[0] for result in results] == seen
        for result in results:
            assert np.array_equal(result.outputs[0], result.sample.blurred)


def test_a_network_that_sees_one_frame_needs_no_motion(pool: WindowPool) -> None:
    torch.manual_seed(0)
    network = IDCVideo((8, 8, 8), 1, frames=1).eval()
    with torch.no_grad():
        nn.init.normal_(network.exit.weight, 0, 0.5)
    first, second = deblur_windows([Candidate("one", network)], pool)
    assert first.frames == second.frames == (1,)
    assert np.array_equal(first.outputs[0], second.outputs[0])
    assert not np.array_equal(first.outputs[0], first.sample.blurred)


def test_an_engine_is_refused(pool: WindowPool) -> None:
    with pytest.raises(NetworkError, match="an engine reads frames, not windows"):
        next(deblur_windows([Candidate("engine", load_engine("openvino", "identity"))], pool))


def test_planes_of_a_result_are_those_of_the_frame(pool: WindowPool) -> None:
    """A network that corrects nothing gives back every code."""
    frames, _ = pool.window(0)
    (result, _) = deblur_windows([Candidate("idc-video", IDCVideo((8, 8, 8), 1).eval())], pool)
    assert np.array_equal(result.outputs[0], to_picture(frames[1]))
    assert split(frames[1])[0].shape == result.outputs[0].shape[:2]
