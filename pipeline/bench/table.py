"""Plain tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "


def columns(rows: Sequence[Sequence[str]], groups: Sequence[tuple[str, int]] = ()) -> list[str]:
    """Rows in columns, the first aligned to the left, the others to the right.

    Args:
        rows: Cells of each row, the headings among them.
        groups: Titles over neighbouring columns, from left to right, each with their number; empty for no title.

    Returns:
        The lines: that of the groups, if there are any, and one for each row.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    above, first = [], 0
    for title, count in groups:
        room = sum(widths[first : first + count]) + len(GAP) * (count - 1)
        widths[first + count - 1] += max(0, len(title) - room)
        above.append(title.center(max(room, len(title)), "-") if title else " " * room)
        first += count
    lines = [
        GAP.join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
    return [*([GAP.join(above).rstrip()] if groups else []), *lines]


def short(value: float) -> str:
    """A number with as many places as matter."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"
