"""HTML of the slider between pictures; see ``static/slider.js``."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.pages.picture import Encoded


@dataclass(frozen=True, slots=True)
class Stop:
    """One moment that a slider shows.

    Attributes:
        key: Identifier, to link to; unique in the page.
        caption: Caption, as plain text.
        pictures: Two pictures or more of one size, by name; the first two are shown at first, left and right.
    """

    key: str
    caption: str
    pictures: tuple[tuple[str, Encoded], ...]


def slider(stops: Sequence[Stop]) -> str:
    """HTML of a slider.

    Args:
        stops: Moments in their order, one at least, all with pictures of the same names.
    """
    return f'<figure class="slider" data-slider>\n{"".join(map(_stop, stops))}<figcaption></figcaption>\n</figure>\n'


def _stop(stop: Stop) -> str:
    images = "".join(
        f'<img alt="{escape(name)}" width="{picture.width}" height="{picture.height}" decoding="sync" '
        f'src="{picture.address}">\n'
        for name, picture in stop.pictures
    )
    return f'<div class="slider-stop" id="{escape(stop.key)}" data-caption="{escape(stop.caption)}">\n{images}</div>\n'
