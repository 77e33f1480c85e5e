"""Numbers of things in words."""

from __future__ import annotations

from network.counting import are, count_of, have, were


def test_one_is_no_plural() -> None:
    assert [count_of(number, "segment") for number in (0, 1, 2)] == ["0 segments", "1 segment", "2 segments"]
    assert [count_of(number, "loss", "losses") for number in (1, 2)] == ["1 loss", "2 losses"]


def test_verbs_follow_the_number() -> None:
    assert [(are(number), were(number), have(number)) for number in (0, 1, 2)] == [
        ("are", "were", "have"),
        ("is", "was", "has"),
        ("are", "were", "have"),
    ]
