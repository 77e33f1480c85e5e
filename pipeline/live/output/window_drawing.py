"""What the window draws: two pictures side by side of a line, and lines of text on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pygame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WHITE = (255, 255, 255)
_SHADE = (0, 0, 0, 170)
_TEXT_SIZES = 12, 24
"""Smallest and greatest height of the font, in pixels."""


def fitted(size: tuple[int, int], room: tuple[int, int]) -> pygame.Rect:
    """The largest rectangle of a picture's shape in the middle of some room.

    Args:
        size: Width and height of the picture, in pixels.
        room: Width and height of the room.
    """
    scale = min(room[0] / size[0], room[1] / size[1])
    width, height = (max(1, round(length * scale)) for length in size)
    return pygame.Rect((room[0] - width) // 2, (room[1] - height) // 2, width, height)


def compose(before: NDArray[np.uint8], after: NDArray[np.uint8], divider: float) -> NDArray[np.uint8]:
    """One picture of two: ``before`` left of the divider, ``after`` right of it, and a line between them.

    Args:
        before: Picture before, uint8 (height, width, 3).
        after: Picture after, uint8 of the same shape.
        divider: Place of the divider, 0 to 1 from left to right; 0 shows ``after`` alone.

    Returns:
        A new array of the same shape.
    """
    picture = after.copy()
    column = round(divider * after.shape[1])
    if column > 0:
        picture[:, :column] = before[:, :column]
        picture[:, max(column - 1, 0) : column + 1] = 255
    return picture


def as_surface(picture: NDArray[np.uint8]) -> pygame.Surface:
    """A picture as pygame draws it, in the same memory.

    Args:
        picture: RGB, uint8 (height, width, 3), C-contiguous.
    """
    height, width, _ = picture.shape
    return pygame.image.frombuffer(picture.data, (width, height), "RGB")


def icon() -> pygame.Surface:
    """The icon of the window: dark left of a line, bright right of it."""
    surface = pygame.Surface((32, 32))
    surface.fill((70, 70, 70))
    surface.fill((200, 200, 200), (16, 0, 16, 32))
    surface.fill(_WHITE, (15, 0, 2, 32))
    return surface


def write_lines(surface: pygame.Surface, lines: list[str]) -> None:
    """Writes lines at the bottom of a surface, the first one lowest, on a darkened strip; changes the surface.

    Args:
        surface: Surface to write on.
        lines: Lines of text, none empty. They are cut off at the right where they find no room.
    """
    width, bottom = surface.get_size()
    font = _font(min(max(width // 40, _TEXT_SIZES[0]), _TEXT_SIZES[1]))
    height = font.get_linesize() + 2
    strip = pygame.Surface((width, min(height * len(lines) + 4, bottom)), pygame.SRCALPHA)
    strip.fill(_SHADE)
    surface.blit(strip, (0, bottom - strip.get_height()))
    for number, line in enumerate(lines):
        surface.blit(font.render(line, True, _WHITE), (height // 2, bottom - 2 - height * (number + 1)))


@cache
def _font(size: int) -> pygame.font.Font:
    """The font that comes with pygame."""
    pygame.font.init()
    return pygame.font.Font(None, size)
