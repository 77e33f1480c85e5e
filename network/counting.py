"""Numbers of things in words."""

from __future__ import annotations


def count_of(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, such as "1 segment" and "2 segments".

    Args:
        number: Number of things.
        noun: Word for one of them.
        plural: Word for several; empty for the noun with an s.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def are(number: int) -> str:
    """The verb that follows such a number: "is" or "are"."""
    return "is" if number == 1 else "are"


def were(number: int) -> str:
    """The verb that follows such a number: "was" or "were"."""
    return "was" if number == 1 else "were"


def have(number: int) -> str:
    """The verb that follows such a number: "has" or "have"."""
    return "has" if number == 1 else "have"
