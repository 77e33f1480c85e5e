"""Frames after codecs."""

from __future__ import annotations

import numpy as np

from network.data.planes import split, to_frame
from network.evaluation.metrics import psnr
from network.synth.codec import compressed
from tests.support.scenes import natural_picture


def test_three_frames_come_back_in_order_and_worse() -> None:
    ground = natural_picture(3, 160).astype(np.float32) / 255
    frames = [to_frame(np.ascontiguousarray(ground[:96, shift : shift + 96])) for shift in (0, 8, 16)]
    scores = []
    for seed in range(12):
        made = compressed(np.random.default_rng(seed), frames)
        assert [frame.shape for frame in made] == [(144, 96)] * 3
        for place, frame in enumerate(made):
            own = [psnr(split(frame)[0], split(other)[0]) for other in frames]
            assert int(np.argmax(own)) == place
            scores.append(own[place])
    assert min(scores) > 22
    assert max(scores) < 55
    assert np.ptp(scores) > 4  # of all qualities
