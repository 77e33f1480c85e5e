"""Runs networks over a pool of windows, such as ``deblur synth`` makes of photographs that were kept out of training.

The neighbours in a pool are aligned already, so nothing is read but what training reads. Results are scored as
pictures: planes become RGB, for the ground truth too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from network.data.planes import split, to_picture
from network.data.windows import motion_told
from network.errors import NetworkError
from network.evaluation.evaluate import Deblurred, Sample, deblur_picture
from network.evaluation.runners import Neighbours
from network.planes import PlaneSpec
from network.window.planar import WindowPlanes
from network.window.working import working_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from network.data.windows import Flows, Frames
    from network.evaluation.evaluate import Candidate
    from network.training.windows import WindowPool

_PRESENT, _SHARP = 1, 3
"""Places of the present frame and of the sharp one in a window."""


def deblur_windows(
    candidates: Sequence[Candidate],
    pool: WindowPool,
    device: str = "cpu",
    neighbours: Neighbours = Neighbours.BOTH,
) -> Iterator[Deblurred]:
    """Runs every candidate on every window of a pool.

    Args:
        candidates: Networks of RGB, which see the present frame, or over time, on ``device``.
        pool: Windows, which are pictures of no sequence here.
        device: A torch device.
        neighbours: Neighbours that the candidates see of each window.

    Yields:
        One result a window, in their order.

    Raises:
        NetworkError: If a candidate is an engine.
    """
    if not all(isinstance(candidate.network, nn.Module) for candidate in candidates):
        raise NetworkError("an engine reads frames, not windows; score it on sequences")
    lost = neighbours is Neighbours.NONE, neighbours is not Neighbours.BOTH
    for index in range(len(pool)):
        frames, flows = pool.window(index)
        sample = Sample(f"{index:07d}", to_picture(frames[_PRESENT]), to_picture(frames[_SHARP]))
        outputs, seconds, seen = [], [], []
        for candidate in candidates:
            network: Any = candidate.network
            begun = time.perf_counter()
            if hasattr(network, "window"):
                outputs.append(_deblurred(network, frames, flows, lost, device))
                there = [not (gone or np.isnan(flow[0, 0])) for gone, flow in zip(lost, flows[::2], strict=True)]
                seen.append(1 + sum(there) if network.window.frames > 1 else 1)
            else:
                outputs.append(deblur_picture(network, sample.blurred, device))
                seen.append(1)
            seconds.append(time.perf_counter() - begun)
        yield Deblurred(sample, tuple(outputs), tuple(seconds), tuple(seen))


def _deblurred(network: Any, frames: Frames, flows: Flows, lost: tuple[bool, bool], device: str) -> NDArray[np.uint8]:
    """The present frame through a network over time, as a picture."""
    before, after = int(network.window.before), int(network.window.after)
    places = [0 if not lost[0] else _PRESENT, _PRESENT, 2 if not lost[1] else _PRESENT]
    seen = frames[places[_PRESENT - before : _PRESENT + after + 1]]
    rows, width = seen.shape[1:]
    luma, chroma = split(seen)
    planes = WindowPlanes(network, working_spec(PlaneSpec(width, rows * 2 // 3)))
    inputs = [luma[None].astype(np.float32), chroma.reshape(1, -1, *chroma.shape[2:]).astype(np.float32)]
    inputs += [motion_told(flows, lost=lost)[None]] if before + after else []
    with torch.inference_mode():
        tensors = [torch.from_numpy(each).to(device) for each in inputs]
        new_luma, new_chroma = (codes.cpu().numpy() for codes in planes(*tensors))
    made = np.empty((rows, width), np.uint8)
    made_luma, made_chroma = split(made)
    made_luma[...], made_chroma[...] = new_luma[0, 0], new_chroma[0]
    return to_picture(made)
