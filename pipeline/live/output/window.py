"""The window: the picture before and after, on either side of a line that can be dragged."""

from __future__ import annotations

import io
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pygame

from network.planes import MAX_STRENGTH
from pipeline.live.output.window_check import require_window
from pipeline.live.output.window_drawing import as_surface, compose, fitted, icon, write_lines
from pipeline.live.processor import fit_size
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray

    from pipeline.live.counters import FlowCount
    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import LiveResult

KEYS = "space on/off   + - strength   d divider   s snapshot   r record   h help   q quit"

STEP = 0.1
"""Change of the strength by one press of a key."""

STALE = 1.0
"""Seconds without a new picture, after which the window says so."""

REDRAW = 0.25
"""Seconds after which the window is drawn again even if nothing happened, for what it says of the rate."""

_FIRST_SIZE = (640, 360)
"""Size of the window until the first picture comes."""

_REPEAT = (400, 80)
"""Milliseconds for which a key is held until it repeats, and from then on between two."""


class Preview:
    """Shows the results of a session. All methods are for the main thread, as window systems ask for."""

    def __init__(
        self,
        session: LiveSession,
        folder: Path,
        tell: Callable[[str], None],
        toggle_recording: Callable[[], bool],
        title: str = "deblur live",
    ) -> None:
        """Opens the window.

        Args:
            session: Session whose results are shown, and whose strength the keys set.
            folder: Folder for snapshots.
            tell: Function that takes a line for the user.
            toggle_recording: Function that starts or stops a recording, and returns whether one is running now.
            title: Title of the window.

        Raises:
            UsageError: If no window can be opened here.
        """
        require_window()
        self._session, self._folder, self._tell = session, folder, tell
        self._toggle_recording = toggle_recording
        self._reformatter = Reformatter()
        self._result: LiveResult | None = None
        self._pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        """The result before and after, in the size in which it is shown."""
        self._view = pygame.Rect(0, 0, *_FIRST_SIZE)
        self._divider = 0.5
        self._is_split = self._shows_help = True
        self._is_recording = False
        self._held_keys: set[int] = set()
        self._snapshots = 0
        self._last_new = time.perf_counter()
        self._last_drawn = 0.0
        self._window = pygame.Window(title, _FIRST_SIZE, resizable=True)
        self._window.set_icon(icon())
        pygame.key.set_repeat(*_REPEAT)
        self._subscription = session.subscribe()

    @property
    def name(self) -> str:
        """Name of the output for the user."""
        return "window"

    @property
    def count(self) -> FlowCount:
        """Counts of shown and dropped frames, and the latency from capture to display."""
        return self._subscription.count

    def step(self, timeout: float) -> bool:
        """Shows a new picture, and handles pressed keys.

        Args:
            timeout: Seconds to wait for a new picture.

        Returns:
            False if the user closed the window or asked to quit.
        """
        result = self._subscription.get(timeout)
        events = pygame.event.get()
        if not all(self._handle(event) for event in events):
            return False
        if result is not None:
            if self._result is None:
                self._window.size = self._size_for(result.frame)
                self._window.position = pygame.WINDOWPOS_CENTERED
            self._result, self._pictures, self._last_new = result, None, time.perf_counter()
        if result is not None or events or time.perf_counter() - self._last_drawn > REDRAW:
            self._draw()
        if result is not None:
            self._subscription.mark_shown(result)
        return True

    def close(self) -> None:
        """Closes the window."""
        self._subscription.close()
        self._window.destroy()
        pygame.display.quit()

    def _size_for(self, frame: VideoFrame) -> tuple[int, int]:
        """The size of the first picture, or what of it the desktop has room for."""
        width, height = pygame.display.get_desktop_sizes()[0]
        return fit_size((frame.width, frame.height), (max(width * 9 // 10, 2), max(height * 9 // 10, 2)))

    def _rgb(self, frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        picture: NDArray[Any] = self._reformatter.reformat(frame, *size, "rgb24").to_ndarray()
        return picture

    def _draw(self) -> None:
        self._last_drawn = now = time.perf_counter()
        surface = self._window.get_surface()
        surface.fill((0, 0, 0))
        if self._result is not None:
            original, frame = self._result.original, self._result.frame
            view = fitted((frame.width, frame.height), surface.get_size())
            if self._pictures is None or view != self._view:
                after = self._rgb(frame, view.size)
                self._pictures = (after if original is frame else self._rgb(original, view.size)), after
                self._view = view
            picture = compose(*self._pictures, self._divider if self._is_split else 0.0)
            surface.blit(as_surface(picture), view)
            silence = now - self._last_new
            lines = [
                self._status(),
                f"no picture for {silence:.0f} s" if silence > STALE else "",
                KEYS if self._shows_help else "",
            ]
            write_lines(surface.subsurface(view), [line for line in lines if line])
        self._window.flip()

    def _status(self) -> str:
        shown = self.count
        parts = [
            f"{shown.rate:.0f} frames/s",
            f"{shown.recent:.0f} ms" if shown.passed else "",
            f"{self._session.count.dropped} dropped",
            f"strength {self._session.strength:.1f}" if self._session.enabled else "off",
            "recording" if self._is_recording else "",
        ]
        return "   ".join(part for part in parts if part)

    def _handle(self, event: pygame.Event) -> bool:
        """Handles an event; returns False if the user is done."""
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
            return False
        if event.type == pygame.KEYDOWN:
            is_repeated = event.key in self._held_keys
            self._held_keys.add(event.key)
            return self._press(event.unicode, is_repeated=is_repeated)
        if event.type == pygame.KEYUP:
            self._held_keys.discard(event.key)
        elif (event.type == pygame.MOUSEBUTTONDOWN and event.button == pygame.BUTTON_LEFT) or (
            event.type == pygame.MOUSEMOTION and event.buttons[0]
        ):
            self._divider = min(max((event.pos[0] - self._view.left) / self._view.width, 0.0), 1.0)
        return True

    def _press(self, letter: str, *, is_repeated: bool) -> bool:
        """Handles a pressed key; returns False if it is the key to quit. Only the keys of the strength repeat."""
        session = self._session
        if letter in ("+", "="):
            session.strength = min(round(session.strength + STEP, 3), MAX_STRENGTH)
        elif letter in ("-", "_"):
            session.strength = max(round(session.strength - STEP, 3), 0.0)
        elif is_repeated:
            return True
        elif letter in ("q", "\x1b"):
            return False
        elif letter == " ":
            session.enabled = not session.enabled
        elif letter == "d":
            self._is_split = not self._is_split
        elif letter == "h":
            self._shows_help = not self._shows_help
        elif letter == "s":
            self._snapshot()
        elif letter == "r":
            self._is_recording = self._toggle_recording()
        return True

    def _snapshot(self) -> None:
        if self._result is None:
            return
        self._snapshots += 1
        path = self._folder / f"deblur-{datetime.now():%Y%m%d-%H%M%S}-{self._snapshots}.png"  # noqa: DTZ005 - local
        frame, data = self._result.frame, io.BytesIO()
        pygame.image.save(as_surface(self._rgb(frame, (frame.width, frame.height))), data, "snapshot.png")
        try:
            path.write_bytes(data.getvalue())
        except OSError as error:
            self._tell(f"can't write the snapshot {path}: {error.strerror or error}")
        else:
            self._tell(f"snapshot {path}")
