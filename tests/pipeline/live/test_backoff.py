"""Pauses between attempts to connect."""

from __future__ import annotations

from pipeline.live.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff()
    assert [backoff.pause() for _ in range(7)] == [0.5, 1, 2, 4, 8, 8, 8]


def test_a_success_begins_with_the_first_pause_again() -> None:
    backoff = Backoff(1, 3)
    assert [backoff.pause() for _ in range(3)] == [1, 2, 3]
    backoff.reset()
    assert [backoff.pause() for _ in range(2)] == [1, 2]
