"""Which frames belong to a window."""

from __future__ import annotations

import pytest

from network.window.windows import MISSING, Window


def test_a_frame_alone_has_no_neighbours() -> None:
    assert Window(1, 1).alone(2).tolist() == [[MISSING, 0, MISSING], [MISSING, 1, MISSING]]
    assert Window().alone(2).tolist() == [[0], [1]]


def test_consecutive_frames_are_neighbours_and_the_ends_miss_one() -> None:
    assert Window(1, 1).consecutive(3).tolist() == [[MISSING, 0, 1], [0, 1, 2], [1, 2, MISSING]]
    assert Window(2, 0).consecutive(3).tolist() == [[MISSING, MISSING, 0], [MISSING, 0, 1], [0, 1, 2]]


def test_some_of_the_frames_can_be_context_alone() -> None:
    assert Window(1, 1).consecutive(4, first=1, count=2).tolist() == [[0, 1, 2], [1, 2, 3]]


def test_a_window_has_no_fewer_than_no_neighbours() -> None:
    with pytest.raises(ValueError, match="no fewer than 0"):
        Window(-1, 0)
