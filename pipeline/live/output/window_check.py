"""Whether a window can be opened here, found out before an engine is loaded."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALL = 'pip install "deblur-stream[live]"'

_REMEDY = "use `serve` or another output"


def require_window() -> None:
    """Connects to the display; refuses where no window can be opened. Harmless if it is connected.

    Raises:
        UsageError: If pygame is missing, or there is no display, or it does not answer.
    """
    if find_spec("pygame") is None:
        raise UsageError(f"`window` needs pygame-ce: {_INSTALL}", field="window")
    with _environment(_settings()):
        import pygame

        try:
            pygame.display.init()
        except pygame.error as error:
            display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "that SDL_VIDEODRIVER names"
            name = f"the display {display}" if sys.platform.startswith("linux") else "the display"
            raise UsageError(f"{name} for `window` does not answer ({error}); {_REMEDY}", field="window") from error


def _settings() -> dict[str, str]:
    """Environment variables under which SDL, the library below pygame, starts as is wanted here.

    Raises:
        UsageError: If there is no display.
    """
    # Ctrl-C and SIGTERM belong to this program. Desktops know its windows by the class; SDL would take Python's name.
    settings = {"SDL_NO_SIGNAL_HANDLERS": "1", "SDL_VIDEO_X11_WMCLASS": "deblur", "SDL_VIDEO_WAYLAND_WMCLASS": "deblur"}
    if sys.platform.startswith("linux") and not os.environ.get("SDL_VIDEODRIVER"):
        # Without a display, SDL would otherwise draw a window that nobody can see.
        kinds = {"DISPLAY": "x11", "WAYLAND_DISPLAY": "wayland"}
        drivers = [kind for variable, kind in kinds.items() if os.environ.get(variable)]
        if not drivers:
            raise UsageError(f"there is no display for `window` (DISPLAY is not set); {_REMEDY}", field="window")
        settings["SDL_VIDEODRIVER"] = ",".join(drivers)
    return settings


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for a while."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
