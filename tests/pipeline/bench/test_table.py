"""Plain tables."""

from __future__ import annotations

from pipeline.bench.table import columns, short


def test_titles_stand_over_their_columns() -> None:
    assert columns([("", "one", "two"), ("row", "1", "12345")], (("", 1), ("both", 2))) == [
        "     ---both---",
        "     one    two",
        "row    1  12345",
    ]


def test_a_title_that_is_too_long_widens_its_last_column() -> None:
    above, row, other = columns([("a", "b", "c"), ("d", "e", "f")], (("", 1), ("long title", 1), ("", 1)))
    assert (above, row, other) == ("   long title", "a           b  c", "d           e  f")


def test_numbers_have_as_many_places_as_matter() -> None:
    assert [short(value) for value in (1.234, 12.34, 1234.5)] == ["1.23", "12.3", "1234"]
